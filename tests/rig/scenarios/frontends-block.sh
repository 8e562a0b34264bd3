# summary: block frontends that nobody here wrote: Linux 6.1, GRUB and Linux 6.12
# timeout: 600
# mem: 2560
# files: test-domain bench trixie grub tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016,SC2034,SC2086,SC2153
. /rig/tests/rig/dom0/io.sh

disk() {        # NUMBER
    printf 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk%s.img"]' "$1"
}
front() {       # GUEST KEY: of its disk's frontend directory
    xs "/local/domain/$(domid "$1")/device/vbd/51712/$2"
}
# The kernel's own words about the disk, and what it wrote into xenstore.
features() {    # GUEST
    guest_do "$1" 'dmesg | grep "blkfront: xvda:"' >/tmp/words
    say "$1: $(cat /tmp/words)"
    # what is answered about an image is durable: there is nothing to flush
    for word in 'barrier or flush: disabled' 'persistent grants: enabled' 'indirect descriptors: enabled'; do
        grep -q "$word" /tmp/words || fail "$1: its kernel does not say: $word"
    done
    assert_eq "$1: queues" "$(front "$1" multi-queue-num-queues)" 2
    assert_eq "$1: queues of its kernel" "$(guest_do "$1" 'ls /sys/block/xvda/mq | wc -l')" 2
    assert_eq "$1: ring order" "$(front "$1" ring-page-order)" 2
    assert_eq "$1: persistent grants" "$(front "$1" feature-persistent)" 1
}
# Random writes of all sizes, each block read back and its checksum compared.
verified() {    # GUEST MIB
    guest_do "$1" "cd /tmp && fio --name=v --filename=/dev/xvda --ioengine=libaio --direct=1 --rw=randwrite \
        --bsrange=4k-512k --iodepth=16 --size=$2m --verify=crc32c --verify_fatal=1 --do_verify=1 >/tmp/fio.out 2>&1 ||
        { tail -n 20 /tmp/fio.out; exit 1; }; grep -E 'READ:|WRITE:' /tmp/fio.out" 120
}
# archive FILE DIR: a stock ramdisk, and DIR behind it
archive() {
    {
        cat "$1"
        (cd "$2" && find . | cpio -o -H newc 2>/dev/null)
    } >/tmp/ramdisk.cpio
}
# The frontend's module is loaded by us, for its parameters.
linux() {       # NAME KERNEL RAMDISK LINE...
    local name=$1 kernel=$2 from=$3 over=/tmp/over-$1
    mkdir -p "$over"
    (cd "$over" && cpio -id lib/modules.list <"$from") 2>/dev/null
    grep -q xen-blkfront "$over/lib/modules.list" || fail "$name: no list of modules"
    sed -i /xen-blkfront/d "$over/lib/modules.list"
    shift 3
    [ "$name" != l61 ] || cp /rig/grub/vmlinuz /rig/guest.cpio "$over/"
    archive "$from" "$over"
    GUEST_RAMDISK=/tmp/ramdisk.cpio
    guest_start "$name" "kernel=\"$kernel\"" memory=224 vcpus=2 "$@"
    # With persistent grants it takes pages for each segment of each slot at once: 34 MB of this shape.
    guest_do "$name" 'insmod /lib/modules/xen-blkfront.ko max_ring_page_order=2 max_queues=2; n=0
        while [ ! -b /dev/xvda ]; do n=$((n + 1)); [ $n -lt 100 ] || exit 1; usleep 100000; done'
}
gone() {        # GUEST DOMID
    guest_stop "$1"
    nothing_left "$2" "$dd"
}

dd_start dd memory=256 vcpus=2
dd=$(domid dd)

# --- Linux 6.1, which then makes the disk that GRUB boots from ------------------------------------------
linux l61 $KERNEL /rig/guest-bench.cpio "$(disk 0)"
id=$(domid l61)
say "l61: Linux $(guest_do l61 'uname -r')"
features l61
verified l61 24
guest_do l61 'set -e; mkfs.ext4 -q -F -t ext2 /dev/xvda >/dev/null; mount -t ext4 /dev/xvda /mnt
mkdir -p /mnt/boot/grub; mv /vmlinuz /mnt/boot/vmlinuz; mv /guest.cpio /mnt/boot/initrd
(cd /mnt && md5sum boot/vmlinuz boot/initrd | sed "s|  |  /|" >boot/sums)
cat >/mnt/boot/grub/grub.cfg <<END
set read=bad
if md5sum --check /boot/sums; then set read=good; fi
set told="\$read-\$grub_cpu-\$grub_platform"
save_env -f /boot/grub/grubenv told
linux /boot/vmlinuz console=hvc0 quiet nokaslr audit=0 mitigations=off cryptomgr.notests=1 8250.nr_uarts=0 by=\$grub_cpu
initrd /boot/initrd
boot
END
{ printf "# GRUB Environment Block\ntold=linux\n"; head -c 1000 /dev/zero | tr "\0" "#"; } | head -c 1024 >/mnt/boot/grub/grubenv
umount /mnt' 60
gone l61 "$id"

# --- GRUB: reads kernel and initrd, compares their sums, writes what it found into a file, boots ------------
grub() {        # NAME TYPE FILE CPU TOLD
    local id cfg=/tmp/$1.grub.cfg
    printf 'name="%s"\ntype="%s"\nkernel="/rig/grub/%s"\nmemory=256\nvcpus=1\non_crash="preserve"\n%s\n' \
        "$1" "$2" "$3" "$(disk 0)" >"$cfg"
    guest_start "$1" "$cfg"
    id=$(domid "$1")
    guest_do "$1" "grep -q by=$4 /proc/cmdline && mount -t ext4 /dev/xvda /mnt && cd /mnt && sed 's|  /|  |' boot/sums | md5sum -c" >/tmp/sums
    assert_eq "$1: what GRUB wrote" "$(guest_do "$1" 'sed -n s/^told=//p /mnt/boot/grub/grubenv; umount /mnt')" "$5"
    say "$1: GRUB ($4) read the disk, wrote to it, and booted $(guest_do "$1" 'uname -r') from it"
    gone "$1" "$id"
}
GUEST_TIMEOUT=120
grub grub64 pv grub-x86_64-xen.bin x86_64 good-x86_64-xen
# RIG_SET=PVH=1 for where PVH guests live: in QEMU's emulation of SVM they die now and then.
[ -z "${PVH-}" ] || grub grub32 pvh grub-i386-xen_pvh.bin i386 good-i386-xen_pvh
GUEST_TIMEOUT=60

# --- Linux 6.12 ------------------------------------------------------------------------------------------
linux l612 /rig/trixie/vmlinux /rig/trixie/guest.cpio "$(disk 1)"
id=$(domid l612)
say "l612: Linux $(guest_do l612 'uname -r')"
features l612
verified l612 24
disk_fill l612 16
disk_verify l612
gone l612 "$id"
dd_stop dd
