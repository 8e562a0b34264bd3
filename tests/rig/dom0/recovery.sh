# For the scenarios of recovery: verified load in guests, deaths, and what the guests noticed.
# shellcheck shell=dash disable=SC2016 # the guest expands them
. /rig/tests/rig/dom0/io.sh

# shellcheck disable=SC2034 # guest_start's
GUEST_RAMDISK=/rig/guest-bench.cpio
NET=10.7.0          # of the guests: g1 is .15, g2 is .16
GATEWAY=10.7.0.1    # somebody who answers there from the beginning
ROUND_MIB=${ROUND_MIB:-8}

# --- guests -----------------------------------------------------------------------------------------

# Two guests: g1 with disks (DISKS: targets, xvda xvdb ...) and a vif, g2 with a vif; warnings are
# fatal in both.
recovery_guests() {     # DISK...
    local disks='' name=a disk
    for disk in "$@"; do
        disks="$disks\"format=raw,vdev=xvd$name,access=rw,backend=dd,target=$disk\","
        name=$(printf %s "$name" | tr a-y b-z)
    done
    guest_start g1 memory=160 "extra=\"$QUIET panic_on_warn=1\"" "disk=[$disks]" \
        'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'
    guest_start g2 memory=160 "extra=\"$QUIET panic_on_warn=1\"" \
        'vif=["mac=00:16:3e:00:00:02,bridge=xenbr0,backend=dd"]'
    net_up g1 $NET.15/24 $GATEWAY
    net_up g2 $NET.16/24 $NET.15
    for g in g1 g2; do
        guest_do $g 'dmesg | wc -l >/tmp/dmesg.before; uname -r'
    done
}

# --- load -------------------------------------------------------------------------------------------

# Until load_stop: on each disk of g1 rounds of random writes at depth 32, each round with data of its
# own (so that a block of an older round is not taken for good), all read back and compared; a TCP
# stream from g1 to g2 whose every word is checked; iperf3 the other way.
load_start() {
    fio_start g1
    guest_do g2 '(stream receive 7000 >/tmp/stream.all 2>&1; echo $? >>/tmp/stream.all
        mv /tmp/stream.all /tmp/stream.got) >/dev/null 2>&1 &
        iperf3 -s -D --logfile /tmp/iperf.server; sleep 0.5'
    guest_do g1 "(stream send $NET.16 7000 /tmp/load.stop >/tmp/stream.all 2>&1; echo \$? >>/tmp/stream.all
        mv /tmp/stream.all /tmp/stream.sent) >/dev/null 2>&1 &
        (iperf3 -c $NET.16 -R -b 20M -t 3600 >/tmp/iperf.out 2>&1; echo \$? >/tmp/iperf.rc) >/dev/null 2>&1 &"
}

fio_start() {   # GUEST
    guest_do "$1" "cd /tmp; rm -f load.stop fio.*
        for d in /dev/xvd?; do d=\${d#/dev/}; (n=1; rc=0
            while [ ! -e load.stop ] && [ \$rc = 0 ]; do
                fio --name=v --filename=/dev/\$d --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=32 \
                    --size=${ROUND_MIB}m --verify=crc32c --verify_fatal=1 --randseed=\$n >fio.\$d.out 2>&1
                rc=\$?; n=\$((n + 1)); echo \$n >fio.\$d.rounds
            done; echo \$rc >fio.\$d.rc) >/dev/null 2>&1 & done"
}

# Has nothing of it come to its end?
load_running() {
    guest_do g1 'for f in /tmp/fio.*.rc /tmp/stream.sent /tmp/iperf.rc; do [ ! -e $f ] || {
        echo "$f: $(cat $f)"; tail -n 20 /tmp/fio.*.out /tmp/iperf.out; dmesg | tail -n 20; exit 1; }; done' 30
    guest_do g2 '[ ! -e /tmp/stream.got ] || { cat /tmp/stream.got; dmesg | tail -n 20; exit 1; }' 30
}

# load_end SECONDS: the current round is finished and read back, then all is compared
load_end() {
    guest_do g1 'kill -INT $(pidof iperf3); touch /tmp/load.stop'
    fio_end g1 "$1"
    wait_for "$1" "the TCP stream to end" guest_run g2 '[ -s /tmp/stream.got ]' 20
    wait_for 20 "its sender" guest_run g1 '[ -s /tmp/stream.sent ]' 20
    guest_do g2 'cat /tmp/stream.got' >/tmp/stream.got
    guest_do g1 'cat /tmp/stream.sent' >/tmp/stream.sent
    say "TCP stream: $(tr '\n' ' ' </tmp/stream.sent)/ $(tr '\n' ' ' </tmp/stream.got)"
    [ "$(tail -n 1 /tmp/stream.got)$(tail -n 1 /tmp/stream.sent)" = 00 ] || fail "the TCP stream was disturbed"
    assert_eq "length received" "$(sed -n 's/received \([0-9]*\) .*/\1/p' /tmp/stream.got)" \
        "$(sed -n 's/sent \([0-9]*\) .*/\1/p' /tmp/stream.sent)"
    guest_do g1 'tail -n 4 /tmp/iperf.out | grep -E "sender|receiver" || { cat /tmp/iperf.out; exit 1; }'
}

