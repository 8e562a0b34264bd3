# summary: drvdomd and its workers replaced by new programs, three times, under verified load: guests notice nothing
# timeout: 600
# machine: icount
# files: test-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdomd build/release/bin/drvdom-blkback build/release/bin/drvdom-netback
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

TIMES=${TIMES:-3} NEW=/rig/build/release/bin
dd_start dd memory=192
recovery_guests /run/disk0.img /dev/ram0
log=$RIG_LOG/guest-dd.log

upgrade() {
    local out
    waiting "drvdom upgrade"
    out=$(drvdom upgrade dd --bin $NEW 2>&1) || fail "drvdom upgrade: $out"
    waiting -
    say "$out"
}
served_by_new() {       # TIMES
    [ "$(grep -c 'upgrade: this version is in use' "$log")" = "$1" ]
}

load_start
n=0
while [ $n -lt "$TIMES" ]; do
    sleep 1
    n=$((n + 1))
    upgrade
    wait_for 10 "the new drvdomd's word" served_by_new $n
    load_running
done
sleep 1
load_running
outages "$log"
for g in g1 g2; do no_resets $g; done
load_end 60

# What one guest's request waits at most, as the guest sees it.
guest_do g1 'cd /tmp; (fio --name=s --filename=/dev/xvdb --ioengine=libaio --direct=1 --rw=randwrite --bs=4k \
    --time_based --runtime=4 --minimal >stall 2>&1; echo $? >stall.rc) >/dev/null 2>&1 &'
sleep 1
upgrade
wait_for 30 "fio" guest_run g1 '[ -s /tmp/stall.rc ]' 20
assert_eq "fio's status" "$(guest_do g1 'cat /tmp/stall.rc')" 0
# terse version 3 (fio(1)): of writes, field 55 is the smallest and 56 the largest completion latency
stall=$(guest_do g1 'cat /tmp/stall' | awk -F';' 'NF > 80 { print int($56) }')
figure upgrade.guest.stall "$stall" us
[ "$stall" -le 50000 ] || fail "a request waited $stall us for the upgrade, more than 50 ms"
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word"
guest_stop g1
guest_stop g2
dd_stop dd
