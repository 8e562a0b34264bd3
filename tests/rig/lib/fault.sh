# shellcheck shell=bash
# fault/rigfault.c, a module for the rig's kernel: its headers are Debian packages, unpacked into
# build/rig-cache/headers and told where they lie.

fetch_headers() {       # VERSION
    local tree=$CACHE/headers common=${1%-amd64}-common
    [ "$(cat "$tree/version" 2>/dev/null)" != "$1" ] || return 0
    rm -rf "$tree"
    fetch_into "$tree" "the kernel's headers (14 MB)" "linux-headers-$1" "linux-headers-$common" "linux-kbuild-${1%%.0-*}"
    printf 'include %s\n' "$tree/usr/src/linux-headers-$common/Makefile" >"$tree/usr/src/linux-headers-$1/Makefile"
    printf '%s\n' "$1" >"$tree/version"
}

# The module, as $IMG/rigfault.ko, and the initramfs part that brings it into a driver domain, as $IMG/fault.cpio.
make_fault() {
    local version key dir=$CACHE/fault
    version=$(cat "$IMG/kernel-version")
    key=$(key_of "$RIG_DIR"/fault/* "$RIG_DIR/lib/fault.sh" -- "$version")
    [ "$(cat "$IMG/fault.key" 2>/dev/null)" != "$key" ] || return 0
    fetch_headers "$version"
    rm -rf "$dir"
    mkdir -p "$dir/build" "$dir/root/fault"
    cp "$RIG_DIR/fault/rigfault.c" "$dir/build/"
    printf 'obj-m := rigfault.o\n' >"$dir/build/Kbuild"
    make -s -C "$CACHE/headers/usr/src/linux-headers-$version" M="$dir/build" CC="${CC:-gcc}" modules >"$dir/log" 2>&1 ||
        die "rigfault.ko does not build: $(tail -n 3 "$dir/log")"
    cp "$dir/build/rigfault.ko" "$IMG/"
    cp "$dir/build/rigfault.ko" "$ROOT/bin/busybox" "$RIG_DIR/fault/init" "$dir/root/fault/"
    pack "$dir/root" "$IMG/fault.cpio"
    printf '%s\n' "$key" >"$IMG/fault.key"
}