fio_end() {     # GUEST SECONDS
    guest_do "$1" 'touch /tmp/load.stop'
    wait_for "$2" "fio in $1 to end" guest_run "$1" 'cd /tmp; for d in /dev/xvd?; do [ -s fio.${d#/dev/}.rc ] || exit 1; done' 20
    guest_do "$1" 'cd /tmp; for d in /dev/xvd?; do d=${d#/dev/}
        [ "$(cat fio.$d.rc)" = 0 ] || { tail -n 20 fio.$d.out; exit 1; }
        echo "$d: $(cat fio.$d.rounds) rounds: no I/O error, every block read back as written"; done' 20
}

# --- what guests noticed ----------------------------------------------------------------------------

# No kernel message at all but the one that is explained in docs/recovery.md.
guest_quiet() {         # GUEST
    guest_do "$1" 'dmesg | tail -n +$(($(cat /tmp/dmesg.before) + 1)) | grep -v "Setting capacity" >/tmp/dmesg.new
        [ ! -s /tmp/dmesg.new ] || { cat /tmp/dmesg.new; exit 1; }' 20
}

# Resets of TCP connections that the guest has sent, got or taken for an end (proc(5), net/snmp).
no_resets() {           # GUEST
    assert_eq "TCP resets in $1" "$(guest_do "$1" 'awk "/^Tcp:/ && !n { n = split(\$0, name); next }
        /^Tcp:/ { for (i = 2; i <= n; i++) if (name[i] ~ /^(EstabResets|OutRsts|AttemptFails)$/) s += \$i; print s + 0 }" \
        /proc/net/snmp')" 0
}

# --- deaths -----------------------------------------------------------------------------------------

# test_kill WORDS: what drvdomd of the test domain shall kill (drvdom-schema(5))
test_kill() {
    xenstore-write "/local/domain/$(domid dd)/data/drvdom/test-kill" "$1"
}
restarts() {            # of workers, since drvdomd started
    xs "/local/domain/$(domid dd)/data/drvdom/worker-restarts"
}
killed() {              # COUNT
    [ "$(restarts)" -ge "$1" ]
}

# percentiles NAME UNIT <numbers: one per line; fails when there is none
percentiles() {
    sort -n | awk -v n="$1" -v u="$2" '
        { v[NR] = $1; sum += $1 }
        function at(q,  i) { i = int(NR * q + 0.999); return v[i < 1 ? 1 : i] }
        END { if (NR == 0) exit 1
              printf "RIG-FIGURE %s.count %d\nRIG-FIGURE %s.p50 %d %s\nRIG-FIGURE %s.p90 %d %s\n", n, NR, n, at(0.5), u, n, at(0.9), u
              printf "RIG-FIGURE %s.p99 %d %s\nRIG-FIGURE %s.max %d %s\n", n, at(0.99), u, n, v[NR], u }' ||
        fail "no measurement of $1"
}

# outages LOG: of workers, from drvdomd's noticing the loss
outages() {
    for kind in vbd vif; do
        sed -n "s/.*$kind .*: served again \([0-9]*\) us after the loss.*/\1/p" "$1" | percentiles $kind.served us
    done
    sed -n 's/.*first answer \([0-9]*\) us after the loss.*/\1/p' "$1" | percentiles vbd.first-answer us
    awk '/taken up with/ { n++; busy += ($(NF - 3) > 0); all += $(NF - 3) }
        END { print n + 0 " rings taken up, " busy + 0 " with requests in flight, " all + 0 " of them" }' "$1" >/tmp/taken
    say "$(cat /tmp/taken)"
}

# --- the guard --------------------------------------------------------------------------------------

# The guard of dom0, as a service would start it; before the driver domain.
guard_start() {
    /rig/build/release/bin/drvdom-guard >/var/log/xen/drvdom-guard.log 2>&1 &
    wait_for 10 "drvdom-guard to be ready" grep -q ready /var/log/xen/drvdom-guard.log
}

# Domain NAME is about to end for good.
guard_let_go() {        # NAME
    local id
    id=$(domid "$1")
    xenstore-write "/local/domain/$id/drvdom/keep" 0
    usleep 200000
}

# guard_count WORDS: how often the guard has said them
guard_count() {
    grep -c "$1" /var/log/xen/drvdom-guard.log
}
