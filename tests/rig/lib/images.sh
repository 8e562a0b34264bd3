# shellcheck shell=bash
# Makes the initramfs images: dom0, the stock guest, and the driver domain with the kernel's own
# backends.  Each is busybox, a few Debian programs with the libraries they name, a few modules
# with the modules they depend on, and an init of ours.

# find_lib SONAME: where the unpacked packages have it
find_lib() {
    local dir
    for dir in "$IMG/stubs" "$ROOT"/lib/x86_64-linux-gnu "$ROOT"/usr/lib/x86_64-linux-gnu \
               "$ROOT"/usr/lib/x86_64-linux-gnu/xen-*/lib "$ROOT"/usr/lib/xen-*/lib "$ROOT"/lib64; do
        if [ -e "$dir/$1" ]; then
            printf '%s\n' "$dir/$1"
            return 0
        fi
    done
    return 1
}

# add_libs DEST FILE: copies what FILE's dynamic section needs, and what that needs
add_libs() {
    local dest=$1 file=$2 soname path
    for soname in $(readelf -d "$file" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        [ -e "$dest/lib/$soname" ] && continue
        path=$(find_lib "$soname") ||
            die "${file##*/} needs $soname, which no fetched package has: add it to lib/fetch.sh"
        mkdir -p "$dest/lib"
        cp -L "$path" "$dest/lib/$soname"
        add_libs "$dest" "$path"
    done
}

# add_programs DEST PATH...: PATHs below $ROOT, into /bin
add_programs() {
    local dest=$1 path name
    shift
    for path in "$@"; do
        [ -e "$ROOT/$path" ] || die "no $path in the fetched packages: add its package to lib/fetch.sh"
        name=${path##*/}
        cp -L "$ROOT/$path" "$dest/bin/$name"
        add_libs "$dest" "$ROOT/$path"
    done
}

# add_modules DEST NAME...: copies them with all they depend on; /lib/modules.list is load order
add_modules() {
    local dest=$1
    shift
    add_modules_of "$ROOT" "$(cat "$IMG/kernel-version")" "$dest" "$@"
}
add_modules_of() {      # ROOT VERSION DEST NAME...
    local tree=$1 version=$2 dest=$3 name file ko
    shift 3
    mkdir -p "$dest/lib/modules"
    for name in "$@"; do
        modprobe -d "$tree" -S "$version" --show-depends "$name" >"$IMG/deps.tmp" 2>&1 ||
            die "module $name: $(head -n 1 "$IMG/deps.tmp")"
        while read -r word file _; do
            [ "$word" = insmod ] || continue
            ko=$(basename "${file%.xz}")
            [ -e "$dest/lib/modules/$ko" ] && continue
            case $file in
            *.xz) xz -dc "$file" >"$dest/lib/modules/$ko" ;;
            *) cp "$file" "$dest/lib/modules/" ;;
            esac
            printf '%s\n' "$ko" >>"$dest/lib/modules.list"
        done <"$IMG/deps.tmp"
    done
    rm -f "$IMG/deps.tmp"
}

skeleton() {    # DEST
    local dest=$1
    rm -rf "$dest"
    mkdir -p "$dest"/{bin,sbin,dev,proc,sys,tmp,run,etc,lib,lib64,var/lib,var/log,root}
    cp "$ROOT/bin/busybox" "$dest/bin/busybox"
    ln -s busybox "$dest/bin/sh"
    cp -L "$ROOT/lib64/ld-linux-x86-64.so.2" "$dest/lib64/"
    printf 'root:x:0:0:root:/root:/bin/sh\n' >"$dest/etc/passwd"
    printf 'root:x:0:\n' >"$dest/etc/group"
    printf '127.0.0.1 localhost\n' >"$dest/etc/hosts"
}

# pack DIR FILE: a newc archive with all owned by root, though nobody here needs to be root
pack() {
    find "$1" -print0 | xargs -0 touch -h -d @1704067200
    (cd "$1" && find . -print0 | sort -z | cpio --null -o -H newc --owner=0:0 --reproducible --quiet) >"$2.tmp" ||
        die "cpio failed for ${2##*/}"
    mv "$2.tmp" "$2"
}

