# summary: stock guests with several queues: pings, TCP between them, both offloads in use
# timeout: 200
# files: test-domain bench tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

GUEST_RAMDISK=/rig/guest-bench.cpio
dd_start dd memory=160 vcpus=2
dd=$(domid dd)
n=1
while [ $n -le 2 ]; do
    guest_start g$n memory=160 vcpus=2 "vif=[\"mac=00:16:3e:00:00:0$n,bridge=xenbr0,backend=dd\"]"
    n=$((n + 1))
done
a=$(domid g1) b=$(domid g2)
for id in $a $b; do
    assert_eq "queues of guest $id" "$(xs "/local/domain/$id/device/vif/0/multi-queue-num-queues")" 2
    both_connected "$id" "$dd" vif 0 || fail "guest $id is not connected"
done
net_up g1 10.7.0.2/24 10.7.0.1
net_up g2 10.7.0.3/24 10.7.0.1
ping_figures g1 10.7.0.3 ping-guest-to-guest
ping_figures g1 10.7.0.1 ping-driver-domain

rate() {
    awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i ~ /bits/) print $(i - 1), $i }'
}
guest_do g2 'iperf3 -s -D' 10
say "TCP g1 to g2, 4 streams: $(guest_do g1 'iperf3 -c 10.7.0.3 -t 2 -P 4' 60 | grep SUM | rate)"
say "TCP g2 to g1, 4 streams: $(guest_do g1 'iperf3 -c 10.7.0.3 -t 2 -P 4 -R' 60 | grep SUM | rate)"
# Large segments came through whole (more bytes per frame than an MTU has), and no checksum was bad.
guest_do g2 'awk "/eth0/ { exit !(int(\$2 / \$3) > 2000) }" /proc/net/dev && ! grep "^Tcp: [0-9]" /proc/net/snmp | grep -v " 0$"' 10
say "large segments arrived whole, no bad checksum"
say "UDP, 64 bytes: $(guest_do g1 'iperf3 -c 10.7.0.3 -u -b 0 -l 64 -t 2' 60 | rate)"
guest_stop g1
nothing_left "$a" "$dd"
guest_stop g2
nothing_left "$b" "$dd"
dd_stop dd
