# For the scenarios of recovery: verified load in guests, deaths, and what the guests noticed.
# shellcheck shell=dash disable=SC2016 # the guest expands them
. /rig/tests/rig/dom0/io.sh

# shellcheck disable=SC2034 # guest_start's
GUEST_RAMDISK=/rig/guest-bench.cpio
NET=10.7.0          # of the guests: g1 is .15, g2 is .16
GATEWAY=10.7.0.1    # somebody who answers there from the beginning
ROUND_MIB=${ROUND_MIB:-4}
FIO_RATE=           # requests a second of each disk, if not as many as go

# --- the driver domain and its guests ---------------------------------------------------------------

# recovery_dd LINE...: with the share of the processor that `drvdom create` gives one
recovery_dd() {
    dd_start dd memory="${DD_MEMORY:-128}" cpu_weight=1024 "$@"
    dd_id=$(domid dd)
}
# Its disks are dom0's, and a guard looks after it.
recovery_plain_dd() {
    dom0_disks
    guard_start
    recovery_dd "extra=\"$QUIET sysrq_always_enabled\"" \
        'disk=["format=raw,vdev=xvda,access=rw,target=/dev/ram0", "format=raw,vdev=xvdb,access=rw,target=/dev/ram1"]'
}

# Two guests: g1 with disks (DISKS: targets, xvda xvdb ...) and a vif, g2 with a vif; warnings are
# fatal in both.  G2_DISK: g2 has one, too; G2_KERNEL and G2_RAMDISK: it is another one's.
recovery_guests() {     # DISK...
    recovery_guest g1 15 "$@"
    (
        KERNEL=${G2_KERNEL:-$KERNEL} GUEST_RAMDISK=${G2_RAMDISK:-$GUEST_RAMDISK}
        # shellcheck disable=SC2086 # may be none
        recovery_guest g2 16 ${G2_DISK-}
    ) || exit 1
    net_up g1 $NET.15/24 $GATEWAY
    net_up g2 $NET.16/24 $NET.15
    for g in g1 g2; do
        guest_do $g 'dmesg | wc -l >/tmp/dmesg.before; uname -r'
    done
}
recovery_guest() {      # NAME NUMBER DISK...
    local guest=$1 number=$2 disks='' name=a disk
    shift 2
    for disk in "$@"; do
        disks="$disks\"format=raw,vdev=xvd$name,access=rw,backend=dd,target=$disk\","
        name=$(printf %s "$name" | tr a-y b-z)
    done
    guest_start "$guest" memory="${GUEST_MEMORY:-160}" "extra=\"$QUIET panic_on_warn=1\"" "disk=[$disks]" \
        "vif=[\"mac=00:16:3e:00:00:$number,bridge=xenbr0,backend=dd\"]"
}

# write_cost GUEST DEV NAME: what one write of 4 KiB takes, alone and with 31 others, each block written once
write_cost() {
    # shellcheck disable=SC2034 # fio_figures's
    FIO_FILE=$2 FIO_SIZE=2m
    fio_figures "$1" "write.$3.qd1" --rw=randwrite --bs=4k --iodepth=1 --offset=0
    fio_figures "$1" "write.$3.qd32" --rw=randwrite --bs=4k --iodepth=32 --offset=2m
}

# --- load -------------------------------------------------------------------------------------------

# Until load_stop: on each disk of g1 rounds of random writes at depth 32, each round with data of its
# own (so that a block of an older round is not taken for good), all read back and compared; a TCP
# stream from g1 to g2 whose every word is checked; iperf3 the other way.
load_start() {
    fio_start g1
    [ -z "${G2_DISK-}" ] || fio_start g2
    for g in g1 g2; do guest_do $g 'rm -f /tmp/stream.* /tmp/iperf.rc'; done
    guest_do g2 '(stream receive 7000 >/tmp/stream.all 2>&1; echo $? >>/tmp/stream.all
        mv /tmp/stream.all /tmp/stream.got) >/dev/null 2>&1 &
        iperf3 -s -D --logfile /tmp/iperf.server; sleep 0.5'
    guest_do g1 "(stream send $NET.16 7000 /tmp/load.stop >/tmp/stream.all 2>&1; echo \$? >>/tmp/stream.all
        mv /tmp/stream.all /tmp/stream.sent) >/dev/null 2>&1 &
        (iperf3 -c $NET.16 -R -b 20M -t 3600 --rcv-timeout 1000000 >/tmp/iperf.out 2>&1; echo \$? >/tmp/iperf.rc) >/dev/null 2>&1 &"
}

