# summary: a guest is saved, restored and migrated on its host under verified I/O
# timeout: 600
# files: test-domain bench tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016 # the guest expands them
. /rig/tests/rig/dom0/io.sh

# shellcheck disable=SC2034 # guest_start's
GUEST_RAMDISK=/rig/guest-bench.cpio
dd_start dd memory=192
dd=$(domid dd)
guest_start g1 memory=160 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img"]' \
    'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'
net_up g1 10.7.0.2/24 10.7.0.1

# Random writes at depth 8, each block read back and compared, until the guest is told to stop.
load_start() {
    guest_do g1 'cd /tmp; rm -f fio.rc; (fio --name=v --filename=/dev/xvda --ioengine=libaio --direct=1 --rw=randwrite \
        --bs=4k --iodepth=8 --size=4m --rate_iops=50 --loops=100000 --verify=crc32c --verify_fatal=1 --verify_backlog=64 \
        >fio.out 2>&1; echo $? >fio.rc) & sleep 1'
}
alive() {               # the guest answers, its load runs, its network too
    guest_do g1 '[ ! -e /tmp/fio.rc ] || { tail -n 20 /tmp/fio.out; exit 1; }'
    guest_do g1 'n=0; while ! ping -c 1 -W 1 10.7.0.1 >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 20 ] || exit 1; done'
}
ops() { # blocks that the guest has written so far
    guest_do g1 'awk "{ print \$5 }" /sys/block/xvda/stat'
}
works_on() {            # WHAT: both ends connected, the load goes on
    local id before
    id=$(domid g1)
    wait_for 60 "the disk of domain $id to be connected" both_connected "$id" "$dd" vbd 51712
    wait_for 60 "its network to be connected" both_connected "$id" "$dd" vif 0
    alive
    before=$(ops)
    guest_do g1 'sleep 1'
    [ "$(ops)" -gt "$before" ] || fail "after $1 the load stands still"
    say "after $1: domain $id, the load goes on"
}

guest_do g1 'head -c 2097152 /dev/urandom >/tmp/blob; dd if=/tmp/blob of=/dev/xvda bs=1M seek=20 oflag=direct 2>/dev/null'
load_start
works_on "the start"

n=0
while [ $n -lt 2 ]; do
    n=$((n + 1)) old=$(domid g1) start=$(uptime_now)
    xl_do save g1 /tmp/g1.save
    nothing_left "$old" "$dd"
    xl_do restore /tmp/g1.save
    rm /tmp/g1.save
    figure "save-restore.$n" "$(elapsed "$start")" s
    works_on "save and restore $n"
done

# The checkpoint: the guest goes on in the same domain.
old=$(domid g1)
xl_do save -c g1 /tmp/g1.save
rm /tmp/g1.save
assert_eq "domid after a checkpoint" "$(domid g1)" "$old"
works_on "a checkpoint"

# An empty -s: what is named as the host is run here.
n=0
while [ $n -lt 2 ]; do
    n=$((n + 1)) old=$(domid g1) start=$(uptime_now)
    xl_do migrate -s '' g1 'xl migrate-receive'
    figure "migrate.$n" "$(elapsed "$start")" s
    wait_for 60 "the old domain to be gone" not_in_list "$old"
    works_on "migration $n"
    nothing_left "$old" "$dd"
done

guest_do g1 'kill -INT $(pidof fio)'
wait_for 30 "the load to end" guest_run g1 '[ -s /tmp/fio.rc ]'
guest_do g1 '! grep -iE "verify:|error=|bad magic" /tmp/fio.out; grep -E "READ:|WRITE:" /tmp/fio.out'
guest_do g1 'dd if=/dev/xvda bs=1M skip=20 count=2 iflag=direct 2>/dev/null | cmp - /tmp/blob'
say "what was written before all that is there"
guest_do g1 '! dmesg | grep -E "I/O error|Buffer I/O|WARNING|BUG"'
last=$(domid g1)
guest_stop g1
nothing_left "$last" "$dd"
