# shellcheck shell=bash
# Boots dom0 once for each machine and keeps its state; scenarios go on from there in a second.

FILES_MIB=256

# The files disk always has the same size: the loaded kernel has seen it already.
empty_files_disk() {
    rm -f "$1"
    truncate -s ${FILES_MIB}M "$1"
}

# A snapshot is good for one hypervisor, dom0 and command line.
snapshot_key() {        # MACHINE MEM
    qemu_args "$1" "$2" DIR
    key_of "$IMG/dom0.key" "$IMG/xen" "$IMG/kernel-version" -- "${QEMU_ARGS[@]}" "$($QEMU --version | head -n 1)"
}

snapshot_file() {
    printf '%s/snapshot-%s-%s.qcow2\n' "$IMG" "$1" "$2"
}

# snapshot_ensure MACHINE MEM
snapshot_ensure() {
    local machine=$1 mem=$2 key file dir start
    file=$(snapshot_file "$machine" "$mem")
    key=$(snapshot_key "$machine" "$mem")
    [ -e "$file" ] && [ "$(cat "$file.key" 2>/dev/null)" = "$key" ] && return 0
    need_tool qemu-img qemu-utils
    say "booting Xen and dom0 ($machine), to keep a snapshot of it"
    start=$(now_ns)
    dir=$CACHE/boot
    rm -rf "$dir"
    mkdir -p "$dir"
    empty_files_disk "$dir/files.img"
    qemu-img create -q -f qcow2 "$dir/state.qcow2" 4G ||
        die "qemu-img cannot make build/rig-cache/boot/state.qcow2: disk full?"
    qemu_args "$machine" "$mem" "$dir"
    qemu_start "$dir"
    boot_wait "$dir" 300
    say "dom0 is ready after $(since "$start") s"
    qemu_says 60 "savevm ready" >"$dir/savevm"
    qemu_stop
    if ! qemu-img snapshot -l "$dir/state.qcow2" | grep -q ready; then
        die "savevm failed: $(tr -d '\r' <"$dir/savevm" | grep -m 1 -i error)"
    fi
    mv "$dir/state.qcow2" "$file"
    printf '%s\n' "$key" >"$file.key"
    say "snapshot of $(du -m "$file" | cut -f1) MB, $(since "$start") s"
}

# boot_wait DIR SECONDS: until dom0 says that it is ready, or dies with what is known
boot_wait() {
    local dir=$1
    if ! wait_line "$2" "$dir/output" RIG-READY; then
        if qemu_alive; then
            qemu_stop
            die "dom0 not ready after $2 s: last words in ${dir#"$TOP"/}/console.log: $(tail -n 1 "$dir/console.log")"
        fi
        die "qemu ended: $(tail -n 1 "$dir/qemu.log")"
    fi
    if grep -q '^RIG-BROKEN' "$dir/output"; then
        qemu_stop
        die "dom0 came up broken: $(grep -m 1 '^RIG-BROKEN' "$dir/output")"
    fi
}