fio_start() {   # GUEST
    guest_do "$1" "cd /tmp; rm -f load.stop fio.*
        for d in /dev/xvd?; do d=\${d#/dev/}; (n=1; rc=0
            while [ ! -e load.stop ] && [ \$rc = 0 ]; do
                fio --name=v --filename=/dev/\$d --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=32 \
                    ${FIO_RATE:+--rate_iops=$FIO_RATE} --size=${ROUND_MIB}m --verify=crc32c --verify_fatal=1 --randseed=\$n >fio.\$d.out 2>&1
                rc=\$?; n=\$((n + 1)); echo \$n >fio.\$d.rounds
            done; echo \$rc >fio.\$d.rc) >/dev/null 2>&1 & done"
}

# Has nothing of it come to its end?
load_running() {
    guest_do g1 'for f in /tmp/fio.*.rc /tmp/stream.sent /tmp/iperf.rc; do [ ! -e $f ] || {
        echo "$f: $(cat $f)"; tail -n 20 /tmp/fio.*.out /tmp/iperf.out; dmesg | tail -n 20; exit 1; }; done' 60
    guest_do g2 'for f in /tmp/fio.*.rc /tmp/stream.got; do [ ! -e $f ] || {
        echo "$f: $(cat $f)"; tail -n 20 /tmp/fio.*.out; dmesg | tail -n 20; exit 1; }; done' 60
}

# load_end SECONDS: the current round is finished and read back, then all is compared
load_end() {
    guest_do g1 'kill -INT $(pidof iperf3); touch /tmp/load.stop'
    fio_end g1 "$1"
    [ -z "${G2_DISK-}" ] || fio_end g2 "$1"
    guest_waits g2 "$1" /tmp/stream.got
    guest_waits g1 20 /tmp/stream.sent
    guest_do g2 'cat /tmp/stream.got' >/tmp/stream.got
    guest_do g1 'cat /tmp/stream.sent' >/tmp/stream.sent
    say "TCP stream: $(tr '\n' ' ' </tmp/stream.sent)/ $(tr '\n' ' ' </tmp/stream.got)"
    [ "$(tail -n 1 /tmp/stream.got)$(tail -n 1 /tmp/stream.sent)" = 00 ] || fail "the TCP stream was disturbed"
    assert_eq "length received" "$(sed -n 's/received \([0-9]*\) .*/\1/p' /tmp/stream.got)" \
        "$(sed -n 's/sent \([0-9]*\) .*/\1/p' /tmp/stream.sent)"
    guest_do g1 'tail -n 4 /tmp/iperf.out | grep -E "sender|receiver" || { cat /tmp/iperf.out; exit 1; }'
}

# guest_waits GUEST SECONDS FILE: until there is something in it.  In the guest, as asking from outside again and
# again takes the rig's one processor from those that are waited for.
guest_waits() {
    guest_do "$1" "n=0; while [ ! -s $3 ]; do n=\$((n + 1)); [ \$n -lt $(($2 * 5)) ] || { echo 'still waiting for $3'; exit 1; }
        sleep 0.2; done" $(($2 + 20))
}

fio_end() {     # GUEST SECONDS
    local disk
    guest_do "$1" 'touch /tmp/load.stop'
    for disk in $(guest_do "$1" 'cd /dev; echo xvd?'); do
        guest_waits "$1" "$2" "/tmp/fio.$disk.rc"
    done
    guest_do "$1" 'cd /tmp; for d in /dev/xvd?; do d=${d#/dev/}
        [ "$(cat fio.$d.rc)" = 0 ] || { tail -n 20 fio.$d.out; exit 1; }
        echo "$d: $(cat fio.$d.rounds) rounds: no I/O error, every block read back as written"; done' 20
}

# --- what guests noticed ----------------------------------------------------------------------------

# No kernel message at all but the one that is explained in docs/recovery.md, and those of a disk that the
# scenario itself attaches beside the load (xvdz).
guest_quiet() {         # GUEST
    guest_do "$1" 'dmesg | tail -n +$(($(cat /tmp/dmesg.before) + 1)) | grep -v -e "Setting capacity" -e xvdz: >/tmp/dmesg.new
        [ ! -s /tmp/dmesg.new ] || { cat /tmp/dmesg.new; exit 1; }' 20
}

