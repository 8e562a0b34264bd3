# shellcheck shell=bash
# Names of places and the few words every part of the rig says.  Sourced by tests/rig/rig.

RIG_DIR=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
TOP=$(cd "$RIG_DIR/../.." && pwd)
CACHE=$TOP/build/rig-cache      # downloads and what is made of them; survives between runs
ROOT=$CACHE/root                # the packages, unpacked over each other
IMG=$CACHE/images               # hypervisor, kernel, initramfs images, snapshots
LOGS=$TOP/build/rig             # one folder per scenario
export RIG_DIR TOP CACHE ROOT IMG LOGS

say() {
    printf 'rig: %s\n' "$*"
}

# One line: what is wrong, and what to do about it.
die() {
    printf 'rig: %s\n' "$*" >&2
    exit 1
}

need_tool() {   # TOOL PACKAGE
    command -v "$1" >/dev/null 2>&1 ||
        die "$1 is not installed: apt-get install $2 (or: make deps)"
}

# seconds with one decimal since START (nanoseconds from now_ns)
now_ns() {
    date +%s%N
}
since() {
    local ms=$((($(now_ns) - $1) / 1000000))
    printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# A short key of the contents of files and of the words given after --.
key_of() {
    local files=()
    while [ $# -gt 0 ] && [ "$1" != -- ]; do
        files+=("$1")
        shift
    done
    { [ ${#files[@]} = 0 ] || cat -- "${files[@]}"; printf '%s\n' "$*"; } | sha256sum | cut -c1-16
}

# Only one rig works on the cache at a time; a second one waits and says so.
lock_cache() {
    mkdir -p "$CACHE"
    exec 9>"$CACHE/lock"
    flock -w 10 9 || { say "waiting for another rig to finish with build/rig-cache"; flock 9; }
}
unlock_cache() {
    exec 9>&-
}
