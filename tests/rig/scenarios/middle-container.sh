# summary: make report's column container: the measured work in a container of crun's on plain Linux
# timeout: 240
# machine: linux
# mem: 3584
# even-disk: 1000
# even-net: 2000
# files: load drivers crun tests/rig/dom0/middle.sh tests/rig/dom0/linux.sh tests/rig/dom0/container.sh
# shellcheck shell=dash disable=SC2034,SC2016
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/linux.sh
. /rig/tests/rig/dom0/container.sh

in_place() {
    crun exec c1 sh -c "$1" 2>&1
}
instance_start() {
    container_bundle "i$1" "$BIRTH/up; exec sleep 100000"
    container_start "i$1"
}
instance_up() {
    born_at "/tmp/c/i$1/upper/up"
}
DISK=/dev/nvme0n1 EVEN=/dev/nvme0n3 ROUNDS=5 ROUNDS_EIGHT=5

(cd / && cpio -i -d -u </rig/load.cpio 2>/dev/null) || fail "cannot unpack load.cpio"
load_drivers /rig/drivers
load_drivers /rig/drivers/container
wait_for 20 "the disk" test -b $EVEN
container_root
container_bundle c1 'exec sleep 100000' $DISK $EVEN
container_start c1
brctl addbr br0
brctl addif br0 eth0
ip link set eth0 up
ip link set br0 up
container_net c1 "$OUTSIDE_ADDR.15/24"
answers() {
    in_place "ping -c 1 -W 1 $OUTSIDE_GATEWAY"
}
wait_for 20 "the gateway to answer" answers
in_place '[ -x /load/blkload ] && [ ! -e /rig ] && [ "$(hostname)" = crun ]' || fail "the container is not in namespaces of its own"
measure