# Resets of TCP connections that the guest has sent, got or taken for an end (proc(5), net/snmp).
no_resets() {           # GUEST
    assert_eq "TCP resets in $1" "$(guest_do "$1" 'awk "/^Tcp:/ && !n { n = split(\$0, name); next }
        /^Tcp:/ { for (i = 2; i <= n; i++) if (name[i] ~ /^(EstabResets|OutRsts|AttemptFails)$/) s += \$i; print s + 0 }" \
        /proc/net/snmp')" 0
}

# recovery_end SECONDS: the load is compared, the guests' kernels are asked, and all is ended
recovery_end() {
    recovery_load_end "$1"
    recovery_over
}
recovery_load_end() {   # SECONDS
    load_running
    for g in g1 g2; do no_resets $g; done
    load_end "$1"
}
recovery_over() {
    for g in g1 g2; do guest_quiet $g; done
    say "neither guest's kernel has said a word${guarded:+ but of the capacity}"
    for g in g1 g2; do guest_stop $g; done
    [ -z "$guarded" ] || guard_let_go dd
    dd_stop dd
}

# --- deaths -----------------------------------------------------------------------------------------

# test_kill WORDS: what drvdomd of the test domain shall kill (drvdom-schema(5))
test_kill() {
    xenstore-write "/local/domain/$dd_id/data/drvdom/test-kill" "$1"
}
restarts() {            # of workers, since drvdomd started
    local n
    n=$(xs "/local/domain/$dd_id/data/drvdom/worker-restarts")
    echo "${n:-0}"
}
killed() {              # COUNT
    [ "$(restarts)" -ge "$1" ]
}
# wait_killed SECONDS COUNT: in all.  Asking again and again would take its time from those that are measured.
wait_killed() {
    waiting "$2 workers to be killed and replaced"
    watch_until "$1" "/local/domain/$dd_id/data/drvdom/worker-restarts" killed "$2" ||
        fail "after $1 s only $(restarts) of $2 workers were killed and replaced"
    waiting -
}

# Of any device, every 60 ms on the average: one death costs the rig's one processor some 15 ms, most of it for
# the next worker in reserve.
kill_workers() {        # COUNT
    local goal
    goal=$(($(restarts) + $1))
    test_kill "workers $1 120"
    wait_killed 240 $goal
    load_running
    say "$1 workers killed, the load still runs"
}

kill_at_steps() {       # COUNT: at each step of a request's life
    local step goal
    goal=$(restarts)
    for step in taken copied submitted completed answered before-notify after-notify; do
        goal=$((goal + $1))
        test_kill "step $step $1 100"
        wait_killed 60 $goal
        load_running
        say "$step: $1 workers died there and were replaced"
    done
}

# log_count WORDS: how often they are in the driver domain's log
log_count() {
    grep -c "$1" "$RIG_LOG/guest-dd.log"
}
logged() {              # WORDS TIMES
    [ "$(log_count "$1")" -ge "$2" ]
}
kill_daemons() {        # COUNT: of drvdomd, each adopting the four devices of the one before
    local n=0 served
    while [ $n -lt "$1" ]; do
        n=$((n + 1))
        served=$(log_count 'served again')
        test_kill drvdomd
        POLL_MS=250 wait_for 30 "every device to be adopted" logged 'served again' $((served + ${DEVICES:-4}))
        sleep 0.3
    done
    load_running
    say "$n drvdomd killed, the load still runs"
    awk '/drvdomd was killed/ { on = 1 } on' "$RIG_LOG/guest-dd.log" |
        sed -n 's/.*: served again \([0-9]*\) us after the loss.*/\1/p' | percentiles drvdomd.outage us
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

first_answers() {       # DEVID LOG: one number per line
    sed -n "s/.*blkback [0-9]*\/$1: first answer \([0-9]*\) us after the loss.\?\$/\1/p" "$2"
}

# outages: of workers, from drvdomd's noticing the loss
outages() {
    set -- "$RIG_LOG/guest-dd.log"
    for kind in vbd vif; do
        sed -n "s/.*$kind .*: served again \([0-9]*\) us after the loss.*/\1/p" "$1" | percentiles $kind.served us
    done
    # where a request waited for it; else nobody knows how long it would have.  And by disk, as one may itself be slow.
    first_answers '[0-9]*' "$1" | percentiles vbd.first-answer us
    for disk in 51712 51728; do
        [ -z "$(first_answers $disk "$1")" ] || first_answers $disk "$1" | percentiles vbd.$disk.first-answer us
    done
    awk '/taken up with/ { n++; busy += ($(NF - 3) > 0); all += $(NF - 3) }
        END { print n + 0 " rings taken up, " busy + 0 " with requests in flight, " all + 0 " of them" }' "$1" >/tmp/taken
    say "$(cat /tmp/taken)"
}

# --- the guard --------------------------------------------------------------------------------------

GUARD_LOG=/var/log/xen/drvdom-guard.log
guarded=

# The guard of dom0, as a service would start it; before the driver domain.
guard_start() {
    guarded=1
    /rig/build/release/bin/drvdom-guard --deaths 100 >$GUARD_LOG 2>&1 &
    wait_for 10 "drvdom-guard to be ready" grep -q ready $GUARD_LOG
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
    grep -c "$1" $GUARD_LOG
}

# The driver domain dies in a way of HOW (destroy, panic, hang), comes back under the same number, and
# the guests' load goes on.
domain_dies() {         # HOW
    local before id at
    before=$(guard_count 'outage of') id=$(domid dd) at=$(uptime_now)
    case $1 in
    destroy) xl destroy dd >/tmp/destroy.out 2>&1 || fail "xl destroy dd: $(cat /tmp/destroy.out)" ;;
    panic) xl sysrq dd c || fail "xl sysrq dd c" ;;
    hang) test_kill hang ;;
    esac
    POLL_MS=250 wait_for 120 "the driver domain to answer again ($1)" answers_again "$before"
    assert_eq "the driver domain's number" "$(domid dd)" "$id"
    load_running
    say "$1: noticed after $(noticed_after "$at") ms; $(grep 'outage of' $GUARD_LOG | tail -n 1 | sed 's/.*guard: //')"
}
answers_again() {       # TIMES
    [ "$(guard_count 'outage of')" -gt "$1" ]
}
noticed_after() {       # UPTIME
    sed -n 's/.*noticed at \([0-9.]*\) s of.*/\1/p' $GUARD_LOG | tail -n 1 | awk -v a="$1" '{ printf "%d", ($1 - a) * 1000 }'
}

