# shellcheck shell=bash
# What `make bench-rig` needs beyond the other scenarios: programs that measure, and QEMU's qdisk.
# load.cpio and qdisk.cpio are appended to the domains' initramfs images: all of it lies in /load.

QDISK_PACKAGES="qemu-system-xen libpixman-1-0 libglib2.0-0 libpcre2-8-0 libjpeg62-turbo libusb-1.0-0 libudev1"

# Into the same root; a new root starts without the stamp.
fetch_qdisk() {
    local deb stamp=$ROOT/qdisk.stamp
    [ "$(cat "$stamp" 2>/dev/null)" = "$QDISK_PACKAGES" ] && return 0
    say "fetching QEMU's disk backend"
    rm -rf "$CACHE/debs"
    mkdir -p "$CACHE/debs"
    # shellcheck disable=SC2086 # the list is meant to be split
    (cd "$CACHE/debs" && apt-get download -q $QDISK_PACKAGES) >"$CACHE/fetch.log" 2>&1 ||
        die "apt-get download failed: $(grep -m 1 '^E:' "$CACHE/fetch.log")"
    for deb in "$CACHE"/debs/*.deb; do
        dpkg -x "$deb" "$ROOT" || die "cannot unpack ${deb##*/}"
    done
    rm -rf "$CACHE/debs"
    printf '%s\n' "$QDISK_PACKAGES" >"$stamp"
}

image_load() {
    local d=$IMG/load
    rm -rf "$d"
    mkdir -p "$d/load/lib"
    local name
    for name in netload blkload cpuload; do
        gcc -O2 -D_GNU_SOURCE -Wall -Wextra -static -pthread -o "$d/load/$name" "$RIG_DIR/load/$name.c" ||
            die "$name does not build: see above"
    done
    cp "$ROOT/bin/busybox" "$d/load/"
    cp -L "$ROOT/lib64/ld-linux-x86-64.so.2" "$d/load/ld.so"
    cp -L "$ROOT/usr/bin/iperf3" "$d/load/"
    cp "$RIG_DIR"/load/{init,serve} "$d/load/"
    add_libs "$d/load" "$ROOT/usr/bin/iperf3"
    pack "$d" "$IMG/load.cpio"
}

image_qdisk() {
    local d=$IMG/qdisk qemu=$ROOT/usr/libexec/xen-qemu-system-i386
    rm -rf "$d"
    mkdir -p "$d/load/qemu/lib"
    cp -L "$qemu" "$d/load/qemu/qemu"
    cp "$RIG_DIR/load/qdisk" "$d/load/"
    add_modules "$d/load/qemu" xen-privcmd xen-evtchn xen-gntdev
    make_stub "$qemu" libspice-server.so.1
    add_libs "$d/load/qemu" "$qemu"
    pack "$d" "$IMG/qdisk.cpio"
}

# For dom0: Xen's own counts of each domain's processor time, pages and hypercalls.
make_counters() {
    local name
    mkdir -p "$TOP/build/load"
    for name in domtime calls; do
        gcc -O2 -Wall -Wextra -o "$TOP/build/load/$name" "$RIG_DIR/load/$name.c" -lxenctrl ||
            die "$name does not build: libxen-dev is missing? (make deps)"
    done
}

prepare_load() {
    local key name
    fetch_qdisk
    make_counters
    key=$(key_of "$RIG_DIR"/lib/load.sh "$RIG_DIR"/lib/images.sh "$CACHE/packages.stamp" "$RIG_DIR"/load/*)
    if [ "$(cat "$IMG/load.key" 2>/dev/null)" != "$key" ]; then
        say "making the initramfs parts that measure"
        for name in load qdisk; do
            "image_$name"
        done
        printf '%s\n' "$key" >"$IMG/load.key"
    fi
}
