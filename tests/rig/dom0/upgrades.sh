# What is exchanged while guests are served: our programs, and xenstored.
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

GOOD=/rig/build/release/bin BAD=/rig/build/rig-bad

upgrade() {
    local out
    waiting "drvdom upgrade"
    out=$(drvdom upgrade dd --bin $GOOD 2>&1) || fail "drvdom upgrade: $out"
    waiting -
    say "$out"
}

upgrades() {            # TIMES
    local n=0 used from
    from=$(wc -l <"$RIG_LOG/guest-dd.log")
    while [ $n -lt "$1" ]; do
        sleep 0.3
        n=$((n + 1)) used=$(log_count 'upgrade: this version is in use')
        upgrade
        wait_for 10 "the new drvdomd's word" logged 'upgrade: this version is in use' $((used + 1))
        load_running
    done
    sleep 0.5
    load_running
    tail -n +"$from" "$RIG_LOG/guest-dd.log" | sed -n 's/.*: served again \([0-9]*\) us after the loss.*/\1/p' |
        percentiles upgrade.served us
}

# What one guest's request waits at most, as the guest sees it, when it asks for nothing else.
upgrade_stall() {
    local stall
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
}

# set_of NAME PROGRAM FILE: our programs, and FILE instead of one of them
set_of() {
    mkdir -p "/tmp/$1"
    cp $GOOD/drvdomd $GOOD/drvdom-blkback $GOOD/drvdom-netback "/tmp/$1"
    cp "$BAD/$3" "/tmp/$1/$2"
}
# refused NAME WORDS: the upgrade fails with these words, and everything is served
refused() {
    must_fail drvdom upgrade dd --bin "/tmp/$1"
    case $OUTPUT in
    *"$2"*) say "$1: $OUTPUT" ;;
    *) fail "drvdom upgrade says: $OUTPUT" ;;
    esac
    wait_for 20 "drvdomd to be ready" xs_is "/local/domain/$(domid dd)/data/drvdom/state" ready
    sleep 0.5
    load_running
}
bad_upgrades() {
    set_of exits drvdomd exits
    set_of hangs drvdomd hangs
    set_of workers drvdom-blkback exits
    mkdir -p /tmp/none
    refused exits "ended with status 3 before it was ready"
    refused hangs "was not ready after"
    refused workers "was not ready after"
    must_fail drvdom upgrade dd --bin /tmp/none
    upgrade
    load_running
    say "$(log_count 'the old version is used') upgrades were rolled back, a good one was taken after them"
}

# A copy of the same program, which is what an update of the package is to its clients.  xenstore-control says
# nothing when it went well; that the copy runs is seen in /proc.
live_update() {         # NUMBER
    local out new=/tmp/xenstored.$1
    cp "$(command -v xenstored)" "$new"
    waiting "xenstore-control live-update"
    out=$(/rig/build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control live-update "$new" 2>&1) ||
        fail "xenstore-control live-update: $out"
    waiting -
    assert_eq "program of xenstored" "$(readlink "/proc/$(cat /run/xenstored.pid)/exe")" "$new"
}
# What speaks xenstore goes on: watches of drvdomd, of the guests, of dom0; a worker's replacement; a new device.
everything_works() {
    local dd g1
    dd=$(domid dd) g1=$(domid g1)
    kill_workers 2
    xl_do block-attach g1 'format=raw,vdev=xvdz,access=rw,backend=dd,target=/run/disk1.img'
    wait_for 20 "the new disk to be Connected" both_connected "$g1" "$dd" vbd 268441856 # xvdz: 1 << 28 | 25 << 8, as libxl counts from the 17th on
    guest_do g1 'dd if=/dev/urandom of=/tmp/b bs=64k count=16 2>/dev/null; dd if=/tmp/b of=/dev/xvdz bs=64k conv=fsync 2>/dev/null
        dd if=/dev/xvdz bs=64k count=16 iflag=direct 2>/dev/null | cmp - /tmp/b'
    xl_do block-detach g1 xvdz
}
live_updates() {        # TIMES
    local n=0
    while [ $n -lt "$1" ]; do
        n=$((n + 1))
        live_update $n
        everything_works
        load_running
        say "live-update $n: watches, a new worker and a new device work, the load still runs"
    done
}
