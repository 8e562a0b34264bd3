# summary: make demo: driver domain with NVMe and NIC, stock guest, all I/O verified, latencies
# timeout: 900
# machine: passthrough
# mem: 2048
# files: driver-domain bench examples tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

DISK='format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nvme0n1'

# the example configs name these places
mkdir -p /var/lib/drvdom/demo
ln -s /rig/image /var/lib/drvdom/dd
[ -e /rig/image/vmlinux ] || ln -s "$KERNEL" /rig/image/vmlinux
ln -s "$KERNEL" /var/lib/drvdom/demo/vmlinux
ln -s /rig/guest-bench.cpio /var/lib/drvdom/demo/guest.cpio

pci_give "$NVME" "$NIC"
start=$(uptime_now)
create dd /rig/examples/driver.cfg
figure dd.create "$(elapsed "$start")" s
start=$(uptime_now)
dd=$(domid dd)
xs_wait 60 "/local/domain/$dd/data/drvdom/state" ready
figure dd.start_to_ready "$(elapsed "$start")" s
say "driver domain $dd is ready"

guest_start guest /rig/examples/guest.cfg
g=$(domid guest)
wait_for 10 "the disk to be Connected" both_connected "$g" "$dd" vbd 51712
wait_for 10 "the network to be Connected" both_connected "$g" "$dd" vif 0

use_disk_and_network() {
    disk_fill guest "$1"
    disk_verify guest
    net_up guest "$OUTSIDE_ADDR.15/24" "$OUTSIDE_GATEWAY"
    echo_check guest "$2"
}

use_disk_and_network 64 16
ping_figures guest "$OUTSIDE_GATEWAY" ping
fio_figures guest disk-read --rw=randread --bs=4k --iodepth=1 --time_based --runtime=2
fio_figures guest disk-write --rw=randwrite --bs=4k --iodepth=1 --time_based --runtime=2

xl_do block-detach guest xvda
xl_do network-detach guest 0
xs_gone "/local/domain/$dd/backend/vbd/$g/51712" || fail "block-detach left the backend directory"
xs_gone "/local/domain/$dd/backend/vif/$g/0" || fail "network-detach left the backend directory"
detached "$g"
say "detached: no page of the guest is mapped, no channel bound"
xl_do block-attach guest "$DISK"
xl_do network-attach guest "mac=00:16:3e:00:00:01" bridge=xenbr0 backend=dd
wait_for 10 "the disk to be Connected again" both_connected "$g" "$dd" vbd 51712
wait_for 10 "the network to be Connected again" both_connected "$g" "$dd" vif 0
say "attached again"
use_disk_and_network 8 1

guest_stop guest
nothing_left "$g" "$dd"
say "nothing is left of guest $g: no xenstore node, no grant mapped, no event channel"
dd_stop dd
