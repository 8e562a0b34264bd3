# summary: plain Linux: its NIC driver oopses, its disk driver hangs; who loses service, for how long, what data
# timeout: 400
# machine: linux
# reboots: yes
# files: drivers fault tests/rig/dom0/middle.sh tests/rig/dom0/dies.sh
# shellcheck shell=dash disable=SC2154
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/dies.sh

oops() {
    ping -c 1 -W 1 -s 1000 "$OUTSIDE_GATEWAY" >/dev/null 2>&1
}
hang() {
    dd if="$DIES_DISK" of=/dev/null bs=4096 skip=1337 count=1 iflag=direct 2>/dev/null
}

load_drivers /rig/drivers
wait_for 20 "the disk" test -b "$DIES_DISK"
dies_begin
# Three instances: one writes, one talks to the outside, one only computes.
net_here eth0
sh -c "$(writer "$DIES_DISK" "$now")" &
sh -c "ping -i 0.2 $OUTSIDE_GATEWAY >/dev/null" &
sh -c 'while :; do sleep 1; done' &
dies_end 3