# domain_deaths DESTROYS PANICS HANGS
domain_deaths() {
    local how n
    for how in destroy panic hang; do
        n=$1
        while [ "$n" -gt 0 ]; do
            sleep 0.5
            domain_dies $how
            n=$((n - 1))
        done
        shift
    done
    sed -n 's/.*outage of \([0-9]*\) ms.*/\1/p' $GUARD_LOG | percentiles domain.outage ms
    for how in gone create restore boot adopt 'first answer'; do
        sed -n "s/.*outage of.*[:,] $how \([0-9]*\) ms.*/\1/p" $GUARD_LOG | sort -n |
            awk -v n="domain.outage.$(echo "$how" | tr ' ' -)" '{ v[NR] = $1 } END { printf "RIG-FIGURE %s %d ms\n", n, v[int((NR + 1) / 2)] }'
    done
    say "requests in flight taken up: $(awk '/taken up with/ { n += $(NF - 3) } END { print n + 0 }' "$RIG_LOG/guest-dd.log")"
}

# A disk of dom0's memory for a driver domain without a controller (files: dom0-disks): /dev/ram0 as
# it is, and /dev/ram1 with an ext4 that holds sparse.img.
dom0_disks() {
    local ko d=/rig/dom0-disks
    insmod $d/lib/modules/brd.ko rd_nr=2 rd_size=65536 || fail "insmod brd"
    while read -r ko; do
        [ "$ko" = brd.ko ] || grep -q "^$(basename "$ko" .ko | tr - _) " /proc/modules || insmod "$d/lib/modules/$ko"
    done <$d/lib/modules.list
    mkdir -p /tmp/content /etc/xen/scripts
    dd if=/dev/null of=/tmp/content/sparse.img bs=1M seek=32 2>/dev/null
    LD_LIBRARY_PATH=$d/lib $d/bin/mke2fs -q -F -t ext4 -d /tmp/content /dev/ram1 >/tmp/mke2fs.out 2>&1 ||
        fail "mke2fs: $(cat /tmp/mke2fs.out)"
    # all that is left of Xen's script for a block device: blkback opens what physical-device names (hexadecimal)
    printf '%s\n' '#!/bin/sh' '[ "$1" = add ] || exit 0' \
        'xenstore-write "$XENBUS_PATH/physical-device" "$(stat -c %t:%T "$(xenstore-read "$XENBUS_PATH/params")")"' \
        'xenstore-write "$XENBUS_PATH/hotplug-status" connected' >/etc/xen/scripts/block
    chmod 755 /etc/xen/scripts/block
}
