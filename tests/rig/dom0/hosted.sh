# Guests of QEMU/KVM on plain Linux: sourced after middle.sh and linux.sh.  KIND of devices: ide (and e1000) or virtio.
# shellcheck shell=dash disable=SC2154,SC3043,SC2034,SC3045

DISK_HERE=/dev/nvme0n1 EVEN_HERE=/dev/nvme0n3 ROUNDS=3
HOSTED_KERNEL=/boot/vmlinux HOSTED_KIND=$KIND HOSTED_CPU=host HOSTED_INSTANCE_CPU=host,kvm-pv-eoi=off
HOSTED_WORDS="console=ttyS0 quiet nokaslr audit=0 lsm= cryptomgr.notests=1 mitigations=off pci=noearly kprobe_event="

# QEMU 7.2's emulation of SVM may deliver an interrupt that KVM has injected a second time, with interrupts disabled,
# when a timer of its own is due before anything else has happened in the guest.  Had the first one taken a lock by then, the guest
# would wait for it for ever.  So something else has to happen before: an exception, of a probe (in the first
# instruction behind what ftrace needs; it is one of the two), and until there are probes the end of interrupt, an exit
# of those guests that only have to start (HOSTED_INSTANCE_CPU).
for f in handle_edge_irq handle_fasteoi_irq hrtimer_interrupt; do
    HOSTED_WORDS="${HOSTED_WORDS}p:rig/${f}_5,$f+5;p:rig/${f}_9,$f+9;"
done

# hosted_qemu NAME MIB OPTIONS...: in the background, as HOSTED_PID; its agent is at /tmp/ctl-NAME.in and .out
hosted_qemu() {
    local name=$1 mib=$2 d=/rig/hosted
    shift 2
    mkfifo "/tmp/ctl-$name.in" "/tmp/ctl-$name.out"
    LD_LIBRARY_PATH=$d/lib $d/bin/qemu -nodefaults -display none -no-user-config -machine pc -accel kvm -cpu "$HOSTED_CPU" -m "$mib" \
        -L $d/share -kernel "$HOSTED_KERNEL" -initrd "$HOSTED_CPIO" -append "kind=$HOSTED_KIND $HOSTED_WORDS" \
        -serial "file:/tmp/keep/guest-$name.log" -serial "pipe:/tmp/ctl-$name" "$@" >"/tmp/keep/qemu-$name.log" 2>&1 </dev/null &
    HOSTED_PID=$!
}
hosted_disk() { # KIND DEVICE: words for QEMU
    echo "-drive if=$1,file=$2,format=raw,cache=none,aio=native"
}
hosted_net() {  # TAP END-OF-MAC [,OPTION-OF-TAP...]: words for QEMU
    local nic=e1000,autonegotiation=off     # that takes 0.1 s, or not, by when it is asked for
    [ "$KIND" != virtio ] || nic=virtio-net-pci
    echo "-netdev tap,id=n,ifname=$1,script=no${3-} -device $nic,netdev=n,mac=00:16:3e:00:$2,romfile="
}
# hosted_wait NAME: until its agent says that it is there, and of which RELEASE its kernel is
hosted_wait() {
    local word
    waiting "the guest $1"
    read -r word RELEASE <"/tmp/ctl-$1.out" || fail "no agent in guest $1: $(tail -n 3 "/tmp/keep/qemu-$1.log")"
    waiting -
}

in_place() {
    local rc out
    echo "$1" | base64 -w 0 >&6
    echo >&6
    read -r rc out <&5 || return 1
    echo "$out" | base64 -d
    return "$rc"
}
crossed() {
    crossed_linux
    [ -e /sys/kernel/debug/kvm ] || mount -t debugfs debugfs /sys/kernel/debug
    echo "vm-exits $(cat /sys/kernel/debug/kvm/exits)"
    crossed_inside
}

surface() {
    surface_linux "$(grep ^Seccomp: "/proc/$(pidof qemu | cut -d' ' -f1)/status")" "by way of QEMU, which has no sandbox unless told to: "
}
# A guest with Debian 13's kernel beside the one with Debian 12's.  It has no modules of its own, and needs none.
kernels() {
    local first
    first=$(in_place 'uname -r')
    HOSTED_KERNEL=/rig/trixie/vmlinux
    hosted_qemu k2 128
    hosted_wait k2
    HOSTED_KERNEL=/boot/vmlinux
    [ "$RELEASE" != "$first" ] || fail "the second guest has the first one's kernel $RELEASE"
    kill $HOSTED_PID
    wait $HOSTED_PID    # its end would interrupt whoever opens a pipe
    figure kernels text "each its own: Linux $first and $RELEASE at once"
}
# An instance is a QEMU with a guest that has a NIC.
instance_start() {
    hosted_tap "tapi$1"
    # shellcheck disable=SC2046 # words are meant
    hosted_qemu "i$1" 128 $(hosted_net "tapi$1" "01:$(printf %02d "$1")")
}
instance_up() {
    hosted_wait "i$1"
    UP_AT=$(now_ns)
}

hosted_host() {
    mkdir -p /tmp/keep
    load_drivers /rig/drivers
    load_drivers /rig/hosted
    # Waiting in a loop for the guest's next wish would count as work.
    echo 0 >/sys/module/kvm/parameters/halt_poll_ns
    [ -c /dev/kvm ] || fail "no /dev/kvm: $(dmesg | grep -i kvm | tail -n 1)"
    mkdir -p /dev/net
    [ -c /dev/net/tun ] || mknod /dev/net/tun c 10 200
    wait_for 20 "the disk" test -b $DISK_HERE
    brctl addbr br0
    brctl addif br0 eth0
    ip link set eth0 up
    ip link set br0 up
}
hosted_tap() {  # NAME
    tunctl -t "$1" >/dev/null || fail "no tap $1"
    brctl addif br0 "$1"
    ip link set "$1" up
}

# The measured guest: what measures appended to its image.  Before it has probes it may hang (see above): then it is
# started again, after 10 s of the machine's time; it boots in 2.
hosted_start() {
    local word try=1
    HOSTED_CPIO=/tmp/g1.cpio
    initramfs_of /rig/hosted/guest.cpio /rig/load.cpio >/tmp/g1.cpio
    hosted_tap tap1
    while :; do
        hosted_qemu g1 192 "$@"
        exec 5<>/tmp/ctl-g1.out 6<>/tmp/ctl-g1.in
        waiting "the guest g1"
        ! read -t 10 -r word RELEASE <&5 || break
        say "g1 hangs at its start number $try: $(tail -n 1 /tmp/keep/guest-g1.log)"
        [ $try -lt 3 ] || fail "no agent in guest g1: $(tail -n 3 /tmp/keep/qemu-g1.log)"
        kill -9 "$HOSTED_PID"
        wait "$HOSTED_PID"
        rm /tmp/ctl-g1.in /tmp/ctl-g1.out
        try=$((try + 1))
    done
    waiting -
    HOSTED_CPIO=/rig/hosted/guest.cpio HOSTED_KIND=$KIND-nic HOSTED_CPU=$HOSTED_INSTANCE_CPU
    # (a guest of less than 512 MiB makes huge pages only when it is told to)
    in_place "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled || exit 1
        ip addr add $OUTSIDE_ADDR.15/24 dev eth0; ip link set eth0 up; n=0
        while ! ping -c 1 -W 1 $OUTSIDE_GATEWAY; do n=\$((n + 1)); [ \$n -lt 20 ] || exit 1; done" >/tmp/out ||
        fail "the gateway does not answer: $(cat /tmp/out)"
}
