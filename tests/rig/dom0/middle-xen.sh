# Columns with Xen below: the work is done in a stock PV guest, g1, whose disk and NIC come from NVMe and e1000e.
# Sourced after io.sh and middle.sh; the domain that has the drivers is called dd, or is dom0.
# shellcheck shell=dash disable=SC2034,SC2154,SC2086,SC2016,SC3043

DISK=/dev/xvda EVEN=/dev/xvdb

in_place() {
    guest_run g1 "$1" "$2" 2>&4
}

# Xen's own count for each domain; what Xen does on a domain's behalf is in it, its idle time is not.
spent() {
    local id ns
    /rig/domtime >/tmp/domtime || fail "domtime: Xen does not tell the domains' processor time"
    while read -r id ns; do
        if [ "$id" = 0 ]; then echo "dom0 $ns"; else echo "$(xs "/local/domain/$id/name") $ns"; fi
    done </tmp/domtime
}

# dom0 has the drivers and the kernel's backends.  All that is left of Xen's scripts for a disk and a NIC.
dom0_backends() {
    mkdir -p /etc/xen/scripts
    printf '%s\n' '#!/bin/sh' '[ "$1" = add ] || exit 0' \
        'xenstore-write "$XENBUS_PATH/physical-device" "$(stat -c %t:%T "$(xenstore-read "$XENBUS_PATH/params")")"' \
        'xenstore-write "$XENBUS_PATH/hotplug-status" connected' >/etc/xen/scripts/block
    printf '%s\n' '#!/bin/sh' '[ "$1" = online ] || exit 0' 'ip link set "$vif" up' \
        'brctl addif "$(xenstore-read "$XENBUS_PATH/bridge")" "$vif"' \
        'xenstore-write "$XENBUS_PATH/hotplug-status" connected' >/etc/xen/scripts/vif-bridge
    chmod 755 /etc/xen/scripts/*

    load_drivers /rig/drivers
    load_drivers /rig/drivers/xen
    wait_for 20 "the disk" test -b /dev/nvme0n1
    brctl addbr xenbr0
    brctl addif xenbr0 eth0
    ip link set eth0 up
    ip link set xenbr0 up
}

# The stock guest with no drivers but for its NIC.
lean_guest() {
    mkdir -p /tmp/lean/lib
    echo xen-netfront.ko >/tmp/lean/lib/modules.list
    cat /rig/guest.cpio
    (cd /tmp/lean && find . | cpio -o -H newc 2>/dev/null)
}

# guest_with BACKEND-WORD: g1, with "backend=dd," or nothing for dom0's backends
guest_with() {
    BACKEND_WORD=$1
    lean_guest >/rig/instance.cpio
    add_load guest.cpio
    GUEST_RAMDISK=/rig/guest.cpio
    guest_start g1 memory=192 "$TSC" "disk=[\"format=raw,vdev=xvda,access=rw,${1}target=/dev/nvme0n1\",
        \"format=raw,vdev=xvdb,access=rw,${1}target=/dev/nvme0n3\"]" \
        "vif=[\"${1}mac=00:16:3e:00:00:01,bridge=xenbr0\"]"
    net_up g1 "$OUTSIDE_ADDR.15/24" "$OUTSIDE_GATEWAY"
}

# Xen's count is of a trace, g1's its kernel's own.  The driver domain cannot be asked for its system calls.
crossed() {
    [ -e /tmp/trace ] || trace_start
    crossed_inside
    xen_counts
}
trace_start() {
    /rig/xentrace -S 512 -e 0x229000 /tmp/trace >/tmp/xentrace.out 2>&1 &
    sleep 1
    # Its own memory: as it touches each page of the ring for the first time there is a page fault, and five hypercalls.
    in_place "/load/blkload randread $EVEN 4096 1 2048" 60 >/tmp/out || fail "no reads before counting: $(cat /tmp/out)"
}
# (dom0 is counted only where it serves: it also waits for the guest's answer, and writes the trace)
xen_counts() {
    sleep 0.5
    /rig/calls /tmp/trace "$(domid g1)" "$(domid dd || echo 0)" >/tmp/counts || fail "no counts of Xen's trace"
    awk '$2 == "hypercalls" || $2 == "faults" { n[$2] += $3 } END { for (w in n) print w, n[w] }' /tmp/counts
}
crossings_over() {
    kill "$(pidof xentrace)"
}
memory_free() {
    xl info | awk '$1 == "free_memory" { print $3 * 1024 }'
}
# An instance is a guest with a NIC, in the least memory that is known to boot Debian's kernel.
instance_start() {
    local cfg
    cfg=$(make_cfg "i$1" "kernel=\"$KERNEL\"
ramdisk=\"/rig/instance.cpio\"
memory=128
vcpus=1
type=\"pv\"
extra=\"$QUIET\"" "$TSC" "vif=[\"${BACKEND_WORD}mac=00:16:3e:00:01:0$1,bridge=xenbr0\"]")
    xl create "$cfg" >/tmp/create.out 2>&1 || fail "xl create i$1: $(cat /tmp/create.out)"
}
instance_up() {
    guest_wait "i$1"
    UP_AT=$(now_ns)
}

# A guest with Debian 13's kernel beside the one with Debian 12's, both served by the same drivers.
kernels() {
    (KERNEL=/rig/trixie/vmlinux GUEST_RAMDISK=/rig/trixie/guest.cpio
        guest_start k2 "$TSC" "vif=[\"${BACKEND_WORD}mac=00:16:3e:00:00:02,bridge=xenbr0\"]") || exit 1
    net_up k2 "$OUTSIDE_ADDR.16/24" "$OUTSIDE_GATEWAY"
    kinds="$(guest_do g1 'uname -r') and $(guest_do k2 'uname -r')"
    dd_stop k2
    grub_guest
    figure kernels text "each its own: Linux $kinds at once, and GRUB"
}
# GRUB is a kernel of another kind, with a disk driver of its own: it reads from the second disk what it is to do,
# writes there what it is, and ends (make_disks in lib/scenario.sh).
grub_guest() {
    local disk="${BACKEND_WORD}target=/dev/nvme0n2"
    printf '%s\n' 'name="k3"' 'type="pv"' 'kernel="/rig/grub/grub-x86_64-xen.bin"' memory=128 vcpus=1 \
        "disk=[\"format=raw,vdev=xvda,access=rw,$disk\"]" >/tmp/k3.cfg
    create k3 /tmp/k3.cfg
    wait_for 60 "GRUB to have done what it was to do" no_domain k3
    xl_do block-attach g1 "format=raw,vdev=xvdc,access=ro,$disk"
    assert_eq "what GRUB wrote" "$(guest_do g1 'mkdir -p /mnt; n=0
        until mount -t ext4 -o ro /dev/xvdc /mnt 2>/tmp/mount; do n=$((n + 1)); [ $n -lt 50 ] || { cat /tmp/mount; exit 1; }; usleep 100000; done
        sed -n s/^told=//p /mnt/boot/grub/grubenv; umount /mnt')" x86_64-xen
}
# The kernel's backends read a guest's rings in the kernel that has the drivers.
surface() {
    figure surface text "no system call: xen-blkback and xen-netback, in the kernel that has the drivers"
}
