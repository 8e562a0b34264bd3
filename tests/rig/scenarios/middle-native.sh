# summary: make report's column native: the measured work on plain Linux, no hypervisor
# timeout: 240
# machine: linux
# mem: 3584
# even-disk: 1000
# even-net: 2000
# files: load drivers tests/rig/dom0/middle.sh tests/rig/dom0/linux.sh
# shellcheck shell=dash disable=SC2034
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/linux.sh

in_place() {
    sh -c "$1" 2>&1
}
# An instance is a process here.
instance_start() {
    sh -c "$BIRTH/tmp/up.$1; exec sleep 100000" >/dev/null 2>&1 &
}
instance_up() {
    born_at "/tmp/up.$1"
}
DISK=/dev/nvme0n1 EVEN=/dev/nvme0n3 ROUNDS=7 ROUNDS_EIGHT=7

(cd / && cpio -i -d -u </rig/load.cpio 2>/dev/null) || fail "cannot unpack load.cpio"
load_drivers /rig/drivers
wait_for 20 "the disk" test -b $EVEN
net_here eth0
measure
