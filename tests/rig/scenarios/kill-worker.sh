# summary: 200 workers and 5 drvdomd killed under verified disk and TCP load: the guests notice nothing
# timeout: 1140
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh
# shellcheck shell=dash
# RIG_SET='KILLS=20 DAEMONS=1': fewer, while developing
. /rig/tests/rig/dom0/recovery.sh

recovery_dd
recovery_guests /run/disk0.img /dev/ram0
load_start
sleep 1
kill_workers "${KILLS:-200}"
outages
kill_daemons "${DAEMONS:-5}"
recovery_end 60
