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

# An unpacked (not installed) kernel has no modules.dep yet.
fetch_kernel() {
    local version=$1
    need_tool depmod kmod
    mkdir -p "$IMG"
    depmod -b "$ROOT" "$version" || die "depmod failed for $version: see above"
    unpack_kernel "$ROOT/boot/vmlinuz-$version" "$IMG/vmlinux"
    gunzip -c "$ROOT/boot/xen-$XEN_VERSION-amd64.gz" >"$IMG/xen" ||
        die "cannot unpack the hypervisor out of build/rig-cache/root/boot"
    printf '%s\n' "$version" >"$IMG/kernel-version"
}

# unpack_kernel VMLINUZ OUT: everything that boots here gets the kernel as a bare ELF file: unpacking
# it in an emulated machine costs seconds each time.
unpack_kernel() {
    local image=$1 setup offset length unpack='xz -dc'
    need_tool xz xz-utils
    # The boot protocol's header tells where the packed kernel is (Documentation/x86/boot).
    setup=$(od -An -tu1 -j 497 -N 1 "$image")
    offset=$(($(od -An -tu4 -j $((0x248)) -N 4 "$image") + (setup + 1) * 512))
    length=$(od -An -tu4 -j $((0x24c)) -N 4 "$image")
    [ "$(od -An -tx4 -j "$offset" -N 4 "$image")" != ' fd2fb528' ] || unpack='zstd -dcq'
    dd if="$image" iflag=skip_bytes,count_bytes bs=1M status=none skip="$offset" \
        count=$((length - 4)) | $unpack >"$2.tmp" || die "cannot unpack $image: neither xz nor zstd"
    strip -o "$2" "$2.tmp" || die "strip failed: apt-get install binutils"
    rm -f "$2.tmp"
}

# --- what only some scenarios want: fetched when the first of them runs -----------------------------

# The mirror that this machine has bookworm from.
mirror() {
    # shellcheck disable=SC2016 # the words are apt's
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' |
        sed -n 's/ bookworm main$//p' | head -n 1
}

# apt_trixie COMMAND...: apt with Debian 13's lists, of which the machine's own apt knows nothing
apt_trixie() {
    local d=$CACHE/apt-trixie cmd=$1
    shift
    mkdir -p "$d"/lists/partial "$d"/cache/archives/partial
    printf 'deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] %s trixie main\n' \
        "$(mirror)" >"$d/sources.list"
    "$cmd" -o Dir::Etc::sourcelist="$d/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State::lists="$d/lists" -o Dir::Cache="$d/cache" -o Dir::State::status=/dev/null \
        -o APT::Sandbox::User=root -q "$@"
}

# Debian 13's kernel with its modules: a stock guest of another age.  $CACHE/root-trixie, $IMG/trixie.
fetch_trixie() {
    local kernel tree=$CACHE/root-trixie
    [ ! -e "$CACHE/trixie.stamp" ] || return 0
    need_tool zstd zstd
    say "fetching Debian 13's kernel into build/rig-cache (about 110 MB)"
    rm -rf "$tree"
    mkdir -p "$tree" "$IMG/trixie" "$CACHE/debs"
    apt_trixie apt-get update >"$CACHE/fetch.log" 2>&1 ||
        die "no lists of Debian 13: see build/rig-cache/fetch.log"
    kernel=$(apt_trixie apt-cache depends linux-image-amd64 |
        sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1)
    [ -n "$kernel" ] || die "no package linux-image-amd64 in Debian 13's lists"
    (cd "$CACHE/debs" && apt_trixie apt-get download "$kernel") >>"$CACHE/fetch.log" 2>&1 ||
        die "cannot fetch $kernel: see build/rig-cache/fetch.log"
    dpkg -x "$CACHE/debs/$kernel"_*.deb "$tree" || die "cannot unpack $kernel: disk full? (df build)"
    # bookworm's modprobe looks for modules where bookworm's packages have them
    [ -e "$tree/lib" ] || ln -s usr/lib "$tree/lib"
    rm -rf "$CACHE/debs" "$CACHE/apt-trixie"
    depmod -b "$tree" "${kernel#linux-image-}" || die "depmod failed for $kernel"
    unpack_kernel "$tree/boot/vmlinuz-${kernel#linux-image-}" "$IMG/trixie/vmlinux"
    printf '%s\n' "${kernel#linux-image-}" >"$IMG/trixie/kernel-version"
    printf '%s\n' "$kernel" >"$CACHE/trixie.stamp"
}

# fetch_more NAME WHAT PACKAGE...: unpacked into $ROOT, once
fetch_more() {
    [ ! -e "$CACHE/$1.stamp" ] || return 0
    fetch_into "$ROOT" "${@:2}"
    : >"$CACHE/$1.stamp"
}
# fetch_into TREE WHAT PACKAGE...: unpacked there
fetch_into() {
    local deb tree=$1 what=$2
    shift 2
    say "fetching $what into build/rig-cache"
    rm -rf "$CACHE/debs"
    mkdir -p "$CACHE/debs" "$tree"
    (cd "$CACHE/debs" && apt-get download -q "$@") >"$CACHE/fetch.log" 2>&1 ||
        die "cannot fetch $what: see build/rig-cache/fetch.log"
    for deb in "$CACHE"/debs/*.deb; do
        dpkg -x "$deb" "$tree" || die "cannot unpack ${deb##*/}: disk full? (df build)"
    done
    rm -rf "$CACHE/debs"
}

# Programs of guests that look into the network.
fetch_nettools() {
    fetch_more nettools ethtool ethtool libmnl0
}

fetch_grub() {
    fetch_more grub "GRUB for Xen" grub-xen-host
}

# What starts a container, with libraries that no other package here needs.
fetch_crun() {
    fetch_more crun crun crun libcap2 libseccomp2 libsystemd0 liblz4-1 libgcrypt20 libgpg-error0
}
