# summary: offloads to the wire and between guests, MTU 1500 and 9000, path MTU; the wire is captured
# timeout: 500
# machine: passthrough
# capture: wire.pcap
# check: net-offloads
# files: jumbo-domain nettools tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016,SC2086,SC2034
. /rig/tests/rig/dom0/io.sh

GUEST_RAMDISK=/rig/guest-net.cpio
pci_give "$NIC"
dd_start dd memory=160 "pci=['$NIC']"
dd=$(domid dd)
guest_start small 'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'
guest_start large 'vif=["mac=00:16:3e:00:00:02,bridge=xenbr0,backend=dd,mtu=9000"]'
guest_start behind 'vif=["mac=00:16:3e:00:00:03,bridge=xenbr1,backend=dd,mtu=9000"]'
assert_eq "the large guest's mtu, as the backend says" "$(xs "/local/domain/$dd/backend/vif/$(domid large)/0/mtu")" 9000
assert_eq "the small guest's mtu" "$(xs "/local/domain/$dd/backend/vif/$(domid small)/0/mtu")" 1500
net_up small 10.0.2.15/24 $OUTSIDE_GATEWAY
guest_do large 'ip link set eth0 mtu 9000'
net_up large 10.0.2.17/24 $OUTSIDE_GATEWAY
guest_do behind 'ip link set eth0 mtu 9000'
net_up behind 10.8.0.2/24 10.8.0.1

no_bad_sums() {
    guest_do "$1" 'awk "/^Tcp: [0-9]/ { exit \$NF != 0 }" /proc/net/snmp' || fail "$1 has seen bad TCP checksums"
}

# to the wire: the guests' kernels leave segmenting and checksums to others
echo_check small 2
echo_check large 1
say "2 MiB and 1 MiB to the outside and back"
# 8000 bytes in one frame; whether the outside likes it does not matter, the wire is looked at
guest_do large "ping -c 3 -W 1 -s 8000 $OUTSIDE_GATEWAY >/dev/null 2>&1; true" 30
guest_do small "ping -c 3 -W 1 -s 8000 $OUTSIDE_GATEWAY >/dev/null 2>&1; true" 30

# between guests of one bridge, different MTUs
copy_check small large 10.0.2.17 4
copy_check large small 10.0.2.15 4
guest_do large 'ping -c 3 -W 2 -s 1400 10.0.2.15 >/dev/null' 20
say "4 MiB each way between guests of MTU 1500 and 9000"

# path MTU: the small guest says that it takes large segments, the router on the way knows better
guest_do small 'ip route add 10.8.0.0/24 via 10.0.2.16 advmss 8960'
guest_do behind 'ip route add 10.0.2.0/24 via 10.8.0.1'
copy_check behind small 10.0.2.15 2
told=$(guest_do behind 'awk "/^Icmp: [0-9]/ { print \$5 }" /proc/net/snmp')
[ "$told" -ge 1 ] || fail "no router has told the guest behind about the path's MTU"
say "2 MiB over a path of smaller MTU, which the router told ($told messages)"
for g in small large behind; do
    no_bad_sums $g
done
say "no bad checksum in any guest"
for g in small large behind; do
    id=$(domid $g)
    guest_stop $g
    nothing_left "$id" "$dd"
done
dd_stop dd
