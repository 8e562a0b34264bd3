# summary: workers, drvdomd, programs and xenstored die or are exchanged, one kind after the other in one boot
# timeout: 1140
# machine: icount
# files: test-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh tests/rig/dom0/upgrades.sh build/release/bin/drvdomd build/release/bin/drvdom-blkback build/release/bin/drvdom-netback build/rig-bad build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control
# shellcheck shell=dash
# What kill-worker, kill-points, upgrade, bad-upgrade-rolls-back and xenstored-live-update do, for who has not the time
# for five boots.  RIG_SET='KILLS=20 STEP_KILLS=2 DAEMONS=1 TIMES=1': less of each; 'PARTS=deaths,xenstored,bad-upgrades,stall':
# not all of them.
. /rig/tests/rig/dom0/upgrades.sh

recovery_dd
recovery_guests /run/disk0.img /dev/ram0
part() {
    case ,${PARTS:-deaths,xenstored,bad-upgrades,stall}, in
    *,$1,*) return 0 ;;
    esac
    return 1
}
load_start
sleep 0.5
if part deaths; then
    kill_workers "${KILLS:-200}"
    outages
    kill_daemons "${DAEMONS:-5}"
    kill_at_steps "${STEP_KILLS:-10}"
    upgrades "${TIMES:-3}"
    recovery_load_end 60
    load_start
fi
if part xenstored; then live_updates "${TIMES:-3}"; fi
if part bad-upgrades; then bad_upgrades; fi
recovery_load_end 60
if part stall; then upgrade_stall; fi
recovery_over
