# summary: make report's column dom0: a guest served by the kernel's backends in dom0, which has the drivers
# timeout: 900
# machine: passthrough
# mem: 3584
# even-disk: 1000
# even-net: 2000
# files: load trixie grub drivers tests/rig/dom0/io.sh tests/rig/dom0/middle.sh tests/rig/dom0/middle-xen.sh
# shellcheck shell=dash disable=SC2034
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/middle.sh
. /rig/tests/rig/dom0/middle-xen.sh

MORE=4  # crossings: dom0 also makes hypercalls for who measures
dom0_backends
guest_with ''
measure
