# summary: make report's column hosted-virtio: the measured work in a guest of QEMU/KVM, virtio devices
# timeout: 900
# machine: linux
# silence: 400
# mem: 3584
# even-disk: 1000
# even-net: 2000
# files: load trixie drivers hosted tests/rig/dom0/middle.sh tests/rig/dom0/linux.sh tests/rig/dom0/hosted.sh
# shellcheck shell=dash disable=SC2034,SC2046,SC2086
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/linux.sh
KIND=virtio DISK=/dev/vda EVEN=/dev/vdb
. /rig/tests/rig/dom0/hosted.sh

hosted_host
hosted_start $(hosted_disk virtio $DISK_HERE) $(hosted_disk virtio $EVEN_HERE) $(hosted_net tap1 00:01 ,vhost=on)
measure
