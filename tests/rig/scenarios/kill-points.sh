# summary: workers killed at each named step of a request's life, under verified disk and TCP load
# timeout: 420
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh
# shellcheck shell=dash
# RIG_SET='STEP_KILLS=4': fewer at each step, while developing
. /rig/tests/rig/dom0/recovery.sh

STEP_KILLS=${STEP_KILLS:-10}
dd_start dd memory=192
recovery_guests /run/disk0.img /dev/ram0

load_start
sleep 0.5
n=0
for step in taken copied submitted completed answered before-notify after-notify; do
    n=$((n + STEP_KILLS))
    test_kill "step $step $STEP_KILLS 100"
    wait_for 60 "$STEP_KILLS workers to die at the step '$step'" killed $n
    load_running
    say "$step: $STEP_KILLS workers died there and were replaced"
done
outages "$RIG_LOG/guest-dd.log"
for g in g1 g2; do no_resets $g; done
load_end 60
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word"
guest_stop g1
guest_stop g2
dd_stop dd
