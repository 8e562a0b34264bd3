# summary: a disk grows and shrinks under a working guest, which is told at once and never reconnects
# timeout: 400
# files: test-domain bench tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016 # the guest expands them
. /rig/tests/rig/dom0/io.sh

# shellcheck disable=SC2034 # guest_start's
GUEST_RAMDISK=/rig/guest-bench.cpio
dd_start dd memory=192
dd=$(domid dd)
guest_start g1 memory=160 "extra=\"$QUIET panic_on_warn=1\"" \
    'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img"]'
g=$(domid g1)
front=/local/domain/$g/device/vbd/51712
back=/local/domain/$dd/backend/vbd/$g/51712

resize() {              # MIB
    local start
    start=$(uptime_now)
    xenstore-write "$back/resize" $(($1 * 2048)) # what `drvdom resize` does
    xs_wait 30 "$back/sectors" $(($1 * 2048))
    figure "resize.told.$1" "$(elapsed "$start")" s
    wait_for 30 "the guest to see $1 MiB" guest_run g1 "[ \$(cat /sys/block/xvda/size) = $(($1 * 2048)) ]"
    assert_eq "the frontend's state" "$(xs "$front/state")" 4
    assert_eq "its event channel" "$(xs "$front/event-channel")" "$port"
    say "$1 MiB: the guest sees it"
}
# The guest writes MIB at offset AT (MiB), of its own random data, and reads it back from the disk.
region() {              # AT MIB
    guest_do g1 "set -e; cd /tmp; dd if=/dev/urandom of=region bs=1M count=$2 2>/dev/null
        dd if=region of=/dev/xvda bs=1M seek=$1 oflag=direct 2>/dev/null
        dd if=/dev/xvda bs=1M skip=$1 count=$2 iflag=direct 2>/dev/null | cmp - region; rm region"
    say "MiB $1 to $(($1 + $2)): written and read back"
}

both_connected "$g" "$dd" vbd 51712 || fail "the disk is not connected"
port=$(xs "$front/event-channel")
assert_eq "sectors at first" "$(xs "$back/sectors")" 65536
# Verified load all the while, in the part of the disk that stays.
guest_do g1 'cd /tmp; (fio --name=v --filename=/dev/xvda --ioengine=libaio --direct=1 --rw=randwrite --bs=4k --iodepth=8 \
    --size=4m --rate_iops=50 --loops=100000 --verify=crc32c --verify_fatal=1 --verify_backlog=64 >/tmp/fio.out 2>&1
    echo $? >/tmp/fio.rc) & sleep 0'
region 30 2
resize 48
region 46 2
resize 36
# What was cut off is refused, the last sector that is left is there.
guest_do g1 '! dd if=/dev/xvda bs=512 skip=$((36 * 2048)) count=1 iflag=direct of=/tmp/past 2>/dev/null || [ ! -s /tmp/past ]
    dd if=/dev/xvda bs=512 skip=$((36 * 2048 - 1)) count=1 iflag=direct 2>/dev/null | wc -c | grep -qx 512'
resize 64
region 62 2
guest_do g1 '[ ! -e /tmp/fio.rc ] || { cat /tmp/fio.out; exit 1; }'
guest_do g1 'kill -INT $(pidof fio)'
wait_for 60 "the guest's load to end" guest_run g1 '[ -s /tmp/fio.rc ]'
guest_do g1 '! grep -iE "verify:|error=|bad magic" /tmp/fio.out; grep -E "READ:|WRITE:" /tmp/fio.out'
guest_do g1 'dmesg | grep -i xvda'
guest_stop g1
nothing_left "$g" "$dd"
