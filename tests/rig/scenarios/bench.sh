# summary: make bench-rig: kernel's backends, QEMU's qdisk and drvdom, measured one after the other
# timeout: 1700
# machine: icount
# mem: 2304
# files: kdd load load-domain tests/rig/dom0/io.sh tests/rig/dom0/load.sh
# shellcheck shell=dash disable=SC2034,SC2086,SC2153
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/load.sh

# shellcheck disable=SC2046 # words are meant
add_load kdd.cpio guest.cpio $(cd /rig && echo image-load*)
GUEST_RAMDISK=/rig/guest.cpio

# RIG_EXTRA: "NAME words ... ; NAME words ...": what to try with BACKEND-NAME, words for the driver
# domain's kernel command line, or xl:KEY="VALUE" for its xl.cfg.
tried() {
    echo "$RIG_EXTRA" | tr ';' '\n' | sed -n "s/^ *${BACKEND#*-} //p" | tr ' ' '\n'
}
# start_domain STARTER IMAGE WORDS [MIB]
start_domain() {
    local starter=$1 image=$2 words=$3 mib=${4:-160} line
    set -- "$TSC"
    settle
    for line in $(tried | sed -n 's/^xl://p'); do
        set -- "$@" "$line"
    done
    $starter "dd-$BACKEND" "memory=$mib" "ramdisk=\"$image\"" \
        "extra=\"$QUIET $(tried | grep -v '^xl:' | tr '\n' ' ')$words\"" "$@"
}
domain_kernel() {
    start_domain kdd_start /rig/kdd.cpio rig.nullb=fast
}
domain_qdisk() {
    cat /rig/kdd.cpio /rig/qdisk.cpio >/rig/kdd-qdisk.cpio
    start_domain kdd_start /rig/kdd-qdisk.cpio "rig.nullb=fast rig.qdisk" 224
}
domain_drvdom() {
    local image=/rig/image-load${BACKEND#drvdom}
    [ -e "$image" ] || image=/rig/image-load
    start_domain dd_start "$image" rdinit=/load/init
}

# All driver domains run at once, and one pair of guests has a disk and a vif of each: what is not
# measured is idle, and all figures are of the same guest.  What they serve is the same, too:
# /dev/nullb0, which costs nothing, /dev/ram0, which keeps its data, and the bridge xenbr0.
letter() {      # NUMBER
    echo abcdefghijkl | cut -c "$1"
}
disks='' vifs1='' vifs2='' n=0 nics=0
for BACKEND in $BACKENDS; do
    case $BACKEND in
    kernel* | drvdom*) type=phy ;;
    # Without direct-io-safe: Debian's QEMU for Xen cannot do it (no aio=native), it reads and writes the page cache.
    qdisk) type=qdisk ;;
    *) fail "no backend '$BACKEND': kernel, qdisk, drvdom" ;;
    esac
    "domain_${BACKEND%%-*}"
    disk="format=raw,backend=dd-$BACKEND,backendtype=$type,access=rw"
    disks="$disks,\"$disk,vdev=xvd$(letter $((2 * n + 1))),target=/dev/nullb0\",\"$disk,vdev=xvd$(letter $((2 * n + 2))),target=/dev/ram0\""
    [ $type = qdisk ] || {
        vifs1="$vifs1,\"mac=00:16:3e:00:01:0$nics,bridge=xenbr0,backend=dd-$BACKEND\""
        vifs2="$vifs2,\"mac=00:16:3e:00:02:0$nics,bridge=xenbr0,backend=dd-$BACKEND\""
        nics=$((nics + 1))
    }
    n=$((n + 1))
done
settle
if wants net; then
    guest_start g1 memory=192 "$TSC" "disk=[${disks#,}]" "vif=[${vifs1#,}]"
    settle
    guest_start g2 memory=128 "$TSC" "vif=[${vifs2#,}]"
    guest_do g2 '(sh /load/serve) >/dev/null 2>&1 & sleep 0'
else
    guest_start g1 memory=192 "$TSC" "disk=[${disks#,}]"
fi

n=0 nics=0
for BACKEND in $BACKENDS; do
    say "== $BACKEND"
    state_figures
    DISK=/dev/xvd$(letter $((2 * n + 1))) KEEPS=/dev/xvd$(letter $((2 * n + 2))) NIC_OF_GUESTS=eth$nics
    n=$((n + 1))
    if wants block; then
        verify_block
        measure_block
    fi
    [ "$BACKEND" != qdisk ] || { figure "$BACKEND.verified" 1 bool; continue; }
    nics=$((nics + 1))
    if wants net; then
        use_net
        verify_net
        measure_net
        leave_net
    fi
    figure "$BACKEND.verified" 1 bool
done
[ -z "$bad" ] || fail "$bad"
