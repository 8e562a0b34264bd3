# For the scenarios of recovery: verified load in guests, deaths, and what the guests noticed.
# shellcheck shell=dash disable=SC2016 # the guest expands them
. /rig/tests/rig/dom0/io.sh

# shellcheck disable=SC2034 # guest_start's
GUEST_RAMDISK=/rig/guest-bench.cpio
NET=10.7.0          # of the guests: g1 is .15, g2 is .16
GATEWAY=10.7.0.1    # somebody who answers there from the beginning

# Two guests: g1 with a disk (DISK: target) and a vif, g2 with a vif; warnings are fatal in both.
recovery_guests() {     # DISK
    guest_start g1 memory=160 "extra=\"$QUIET panic_on_warn=1\"" \
        "disk=[\"format=raw,vdev=xvda,access=rw,backend=dd,target=$1\"]" \
        'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'
    guest_start g2 memory=160 "extra=\"$QUIET panic_on_warn=1\"" \
        'vif=["mac=00:16:3e:00:00:02,bridge=xenbr0,backend=dd"]'
    net_up g1 $NET.15/24 $GATEWAY
    net_up g2 $NET.16/24 $NET.15
    for g in g1 g2; do
        guest_do $g 'dmesg | wc -l >/tmp/dmesg.before'
    done
}

# Load that runs in the guests' background until it is done: random writes at depth 32, each block
# read back and its checksum compared, LOOPS times over MIB; and a TCP stream from g1 to g2.
load_start() {          # MIB LOOPS STREAM-MIB
    guest_do g1 "head -c 4194304 /dev/urandom >/tmp/blob; cat >/tmp/stream <<'END'
n=0; while [ \$n -lt $(($3 / 4)) ]; do cat /tmp/blob; n=\$((n + 1)); done
END
        sh /tmp/stream | tee /tmp/stream.all | wc -c; md5sum </tmp/stream.all; rm /tmp/stream.all" 60 >/tmp/stream.want
    guest_do g2 "(nc -l -p 7000 >/tmp/stream.all
        { wc -c </tmp/stream.all; md5sum </tmp/stream.all; } >/tmp/stream.got) >/dev/null 2>&1 &"
    guest_do g1 "cd /tmp; (fio --name=v --filename=/dev/xvda --ioengine=libaio --direct=1 --rw=randwrite --bs=4k \
        --iodepth=32 --size=$1m --loops=$2 --verify=crc32c --verify_fatal=1 --verify_backlog=256 >/tmp/fio.out 2>&1
        echo \$? >/tmp/fio.rc) &
        (sh /tmp/stream | nc $NET.16 7000; echo \$? >/tmp/stream.rc) >/dev/null 2>&1 &
        sleep 0"
}

load_running() {
    guest_do g1 '[ ! -e /tmp/fio.rc ]' 20
}

load_check() {          # SECONDS
    wait_for "$1" "fio in g1 to end" guest_run g1 '[ -s /tmp/fio.rc ]' 20
    guest_do g1 '[ "$(cat /tmp/fio.rc)" = 0 ] || { tail -n 20 /tmp/fio.out; exit 1; }
        grep -E "READ:|WRITE:" /tmp/fio.out' 20
    wait_for "$1" "the TCP stream to end" guest_run g2 '[ -s /tmp/stream.got ]' 20
    assert_eq "size and checksum of the TCP stream" "$(guest_do g2 'tr "\n" " " </tmp/stream.got' 20)" "$(tr '\n' ' ' </tmp/stream.want)"
    say "fio: no I/O error, every block verified; the TCP stream arrived as sent"
}

# No kernel message at all but the one that is explained in docs/recovery.md.
guest_quiet() {         # GUEST
    guest_do "$1" 'dmesg | tail -n +$(($(cat /tmp/dmesg.before) + 1)) | grep -v "Setting capacity" >/tmp/dmesg.new
        [ ! -s /tmp/dmesg.new ] || { cat /tmp/dmesg.new; exit 1; }' 20
}

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
