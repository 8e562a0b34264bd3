# summary: workers killed at each named step of a request's life, under verified disk and TCP load
# timeout: 1140
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh
# shellcheck shell=dash
# RIG_SET='STEP_KILLS=4': fewer at each step, while developing
. /rig/tests/rig/dom0/recovery.sh

recovery_dd
recovery_guests /run/disk0.img /dev/ram0
load_start
sleep 0.5
kill_at_steps "${STEP_KILLS:-10}"
outages
recovery_end 60
