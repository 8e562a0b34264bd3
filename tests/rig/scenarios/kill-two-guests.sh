# summary: Debian 12's and Debian 13's kernel as guests, each with disk and network: every kind of death, verified
# timeout: 1140
# machine: icount
# files: recovery-plain-domain dom0-disks bench trixie tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

# shellcheck disable=SC2034 # for recovery.sh
G2_DISK=/data/sparse.img G2_KERNEL=/rig/trixie/vmlinux G2_RAMDISK=/rig/trixie/guest.cpio GUEST_MEMORY=224
# shellcheck disable=SC2034 # for recovery.sh
DD_MEMORY=160
recovery_plain_dd
recovery_guests /dev/xvda
load_start
sleep 0.5
kill_workers "${KILLS:-20}"
kill_daemons 1
domain_deaths "${DESTROYS:-1}" "${PANICS:-1}" "${HANGS:-1}"
recovery_end 120
