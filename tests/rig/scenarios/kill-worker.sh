# summary: 200 workers and 5 drvdomd killed under verified disk and TCP load: the guests notice nothing
# timeout: 1140
# machine: icount
# files: delay-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh
# shellcheck shell=dash
# RIG_SET='KILLS=20 DAEMONS=1': fewer, while developing
. /rig/tests/rig/dom0/recovery.sh

recovery_dd
recovery_guests /run/disk0.img /dev/mapper/slow
load_start
sleep 1
kill_workers "${KILLS:-200}"
outages
# On one processor a worker is killed while it sleeps, mostly: with a disk that answers at once nothing would be in flight.
grep -q "taken up with [1-9]" "$RIG_LOG/guest-dd.log" || fail "no worker died with a request in flight"
kill_daemons "${DAEMONS:-5}"
recovery_end 60
