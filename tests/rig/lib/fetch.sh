# shellcheck shell=bash
# Brings the Debian packages the rig is made of.  They are downloaded and unpacked into
# build/rig-cache/root, never installed: no root is needed and the test host stays as it is.

XEN_VERSION=4.17

# The kernel package's name carries its ABI number: the meta package knows today's.
kernel_package() {
    apt-cache depends linux-image-amd64 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

package_list() {
    cat <<LIST
xen-hypervisor-$XEN_VERSION-amd64 xen-utils-$XEN_VERSION xenstore-utils
libxencall1 libxendevicemodel1 libxenevtchn1 libxenforeignmemory1 libxengnttab1 libxenhypfs1
libxenmisc$XEN_VERSION libxenstore4 libxentoolcore1 libxentoollog1
libyajl2 libnl-3-200 libnl-route-3-200 libfdt1 libuuid1 libblkid1 libbz2-1.0 liblzma5
libzstd1 liblzo2-2 zlib1g libc6 libgcc-s1
busybox-static e2fsprogs libext2fs2 libcom-err2 libss2
fio libaio1 libnuma1 iperf3 libiperf0 libsctp1 libssl3
LIST
}

fetch_packages() {
    local list kernel stamp=$CACHE/packages.stamp
    if [ -e "$stamp" ] && [ "$(head -n 1 "$stamp")" = "$(package_list | key_of_stdin)" ]; then
        return 0
    fi
    need_tool apt-get apt
    need_tool dpkg dpkg
    kernel=$(kernel_package)
    if [ -z "$kernel" ]; then
        die "no package linux-image-amd64 in apt's lists: apt-get update, as root, with a Debian 12 main source"
    fi
    list="$(package_list | tr '\n' ' ')$kernel"
    say "fetching $(wc -w <<<"$list") Debian packages into build/rig-cache (about 85 MB)"
    rm -rf "$CACHE/debs" "$ROOT"
    mkdir -p "$CACHE/debs" "$ROOT"
    # shellcheck disable=SC2086 # the list is meant to be split
    if ! (cd "$CACHE/debs" && apt-get download -q $list) >"$CACHE/fetch.log" 2>&1; then
        die "apt-get download failed: $(grep -m 1 '^E:' "$CACHE/fetch.log" || echo 'see build/rig-cache/fetch.log'): is there a network, and are apt's lists fresh (apt-get update)?"
    fi
    say "unpacking"
    local deb
    for deb in "$CACHE"/debs/*.deb; do
        dpkg -x "$deb" "$ROOT" || die "cannot unpack ${deb##*/}: disk full? (df build)"
    done
    rm -rf "$CACHE/debs"
    fetch_kernel "${kernel#linux-image-}"
    { package_list | key_of_stdin; printf '%s\n' "$kernel"; } >"$stamp"
}

key_of_stdin() {
    sha256sum | cut -c1-16
}

# An unpacked (not installed) kernel has no modules.dep yet.  Everything that boots here gets the
# kernel as a bare ELF file: unpacking xz in an emulated machine costs seconds each time.
fetch_kernel() {
    local version=$1 image setup offset length
    need_tool depmod kmod
    need_tool xz xz-utils
    image=$ROOT/boot/vmlinuz-$version
    mkdir -p "$IMG"
    depmod -b "$ROOT" "$version" || die "depmod failed for $version: see above"
    # The boot protocol's header tells where the packed kernel is (Documentation/x86/boot).
    setup=$(od -An -tu1 -j 497 -N 1 "$image")
    offset=$(od -An -tu4 -j $((0x248)) -N 4 "$image")
    length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
    dd if="$image" iflag=skip_bytes,count_bytes bs=1M status=none \
        skip=$(((setup + 1) * 512 + offset)) count=$((length - 4)) | xz -dc >"$IMG/vmlinux.tmp" ||
        die "cannot unpack $image: not an xz-packed kernel"
    strip -o "$IMG/vmlinux" "$IMG/vmlinux.tmp" || die "strip failed: apt-get install binutils"
    rm -f "$IMG/vmlinux.tmp"
    gunzip -c "$ROOT/boot/xen-$XEN_VERSION-amd64.gz" >"$IMG/xen" ||
        die "cannot unpack the hypervisor out of build/rig-cache/root/boot"
    printf '%s\n' "$version" >"$IMG/kernel-version"
}
