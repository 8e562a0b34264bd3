# For driver-dies-native and driver-dies-dom0: the machine itself dies and boots again, and the scenario begins
# anew with every boot; what it has to remember is on the disk.  Sourced after middle.sh.
# shellcheck shell=dash disable=SC2034,SC2154,SC3043

DIES_DISK=/dev/nvme0n1
STAGE_BLOCK=131072      # of 4 KiB; the writers' records lie before it
BUFFERED_AT=65536

read_block() {          # BLOCK: its first line
    dd if=$DIES_DISK bs=4096 skip="$1" count=1 iflag=direct 2>/dev/null | tr -d '\000' | head -n 1
}
write_block() {         # BLOCK WORDS
    { echo "$2"; head -c 4096 /dev/zero; } | head -c 4096 | dd of=$DIES_DISK bs=4096 seek="$1" oflag=direct conv=notrunc 2>/dev/null
}
stage() {               # which boot this is: 0, 1, ...
    local s
    s=$(read_block $STAGE_BLOCK)
    echo "${s:-0}"
}
next_stage() {
    write_block $STAGE_BLOCK $(($(stage) + 1))
}

# writer DISK STAGE: what the instance with a disk does.  For each record that is on the disk for good (written past
# the page cache) one that is only written: "NUMBER TIME".  Every boot has records of its own.
writer() {
    # (held open: the last one to close a block device writes all that is not yet there)
    cat <<SH
exec 9<>$1; n=0; while :; do n=\$((n + 1)); t=\$(date +%s)
    { echo "\$n \$t"; head -c 4096 /dev/zero; } | head -c 4096 >/tmp/record
    dd if=/tmp/record of=$1 bs=4096 seek=\$((n + $BUFFERED_AT + $2 * 8192)) conv=notrunc 2>/dev/null
    dd if=/tmp/record of=$1 bs=4096 seek=\$((n + $2 * 8192)) oflag=direct conv=notrunc 2>/dev/null || exit 1
    usleep 20000; done
SH
}
# newest FIRST-BLOCK: the last record that the disk has of those that begin there
newest() {
    dd if=$DIES_DISK bs=4096 skip=$(($1 + 1)) count=1024 iflag=direct 2>/dev/null | tr -d '\000' |
        awk '$1 != NR { exit } { last = $0 } END { print last ? last : "0 0" }'
}
# account FAULT INSTANCES STAGE: what the boot of that stage has lost, and how long nothing was served.  The clock is
# the machine's own, which knows whole seconds.  SKIPPED: seconds that Xen would have waited (skip_xens_wait).
SKIPPED=0
account() {
    local fault=$1 instances=$2 now synced buffered
    now=$(($(date +%s) + SKIPPED))
    synced=$(newest $(($3 * 8192)))
    buffered=$(newest $((BUFFERED_AT + $3 * 8192)))
    figure "dies.$fault" text "the whole machine with all $instances instances and their memory; served again after" \
        "$((now - ${synced#* })) s, when it had booted; of ${synced% *} writes that were not synced $((${synced% *} - ${buffered% *})) lost"
    figure "outage.$fault" $((now - ${synced#* })) s
    [ "${synced% *}" -gt 5 ] || fail "the disk has only ${synced% *} records of before"
}
# A kernel that hangs or oopses: it is set to notice that sooner than after 20 s, and to reboot.
watch_for_hangs() {
    echo 1 >/proc/sys/kernel/watchdog_thresh
    echo 1 >/proc/sys/kernel/softlockup_panic
    echo -1 >/proc/sys/kernel/panic     # at once
}

# The scenario begins: faults are ready, and $now is which boot this is.
dies_begin() {
    insmod /rig/rigfault.ko after=2 || fail "no faults: $(dmesg | tail -n 1)"
    now=$(stage)
    say "boot number $now"
}
# dies_end INSTANCES: so many run now.  The boot after a fault says what that has cost; the first boot ends by an oops of
# the NIC's driver, the second one by a hang of the disk's: the scenario's functions oops and hang.
dies_end() {
    case $now in
    1) account oops "$1" 0 ;;
    2) account hang "$1" 1 ;;
    esac
    next_stage
    watch_for_hangs
    sleep 1
    case $now in
    0)
        say "the NIC driver shall oops"
        oops
        sleep 5
        fail "e1000e was to oops, and the machine lives"
        ;;
    1)
        say "the disk driver shall hang"
        hang
        fail "nvme was to hang, and the machine lives"
        ;;
    esac
}
