# summary: Debian 12's and Debian 13's kernel as guests, each with disk and network: every kind of death, verified
# timeout: 900
# machine: icount
# files: recovery-plain-domain dom0-disks bench trixie tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

# shellcheck disable=SC2034 # for recovery.sh
G2_DISK=/data/sparse.img G2_KERNEL=/rig/trixie/vmlinux G2_RAMDISK=/rig/trixie/guest.cpio GUEST_MEMORY=224
dom0_disks
guard_start
dd_start dd memory=160 "extra=\"$QUIET sysrq_always_enabled\"" \
    'disk=["format=raw,vdev=xvda,access=rw,target=/dev/ram0", "format=raw,vdev=xvdb,access=rw,target=/dev/ram1"]'
recovery_guests /dev/xvda
load_start
sleep 0.5
test_kill "workers ${KILLS:-20} 100"
wait_for 60 "workers to be killed and replaced" killed "${KILLS:-20}"
load_running
say "workers: the load still runs"
ready=$(grep -c "drvdomd .* ready" "$RIG_LOG/guest-dd.log")
again() {
    [ "$(grep -c "drvdomd .* ready" "$RIG_LOG/guest-dd.log")" -gt "$ready" ]
}
test_kill drvdomd
wait_for 30 "drvdomd to be ready again" again
load_running
say "drvdomd: the load still runs"
domain_deaths 1 1 1
for g in g1 g2; do no_resets $g; done
load_end 120
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word but of the capacity"
guest_stop g1
guest_stop g2
guard_let_go dd
dd_stop dd
