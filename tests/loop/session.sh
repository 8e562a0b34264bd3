# shellcheck shell=bash
# Sourced by tests on fakexen: a session with one driver domain (5) that runs the shipped drvdomd, guests,
# and what is counted to see that nothing stays behind.
#   SESSION_TIME  seconds after which drvdomd is ended even if whoever started it hangs: far beyond any busy machine's need
#   BIN   where the programs are (default build/debug/bin)
# shellcheck disable=SC2034 # used by whoever sources this

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BIN=$(cd "${BIN:-$top/build/debug/bin}" && pwd)
fx=$top/tests/fakexen/fakexen
dir=$(mktemp -d "${TMPDIR:-/tmp}/drvdom-${0##*/}.XXXXXX")
failed=0
dd_job=''
dd_run=()  # what drvdomd runs in
dd_args=() # and its arguments
keeper=() # DIR [ARGUMENT...]: drvdomd is kept by drvdom-init's code instead (keeper.c), new versions come to DIR

session_end() {
    local rc=$?
    "$fx" stop "$dir" 2>/dev/null
    [ -z "$dd_job" ] || wait "$dd_job" 2>/dev/null
    if [ -n "${KEEP:-}" ]; then echo "kept: $dir"; else rm -rf "$dir"; fi
    exit $rc
}
trap session_end EXIT

ok() { # what, command...
    local out
    if out=$("${@:2}" 2>&1); then
        echo "ok    $1"
    else
        echo "FAIL  $1"
        echo "$out" | tail -n 25 | sed 's/^/      /'
        tail -n 8 "$dir/dd.log" | sed 's/^/      dd: /'
        failed=1
    fi
}
not() {
    ! "$@"
}
soon() { # command...: within five seconds
    local i
    for ((i = 0; i < 100; i++)); do
        "$@" >/dev/null 2>&1 && return
        sleep 0.05
    done
    "$@"
}

session_start() {
    "$fx" start "$dir" || exit 1
    local program=("$BIN/drvdomd" ${dd_args[@]+"${dd_args[@]}"})
    : >"$dir/dd.log" # an earlier one's "ready" is not this one's
    [ ${#keeper[@]} = 0 ] ||
        program=(unshare --pid --fork --kill-child --mount-proc "$BIN/../test/keeper" "$BIN" "${keeper[@]}")
    # Tests have several queues however few processors there are, and flushes although images need none.
    # Who is to look at every process finds no worker in reserve, unless it says so.
    DRVDOM_SPARES=${DRVDOM_SPARES:-0} DRVDOM_BLK_QUEUES=${DRVDOM_BLK_QUEUES:-4} \
        DRVDOM_BLK_FLUSH=${DRVDOM_BLK_FLUSH-1} timeout "${SESSION_TIME:-7200}" \
        "$fx" domain "$dir" 5 -n storage -k -- ${dd_run[@]+"${dd_run[@]}"} "${program[@]}" >"$dir/dd.log" 2>&1 &
    dd_job=$!
    soon grep -q ' ready$' "$dir/dd.log" || { cat "$dir/dd.log"; exit 1; }
    daemon
}
# Kept by a keeper it may be another by now: sets dd_pid, or fails.
daemon() {
    dd_pid=$(<"$dir/dom5/pgid")
    [ ${#keeper[@]} = 0 ] || dd_pid=$(pgrep -P "$(pgrep -P "$dd_pid")" -x drvdomd)
}

guest() { "$fx" domain "$dir" "$1" -k; }
destroy() { timeout 30 "$fx" destroy "$dir" "$1"; }
disk() { rm -f "$1" && truncate -s "${2:-16M}" "$1"; } # path [size]
attach() { timeout 30 "$fx" attach-vbd "$dir" "$1" 5 "$2" "${@:3}"; } # guest, devid, target...
detach() { timeout 40 "$fx" detach "$dir" vbd "$1" 5 "$2"; }
front() { timeout "${FRONT_TIME:-120}" "$fx" in "$dir" "$1" -- "$BIN/drvdom-blkfront" --devid "$2" "${@:3}"; }
xs() { timeout 10 "$fx" xs "$dir" "$@"; }

# --- what the driver domain holds ------------------------------------------------------------------
usage() { "$fx" usage "$dir" "$1"; }
worker_of() { pgrep -P "$dd_pid" -u "$((100000 + $1))"; } # slot in drvdomd's table
workers() { pgrep -c -P "$dd_pid"; }
fds() { find "/proc/$1/fd" -mindepth 1 2>/dev/null | wc -l; }
resident_kb() { awk '/^VmRSS/ { print $2 }' "/proc/$1/status"; }
backends() { xs 0 ls /local/domain/5/backend 2>/dev/null | grep -c '/state = '; }

# Everything that must be as it was once devices are gone.
holdings() {
    echo "dd $(usage 5), $(fds "$dd_pid") descriptors, $(workers) workers, $(backends) backends"
}
holds() {
    local i
    for ((i = 0; i < 100; i++)); do
        [ "$(holdings)" = "$1" ] && return
        sleep 0.05
    done
    echo "before: $1"
    echo "now:    $(holdings)"
    return 1
}
never_crashed() {
    kill -0 "$dd_pid" &&
        not grep -nE 'killed by signal|exit code|[Aa]ssert|Sanitizer|runtime error' "$dir/dd.log"
}
