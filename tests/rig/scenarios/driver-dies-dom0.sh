# summary: drivers in dom0: its NIC driver oopses, its disk driver hangs; who loses service, for how long, what data
# timeout: 560
# machine: passthrough
# reboots: yes
# mem: 2560
# files: drivers fault tests/rig/dom0/io.sh tests/rig/dom0/middle.sh tests/rig/dom0/middle-xen.sh tests/rig/dom0/dies.sh
# shellcheck shell=dash disable=SC2034,SC2154
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/middle-xen.sh
. /rig/tests/rig/dom0/dies.sh

oops() {
    guest_run g1 "ping -c 1 -W 1 -s 1000 $OUTSIDE_GATEWAY" 10
}
hang() {
    guest_run g1 'dd if=/dev/xvda of=/dev/null bs=4096 skip=1337 count=1 iflag=direct 2>/dev/null' 60
}

SKIPPED=5
dom0_backends
dies_begin
# Two instances: one writes and talks to the outside, one only computes.
guest_start g1 "$TSC" "disk=[\"format=raw,vdev=xvda,access=rw,target=$DIES_DISK\"]" 'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0"]'
guest_start g2 "$TSC"
guest_do g1 "($(writer /dev/xvda "$now")) >/dev/null 2>&1 &"
net_up g1 "$OUTSIDE_ADDR.15/24" "$OUTSIDE_GATEWAY"
guest_do g2 'while :; do sleep 1; done >/dev/null 2>&1 &'
dies_end 2
