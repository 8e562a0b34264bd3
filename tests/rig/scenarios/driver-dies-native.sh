# summary: plain Linux: its NIC driver oopses, its disk driver hangs; who loses service, for how long, what data
# timeout: 400
# machine: linux
# reboots: yes
# files: drivers fault tests/rig/dom0/middle.sh tests/rig/dom0/dies.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/dies.sh

load_drivers /rig/drivers
wait_for 20 "the disk" test -b "$DIES_DISK"
insmod /rig/rigfault.ko after=2 || fail "no faults: $(dmesg | tail -n 1)"
now=$(stage)
say "boot number $now"
# Three instances: one writes, one talks to the outside, one only computes.
net_here eth0
sh -c "$(writer "$DIES_DISK" "$now")" &
sh -c "ping -i 0.2 $OUTSIDE_GATEWAY >/dev/null" &
sh -c 'while :; do sleep 1; done' &
case $now in
1) account oops 3 0 ;;
2) account hang 3 1 ;;
esac
next_stage
watch_for_hangs
sleep 1
case $now in
0)
    say "the NIC driver shall oops"
    ping -c 1 -W 1 -s 1000 "$OUTSIDE_GATEWAY" >/dev/null 2>&1
    sleep 5
    fail "e1000e was to oops, and the machine lives"
    ;;
1)
    say "the disk driver shall hang"
    dd if="$DIES_DISK" of=/dev/null bs=4096 skip=1337 count=1 iflag=direct 2>/dev/null
    fail "nvme was to hang, and the machine lives"
    ;;
esac
