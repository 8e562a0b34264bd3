# summary: stock Linux 6.1 and 6.12 with four queues: GSO and checksums of IPv4 and IPv6, verified
# timeout: 600
# files: test-domain nettools trixie tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2034,SC2016,SC2086
. /rig/tests/rig/dom0/io.sh

# Several virtual processors on one emulated one: a new kernel takes its time.
GUEST_TIMEOUT=240 DD_TIMEOUT=240
dd_start dd memory=256 vcpus=4
dd=$(domid dd)
GUEST_RAMDISK=/rig/guest-net.cpio
guest_start g1 memory=192 vcpus=4 'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'
KERNEL=/rig/trixie/vmlinux GUEST_RAMDISK=/rig/trixie/guest.cpio
guest_start g2 memory=192 vcpus=2 'vif=["mac=00:16:3e:00:00:02,bridge=xenbr0,backend=dd"]'
a=$(domid g1) b=$(domid g2)

# what each kernel says of its device
for n in "g1 4" "g2 2"; do
    g=${n% *} n=${n#* }
    id=$(domid $g)
    assert_eq "queues of $g" "$(xs "/local/domain/$id/device/vif/0/multi-queue-num-queues")" $n
    both_connected "$id" "$dd" vif 0 || fail "$g is not connected"
    guest_do $g 'uname -r; dmesg | grep -iE "netfront|vif|eth0"; ethtool -k eth0 >/tmp/k
        grep -E "^(scatter-gather|tx-checksumming|rx-checksumming|.tx-tcp.-?segmentation|.tx-checksum-ip)" /tmp/k
        set -e
        grep -q "tx-tcp-segmentation: on" /tmp/k; grep -q "tx-tcp6-segmentation: on" /tmp/k
        grep -q "tx-checksum-ipv4: on" /tmp/k; grep -q "tx-checksum-ipv6: on" /tmp/k
        grep -q "scatter-gather: on" /tmp/k' 20
    guest_do $g "[ \$(grep -cE '(eth0|vif0)-q[0-3]-tx' /proc/interrupts) = $n ] && [ \$(grep -cE '(eth0|vif0)-q[0-3]-rx' /proc/interrupts) = $n ]"
    say "$g: $n queues with two channels each, TSO v4 and v6, checksums v4 and v6"
done

net_up g1 10.7.0.2/24 10.7.0.1
net_up g2 10.7.0.3/24 10.7.0.2
guest_do g1 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip addr add fd00:7::2/64 dev eth0'
guest_do g2 'echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad; ip addr add fd00:7::3/64 dev eth0'

# bulk GUEST ADDR OPTIONS: iperf3 to the other; large segments must come through whole on both sides
seen() {        # GUEST: received bytes and frames of eth0
    guest_do "$1" "awk -F'[: ]+' '/eth0/ { print \$3, \$4 }' /proc/net/dev"
}
bulk() {
    local from to
    from=$(seen "$3")
    guest_do g1 "iperf3 -c $1 -t 3 -P 8 $2 >/tmp/iperf || { cat /tmp/iperf; exit 1; }
        awk '/SUM.*receiver/ { print \$6, \$7 } /SUM.*sender/ { print \$8, \"segments repeated\" }' /tmp/iperf" 120
    to=$(seen "$3")
    set -- "$1" "$2" "$3" $from $to
    [ $(($6 - $4)) -gt $((2000 * ($7 - $5))) ] ||
        fail "$3 received $(($6 - $4)) bytes in $(($7 - $5)) frames: segments were cut on the way"
    say "  $(($6 - $4)) bytes in $(($7 - $5)) frames: whole segments"
}
guest_do g2 'iperf3 -s -D' 10
say "TCP over IPv4, 6.1 to 6.12:"; bulk 10.7.0.3 "" g2
say "TCP over IPv4, 6.12 to 6.1:"; bulk 10.7.0.3 -R g1
say "TCP over IPv6, 6.1 to 6.12:"; bulk fd00:7::3 "" g2
say "TCP over IPv6, 6.12 to 6.1:"; bulk fd00:7::3 -R g1
for g in g1 g2; do
    guest_do $g 'awk "/^Tcp: [0-9]/ { exit \$NF != 0 }" /proc/net/snmp &&
        ! awk "/InCsumErrors/ && \$2 > 0" /proc/net/snmp6 | grep . &&
        awk "/(eth0|vif0)-q/ { n = 0; for (i = 2; \$i ~ /^[0-9]+\$/; i++) n += \$i; if (n == 0) { print \$0; bad = 1 } } END { exit bad }" /proc/interrupts' 10
done
say "no bad checksum, every queue was used"
repeated() {    # GUEST: why its TCP repeated segments
    say "$1: $(guest_do "$1" "awk '/^TcpExt:/ { if (!seen++) split(\$0, name); else for (i = 2; i <= NF; i++)
        if (\$i > 0 && name[i] ~ /Timeouts|FastRetrans|SlowStartRetrans|LossProbes|DSACKRecv|SpuriousRTO/) printf \"%s %s  \", name[i], \$i }' /proc/net/netstat")"
}
repeated g1
repeated g2

# a stream whose sum is known, each way
copy_check g1 g2 10.7.0.3 8
copy_check g2 g1 10.7.0.2 8
say "8 MiB each way arrived as sent"

# unplugged and plugged in again while the guest runs
xl network-detach g1 0 >/dev/null 2>&1 || fail "xl network-detach g1 0"
guest_do g1 'n=0; while [ -e /sys/class/net/eth0 ]; do n=$((n + 1)); [ $n -lt 50 ] || exit 1; usleep 100000; done'
xl_do network-attach g1 mac=00:16:3e:00:00:01 bridge=xenbr0 backend=dd
wait_for 10 "g1 to be connected again" both_connected "$a" "$dd" vif 0
net_up g1 10.7.0.2/24 10.7.0.3
say "unplugged and plugged in again"
for g in g1 g2; do
    guest_do $g '! dmesg | grep -iE "bug:|oops|call trace|disabled for further"'
done
guest_stop g1
nothing_left "$a" "$dd"
guest_stop g2
nothing_left "$b" "$dd"
say "frames that came faster than a guest took them: $(grep -o 'vif[0-9.]*: [0-9]* frames were dropped' "$RIG_LOG/guest-dd.log" | tr '\n' ' ')"
dd_stop dd
