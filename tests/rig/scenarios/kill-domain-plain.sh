# summary: the same without passthrough: the driver domain's disks are dom0's
# timeout: 1200
# machine: icount
# files: recovery-plain-domain dom0-disks bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
# RIG_SET='DESTROYS=1 PANICS=1 HANGS=0': fewer, while developing
. /rig/tests/rig/dom0/recovery.sh

recovery_plain_dd
recovery_guests /dev/xvda /data/sparse.img
load_start
domain_deaths "${DESTROYS:-10}" "${PANICS:-3}" "${HANGS:-1}"
recovery_end 120
