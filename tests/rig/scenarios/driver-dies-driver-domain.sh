# summary: drivers in a driver domain: its NIC driver oopses, its disk driver hangs; its guests go on, nothing is lost
# timeout: 700
# machine: passthrough
# mem: 2560
# files: recovery-domain bench fault tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

# The disk is not written as fast as it goes, which would take the emulation minutes more.
# shellcheck disable=SC2034 # for recovery.sh
NET=$OUTSIDE_ADDR GATEWAY=$OUTSIDE_GATEWAY FIO_RATE=400
initramfs_of /rig/image/initramfs.gz /rig/fault.cpio >/rig/fault-image
guard_start
pci_give "$NVME" "$NIC"
recovery_dd "pci=['$NVME', '$NIC']" 'ramdisk="/rig/fault-image"' "extra=\"$QUIET rdinit=/fault/init\""
recovery_guests /dev/nvme0n1
guest_start g3 memory=160
load_start

# breaks FAULT GUEST 'commands': in the guest; the domain comes back, and nobody has noticed
breaks() {
    local before at
    before=$(guard_count 'outage of') at=$(uptime_now)
    guest_do "$2" "($3) >/dev/null 2>&1 &"
    wait_for 120 "the driver domain to answer again ($1)" answers_again "$before"
    load_running
    guest_do g3 true
    outage=$(sed -n 's/.*outage of \([0-9]*\) ms.*/\1/p' "$GUARD_LOG" | tail -n 1)
    say "$1: noticed after $(noticed_after "$at") ms; $(grep 'outage of' "$GUARD_LOG" | tail -n 1 | sed 's/.*guard: //')"
    figure "outage.$1" "$outage" ms
    texts="$texts
$1 the driver domain alone: noticed after $(noticed_after "$at") ms, its guests served again after $outage ms; no write and no connection of theirs lost"
}
texts=
breaks oops g1 "ping -c 1 -W 1 -s 1000 $OUTSIDE_GATEWAY"
# Only the driver domain's own log says why it died.
grep -q 'e1000_xmit_frame' "$RIG_LOG/guest-dd.log" || fail "the domain's log has no oops of e1000e"
sleep 6     # rigfault is for domains that have run for 6 s
breaks hang g1 'dd if=/dev/xvda of=/dev/null bs=4096 skip=1337 count=1 iflag=direct'
grep -q 'nvme_queue_rq hangs' "$RIG_LOG/guest-dd.log" || fail "the domain's log does not say that nvme hangs"
recovery_end 120
# Only now is it known that nothing was lost.
echo "$texts" | while read -r fault words; do
    [ -z "$fault" ] || figure "dies.$fault" text "$words"
done