# Debian's fio is linked with every storage cluster there is.  Libraries with the right names and
# symbols that abort when called let it start without 40 MB of them; libaio is real.
make_stubs() {
    local fio=$ROOT/usr/bin/fio lib
    rm -rf "$IMG/stubs"
    for lib in $(readelf -d "$fio" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p'); do
        find_lib "$lib" >/dev/null || make_stub "$fio" "$lib"
    done
}
# make_stub FILE LIBRARY: with all that FILE takes from it
make_stub() {
    local version versions map='' dir=$IMG/stubs
    mkdir -p "$dir"
    : >"$dir/stub.c"
    versions=$(readelf -V "$1" | awk -v lib="$2" '
        /File: / { on = index($0, "File: " lib " ") > 0 }
        on && sub(/.*Name: /, "") { print $1 }')
    for version in $versions; do
        stub_functions "$1" "[A-Za-z0-9_]*" "@$version" >>"$dir/stub.c"
        map+="$version { $(stub_names "$1" "[A-Za-z0-9_]*" "@$version") };"
    done
    # librados.so.2 and librbd.so.1 have no versions, and all names begin alike
    [ -n "$versions" ] || { version=${2#lib}; version=${version%%.so*}
                            stub_functions "$1" "${version}_[a-z0-9_]*" "" >>"$dir/stub.c"; }
    printf '%s\n' "$map" >"$dir/stub.map"
    gcc -shared -nostdlib -w -o "$dir/$2" -Wl,-soname,"$2" \
        ${map:+-Wl,--version-script="$dir/stub.map"} "$dir/stub.c" ||
        die "cannot make a stub of $2"
}
stub_names() {  # FILE PATTERN SUFFIX
    nm -D --undefined-only "$1" | sed -n "s/^ *U \($2\)$3\$/\1;/p" | tr '\n' ' '
}
stub_functions() {
    nm -D --undefined-only "$1" | sed -n "s/^ *U \($2\)$3\$/void \1(void) { __builtin_trap(); }/p"
}

image_dom0() {
    local d=$IMG/dom0 xen=usr/lib/xen-$XEN_VERSION/bin p
    skeleton "$d"
    mkdir -p "$d"/etc/xen "$d"/var/log/xen/console "$d"/var/lib/xen "$d"/boot
    add_programs "$d" "$xen"/{xl,xenstored,xenconsoled,xen-init-dom0,xen-diag,libxl-save-helper} usr/bin/xenstore
    # busybox's names would be found first: xenstore's are links to the one client
    for p in read write rm list ls exists watch chmod; do
        ln -s xenstore "$d/bin/xenstore-$p"
    done
    cp -L "$(find_lib libgcc_s.so.1)" "$d/lib/"     # dlopened by pthread_exit
    : >"$d/etc/xen/xl.conf"
    add_modules "$d" xen-privcmd xenfs xen-evtchn xen-gntdev xen-gntalloc xen-pciback \
        virtio_pci virtio_blk virtio_console sdhci-pci mmc_block
    cp "$RIG_DIR/dom0/init" "$d/init"
    chmod 755 "$d/init"
    cp "$IMG/vmlinux" "$d/boot/vmlinux"             # the guests' kernel
    pack "$d" "$IMG/dom0.cpio"
}

# A guest as Debian ships it: its kernel, its frontends, nothing of ours but an agent.
guest_userland() {      # DEST
    local d=$1 p
    skeleton "$d"
    add_programs "$d" usr/bin/xenstore sbin/mke2fs sbin/e2fsck
    ln -s mke2fs "$d/bin/mkfs.ext4"
    for p in read write rm list ls exists watch; do
        ln -s xenstore "$d/bin/xenstore-$p"
    done
    cp "$RIG_DIR/guest/init" "$d/init"
    cp "$RIG_DIR/guest/agent" "$d/bin/agent"
    chmod 755 "$d/init" "$d/bin/agent"
}
# Sends and checks a TCP stream (guest/stream.c).
add_stream() {          # DEST
    gcc -O2 -static -o "$1/bin/stream" "$RIG_DIR/guest/stream.c" || die "cannot compile guest/stream.c"
}
image_guest() {
    local d=$IMG/guest
    guest_userland "$d"
    add_modules "$d" xen-blkfront xen-netfront ext4 crc32c_generic
    pack "$d" "$IMG/guest.cpio"
    # the same with the tools that measure
    make_stubs
    add_programs "$d" usr/bin/fio usr/bin/iperf3
    add_stream "$d"
    pack "$d" "$IMG/guest-bench.cpio"
}

# The guest that looks into its network.
image_nettools() {
    local d=$IMG/guest-net
    fetch_nettools
    guest_userland "$d"
    add_programs "$d" usr/bin/iperf3 sbin/ethtool
    add_modules "$d" xen-netfront 8021q
    pack "$d" "$IMG/guest-net.cpio"
}

# Debian 13's kernel in the same guest.
image_trixie() {
    local d=$IMG/trixie/guest
    fetch_trixie
    fetch_nettools
    guest_userland "$d"
    [ -d "$IMG/stubs" ] || make_stubs
    add_programs "$d" usr/bin/fio usr/bin/iperf3 sbin/ethtool
    add_stream "$d"
    add_modules_of "$CACHE/root-trixie" "$(cat "$IMG/trixie/kernel-version")" "$d" \
        xen-blkfront xen-netfront ext4 crc32c_generic
    pack "$d" "$IMG/trixie/guest.cpio"
}

# GRUB for Xen, which Debian makes to be a guest's "kernel", and a kernel for it to load.
image_grub() {
    fetch_grub
    mkdir -p "$IMG/grub"
    cp "$ROOT"/usr/lib/grub-xen/grub-x86_64-xen.bin "$ROOT"/usr/lib/grub-xen/grub-i386-xen_pvh.bin "$IMG/grub/"
    cp "$ROOT/boot/vmlinuz-$(cat "$IMG/kernel-version")" "$IMG/grub/vmlinuz"
}

# A guest that serves disk images: qemu-nbd and qemu-img of the test host, with their libraries.
image_nbd() {
    local d=$IMG/nbd lib
    need_tool qemu-nbd qemu-utils
    guest_userland "$d"
    cp -L "$(command -v qemu-nbd)" "$(command -v qemu-img)" "$d/bin/"
    for lib in $(ldd "$d/bin/qemu-nbd" "$d/bin/qemu-img" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p' | sort -u); do
        [ -e "$d/lib/${lib##*/}" ] || cp -L "$lib" "$d/lib/"
    done
    add_modules "$d" xen-netfront
    pack "$d" "$IMG/guest-nbd.cpio"
}

# A guest of QEMU/KVM, with drivers of both kinds of its devices: /lib/modules.KIND are their lists, and modules.KIND-nic
# those of who has no disk.
image_hosted() {
    local d=$IMG/hosted
    skeleton "$d"
    hosted_modules "$d" ide ata_piix sd_mod e1000
    hosted_modules "$d" ide-nic e1000
    hosted_modules "$d" virtio virtio_pci virtio_blk virtio_net
    hosted_modules "$d" virtio-nic virtio_pci virtio_net
    cp "$RIG_DIR/hosted/init" "$d/init"
    pack "$d" "$IMG/hosted.cpio"
}
hosted_modules() {      # DEST KIND NAME...
    local dest=$1 kind=$2
    shift 2
    mkdir -p "$dest/lib/all"
    add_modules "$dest" "$@"
    mv "$dest"/lib/modules/* "$dest/lib/all/"
    mv "$dest/lib/modules.list" "$dest/lib/modules.$kind"
}

# The driver domain as it is without us: the kernel's own backends.  The benchmarks' baseline.
image_kdd() {
    local d=$IMG/kdd p
    skeleton "$d"
    add_programs "$d" usr/bin/xenstore usr/bin/iperf3
    for p in read write rm list ls exists watch; do
        ln -s xenstore "$d/bin/xenstore-$p"
    done
    add_modules "$d" xen-blkback xen-netback bridge null_blk brd xen-pcifront nvme e1000e
    cp "$RIG_DIR/kdd/init" "$d/init"
    cp "$RIG_DIR/kdd/attach" "$d/bin/attach"
    chmod 755 "$d/init" "$d/bin/attach"
    pack "$d" "$IMG/kdd.cpio"
}

# Rebuilds an image when what it is made of changed.
make_images() { # NAME...
    local name key inputs
    need_tool cpio cpio
    need_tool readelf binutils
    need_tool gcc gcc
    for name in "$@"; do
        case $name in
        # dom0's other files come with each scenario: the snapshot outlives a change of them
        dom0) inputs=("$RIG_DIR/dom0/init") ;;
        nettools | trixie | grub | nbd) inputs=("$RIG_DIR"/guest/*) ;;
        *) inputs=("$RIG_DIR/$name"/*) ;;
        esac
        key=$(key_of "$RIG_DIR"/lib/images.sh "$CACHE/packages.stamp" "${inputs[@]}")
        [ "$(cat "$IMG/$name.key" 2>/dev/null)" = "$key" ] && continue
        say "making the initramfs of $name"
        "image_$name"
        printf '%s\n' "$key" >"$IMG/$name.key"
    done
}
