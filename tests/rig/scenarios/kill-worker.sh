# summary: 200 workers and 5 drvdomd killed under verified disk and TCP load: the guests notice nothing
# timeout: 420
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh
# shellcheck shell=dash
# RIG_SET='KILLS=20 DAEMONS=1': fewer, while developing
. /rig/tests/rig/dom0/recovery.sh

KILLS=${KILLS:-200} DAEMONS=${DAEMONS:-5}
dd_start dd memory=192
recovery_guests /run/disk0.img /dev/ram0
log=$RIG_LOG/guest-dd.log

load_start
sleep 1
test_kill "workers $KILLS 40"
wait_for 240 "$KILLS workers to be killed and replaced" killed "$KILLS"
load_running
say "$KILLS workers killed, the load still runs"
outages "$log"

readies() {
    grep -c 'drvdomd .* ready' "$log"
}
ready_again() {         # TIMES
    [ "$(readies)" -gt "$1" ]
}
all_served() {          # TIMES: adoptions seen so far, three devices each
    [ "$(grep -c 'served again' "$log")" -ge "$1" ]
}
n=0
while [ $n -lt "$DAEMONS" ]; do
    n=$((n + 1))
    before=$(readies) served=$(grep -c 'served again' "$log")
    test_kill drvdomd
    wait_for 30 "drvdomd to be ready again" ready_again "$before"
    wait_for 30 "every device to be adopted" all_served $((served + 4))
    sleep 0.3
done
load_running
say "$n drvdomd killed, the load still runs"
awk '/drvdomd was killed/ { on = 1 } on' "$log" | sed -n 's/.*: served again \([0-9]*\) us after the loss.*/\1/p' |
    percentiles drvdomd.outage us
for g in g1 g2; do no_resets $g; done
load_end 60
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word"
guest_stop g1
guest_stop g2
dd_stop dd
