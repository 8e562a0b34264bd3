# summary: a disk of 4096-byte sectors under a stock guest that addresses 512: unaligned I/O, verified
# timeout: 500
# files: 4kn-domain bench tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016 # the guest expands them
. /rig/tests/rig/dom0/io.sh

# shellcheck disable=SC2034 # guest_start's
GUEST_RAMDISK=/rig/guest-bench.cpio
dd_start dd memory=256
dd=$(domid dd)
guest_start g1 memory=160 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nullb0"]'
g=$(domid g1)
back=/local/domain/$dd/backend/vbd/$g/51712
assert_eq "sector-size" "$(xs "$back/sector-size")" 512
assert_eq "physical-sector-size" "$(xs "$back/physical-sector-size")" 4096
assert_eq "queues" "$(xs "$back/multi-queue-max-queues")" 1
grep -q '/dev/nullb0": 2097152 sectors, direct' "$RIG_LOG/guest-dd.log" ||
    fail "the driver domain does not serve it directly: $(grep nullb0 "$RIG_LOG/guest-dd.log")"
guest_do g1 'cd /sys/block/xvda/queue; echo "logical $(cat logical_block_size), physical $(cat physical_block_size)"
    [ "$(cat logical_block_size)" = 512 ] && [ "$(cat physical_block_size)" = 4096 ]'

# Sectors of 512 bytes one by one, all of them read back, at every place within a sector of the disk.
guest_do g1 'set -e; cd /tmp; head -c 65536 /dev/urandom >want; cp want have
    dd if=want of=/dev/xvda bs=64k seek=1 oflag=direct 2>/dev/null
    n=0; while [ $n -lt 40 ]; do
        at=$((n * 37 % 125)) len=$((n % 3 + 1))
        dd if=/dev/urandom of=piece bs=512 count=$len 2>/dev/null
        dd if=piece of=want bs=512 seek=$at conv=notrunc 2>/dev/null
        dd if=piece of=/dev/xvda bs=512 seek=$((at + 128)) oflag=direct 2>/dev/null
        n=$((n + 1))
    done
    dd if=/dev/xvda of=have bs=64k skip=1 count=1 iflag=direct 2>/dev/null; cmp want have' 100
say "pieces of 512 to 1536 bytes at any place: each where it belongs, nothing else changed"
guest_do g1 'set -e; cd /tmp; head -c 1536 /dev/urandom >piece; s=$(($(cat /sys/block/xvda/size) - 3))
    dd if=piece of=/dev/xvda bs=512 seek=$s oflag=direct 2>/dev/null
    dd if=/dev/xvda bs=512 skip=$s iflag=direct 2>/dev/null | cmp - piece'
say "the last three sectors of 512 bytes"
# Many at once: sizes of 512 bytes to 16 KiB at multiples of 512, in 1 MiB, so that they keep meeting in the
# disk's sectors (the same bytes are never written twice at once: nobody could say what must be there).
guest_do g1 'cd /tmp; fio --name=v --filename=/dev/xvda --ioengine=libaio --direct=1 --rw=randwrite --bsrange=512-16k \
    --blockalign=512 --iodepth=16 --serialize_overlap=1 --offset=1m --size=1m --loops=3 --verify=crc32c --verify_fatal=1 >fio.out 2>&1 ||
    { tail -n 20 fio.out; exit 1; }; grep -E "READ:|WRITE:" fio.out' 200
say "fio: every block of any size verified"
# A file system whose blocks are smaller than the disk's sectors.
guest_do g1 'set -e; mkfs.ext4 -q -F -b 1024 /dev/xvda 16384 >/dev/null; mount /dev/xvda /mnt
    n=0; while [ $n -lt 60 ]; do head -c $((n * 997 + 1)) /dev/urandom >/mnt/f$n; n=$((n + 1)); done; sync
    cd /mnt; md5sum f* >/tmp/sums; cd /; umount /mnt; echo 3 >/proc/sys/vm/drop_caches
    e2fsck -fn /dev/xvda >/tmp/fsck 2>&1 || { cat /tmp/fsck; exit 1; }
    mount /dev/xvda /mnt; cd /mnt; md5sum -c /tmp/sums >/tmp/sums.out || { grep -v OK /tmp/sums.out; exit 1; }
    cd /; umount /mnt' 100
say "ext4 with blocks of 1 KiB: clean, every file as written"
guest_do g1 '! dmesg | grep -E "I/O error|WARNING|BUG"'
guest_stop g1
nothing_left "$g" "$dd"
