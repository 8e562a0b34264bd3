# summary: the driver domain (NVMe, NIC passed through) dies again and again under verified load: its guests go on
# timeout: 1140
# machine: passthrough
# mem: 2560
# files: recovery-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
# RIG_SET='DESTROYS=1 PANICS=1 HANGS=0 COSTS=0': fewer, while developing
. /rig/tests/rig/dom0/recovery.sh

# shellcheck disable=SC2034 # for recovery.sh
NET=$OUTSIDE_ADDR GATEWAY=$OUTSIDE_GATEWAY
guard_start
pci_give "$NVME" "$NIC"
recovery_dd "pci=['$NVME', '$NIC']" "extra=\"$QUIET sysrq_always_enabled\""
recovery_guests /dev/nvme0n1 /data/sparse.img
# What it costs that an answered write survives: a block device; blocks that a sparse file has to find a place
# for, then the same ones again.
if [ "${COSTS:-1}" = 1 ]; then
    write_cost g1 /dev/xvda block
    write_cost g1 /dev/xvdb sparse
    write_cost g1 /dev/xvdb file
fi
load_start
domain_deaths "${DESTROYS:-10}" "${PANICS:-3}" "${HANGS:-1}"
recovery_end 120
