# summary: make report's column kernel: a guest served by the kernel's backends in a driver domain, which has the drivers
# timeout: 900
# machine: passthrough
# mem: 3584
# even-disk: 1000
# even-net: 2000
# files: load trixie grub kdd tests/rig/dom0/io.sh tests/rig/dom0/middle.sh tests/rig/dom0/middle-xen.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/middle-xen.sh

pci_give "$NVME" "$NIC"
kdd_start dd memory=192 "$TSC" "pci=['$NVME', '$NIC']"
guest_with backend=dd,
measure
