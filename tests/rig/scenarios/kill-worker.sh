# summary: 200 workers killed under verified disk and TCP load: the guests notice nothing
# timeout: 600
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

KILLS=${KILLS:-200}
dd_start dd memory=192
dd=$(domid dd)
recovery_guests /run/disk0.img
log=$RIG_LOG/guest-dd.log

load_start 16 25 48
xenstore-write "/local/domain/$dd/data/drvdom/test-kill" "workers $KILLS 400"
killed() {
    [ "$(xs "/local/domain/$dd/data/drvdom/worker-restarts")" -ge "$KILLS" ]
}
wait_for 300 "$KILLS workers to be killed and replaced" killed
load_running || fail "the load ended before the last kill: make it longer"
say "$KILLS workers killed, the load still runs"
load_check 240
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word"
for kind in vbd vif; do
    sed -n "s/.*$kind .*: served again \([0-9]*\) us after the loss.*/\1/p" "$log" | sort -n | awk -v k=$kind '
        { v[NR] = $1 }
        END { if (NR == 0) exit 1
              printf "RIG-FIGURE %s.outage.p50 %d us\nRIG-FIGURE %s.outage.p99 %d us\nRIG-FIGURE %s.outage.max %d us\n",
                  k, v[int(NR * 0.5 + 0.5)], k, v[int(NR * 0.99 + 0.5)], k, v[NR] }' ||
        fail "no $kind worker was replaced"
done
awk '/taken up with/ { n++; if ($(NF - 3) > 0) busy++ } END { print n, busy }' "$log" >/tmp/taken
say "rings taken up, with requests in flight: $(cat /tmp/taken)"
guest_stop g1
guest_stop g2
dd_stop dd
