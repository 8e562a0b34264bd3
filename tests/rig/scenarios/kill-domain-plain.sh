# summary: the same without passthrough: the driver domain's disks are dom0's
# timeout: 1500
# machine: icount
# files: recovery-plain-domain dom0-disks bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
# RIG_SET='DESTROYS=1 PANICS=1 HANGS=0': fewer, while developing
. /rig/tests/rig/dom0/recovery.sh

dom0_disks
guard_start
dd_start dd memory=128 "extra=\"$QUIET sysrq_always_enabled\"" \
    'disk=["format=raw,vdev=xvda,access=rw,target=/dev/ram0", "format=raw,vdev=xvdb,access=rw,target=/dev/ram1"]'
recovery_guests /dev/xvda /data/sparse.img
load_start
domain_deaths "${DESTROYS:-10}" "${PANICS:-3}" "${HANGS:-1}"
for g in g1 g2; do no_resets $g; done
load_end 120
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word but of the capacity"
guest_stop g1
guest_stop g2
guard_let_go dd
dd_stop dd
