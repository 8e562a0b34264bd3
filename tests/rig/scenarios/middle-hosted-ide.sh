# summary: make report's column hosted-ide: the measured work in a guest of QEMU/KVM, emulated devices
# timeout: 900
# machine: linux
# silence: 400
# mem: 3584
# even-disk: 3000
# even-net: 2000
# files: load trixie drivers hosted tests/rig/dom0/middle.sh tests/rig/dom0/linux.sh tests/rig/dom0/hosted.sh
# shellcheck shell=dash disable=SC2034,SC2046,SC2086
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/linux.sh
KIND=ide DISK=/dev/sda EVEN=/dev/sdb
LESS=2  # of each work: one operation costs that much more
. /rig/tests/rig/dom0/hosted.sh

hosted_host
hosted_start $(hosted_disk ide $DISK_HERE) $(hosted_disk ide $EVEN_HERE) $(hosted_net tap1 00:01)
measure
