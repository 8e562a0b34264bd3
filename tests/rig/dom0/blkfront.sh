# Guests whose disks are drvdom-blkfront's and not the kernel's: sourced by scenarios after lib.sh.
# `files:` must name build/release/bin/drvdom-blkfront.
# shellcheck shell=dash disable=SC2034

# The stock guest with another list of modules, our frontend, and the libraries it needs.
blkfront_ramdisk() {
    local over=/tmp/over
    mkdir -p $over/bin $over/lib/modules
    cp /rig/build/release/bin/drvdom-blkfront $over/bin/
    chmod 755 $over/bin/drvdom-blkfront
    # libgcc: libxenstore ends its thread with pthread_cancel
    cp -L /lib/libxengnttab.so.1 /lib/libxenevtchn.so.1 /lib/libxentoollog.so.1 /lib/libgcc_s.so.1 $over/lib/
    printf 'xen-evtchn.ko\nxen-gntalloc.ko\n' >$over/lib/modules.list
    cp -L /lib/modules/xen-evtchn.ko /lib/modules/xen-gntalloc.ko $over/lib/modules/
    {
        cat /rig/guest.cpio
        (cd $over && find . | cpio -o -H newc 2>/dev/null)
    } >/tmp/blkfront.cpio
    GUEST_RAMDISK=/tmp/blkfront.cpio
}

# A guest of that kind, with pages enough to share.
blkfront_guest() {      # NAME LINE...
    guest_start "$@"
    guest_do "$1" 'echo 4096 >/sys/module/xen_gntalloc/parameters/limit'
}

# blkfront GUEST SECONDS ARGUMENTS...: must succeed; what it prints is in /tmp/blkfront.out
blkfront() {
    local g=$1 secs=$2
    shift 2
    guest_run "$g" "drvdom-blkfront $*" "$secs" >/tmp/blkfront.out 2>&4 ||
        fail "in $g: drvdom-blkfront $*: exit $?: $(tail -n 3 /tmp/blkfront.out)"
}
