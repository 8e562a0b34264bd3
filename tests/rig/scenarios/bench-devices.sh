# summary: a part of make bench-rig: passed-through NVMe and e1000e, one driver domain after the other
# timeout: 900
# machine: passthrough
# files: kdd driver-domain load tests/rig/dom0/io.sh tests/rig/dom0/load.sh
# shellcheck shell=dash disable=SC2034,SC2046,SC2153,SC2086,SC2154
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/load.sh

# The devices answer in the test host's time, and so does their outside: such figures repeat roughly.
add_load kdd.cpio guest.cpio
GUEST_RAMDISK=/rig/guest.cpio
cat /rig/kdd.cpio /rig/qdisk.cpio >/rig/kdd-qdisk.cpio
DISKS=nvme-

start_domain() {
    set -- "dd-$BACKEND" "$TSC" "pci=['$NVME', '$NIC']"
    case $BACKEND in
    kernel) kdd_start "$@" memory=160 ;;
    qdisk) kdd_start "$@" memory=224 'ramdisk="/rig/kdd-qdisk.cpio"' "extra=\"$QUIET rig.qdisk\"" ;;
    drvdom) dd_start "$@" memory=160 ;;
    *) fail "no backend '$BACKEND': kernel, qdisk, drvdom" ;;
    esac
}

measure_nvme() {
    verify_block
    block_work randread-4k-qd1 1000
    block_work randwrite-4k-qd1 1000
    block_work randread-4k-qd32 3000
    block_work read-128k-qd8 500
}

# To the NIC's outside: a gateway that answers ping, a TCP echo whose every byte is compared.
measure_wire() {
    guest_do g1 "ip addr add $OUTSIDE_ADDR.15/24 dev eth0; ip link set eth0 up
        n=0; while ! ping -c 1 -W 1 $OUTSIDE_GATEWAY >/dev/null 2>&1; do n=\$((n + 1)); [ \$n -lt 20 ] || exit 1; done"
    PINGS=100
    ping_work wire-ping "$OUTSIDE_GATEWAY"
    nothing wire "/load/netload echo ${OUTSIDE_ECHO% *} 1"
    charged 3 MiB wire wire-tcp-echo "/load/netload echo ${OUTSIDE_ECHO% *} 4"
    emit wire-tcp-echo rate "$(cat /tmp/out)" MiB/s
}

pci_give "$NVME" "$NIC"
for BACKEND in $BACKENDS; do
    start_domain
    type=phy
    [ "$BACKEND" != qdisk ] || type=qdisk
    set -- "disk=[\"format=raw,vdev=xvda,access=rw,backend=dd-$BACKEND,backendtype=$type,target=/dev/nvme0n1\"]"
    ! wants wire || [ $type = qdisk ] || set -- "$@" "vif=[\"mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd-$BACKEND\"]"
    guest_start g1 memory=192 "$TSC" "$@"
    DISK=/dev/xvda KEEPS=/dev/xvda
    ! wants nvme || measure_nvme
    ! wants wire || [ $type = qdisk ] || measure_wire
    figure "$BACKEND.verified-devices" 1 bool
    xl destroy g1
    dd_stop "dd-$BACKEND"
    forget_domids
    pci_again "$NVME" "$NIC"
done
[ -z "$bad" ] || fail "$bad"
