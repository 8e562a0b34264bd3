# summary: a stock guest's disk and network through a driver domain that owns NVMe and e1000e
# timeout: 240
# machine: passthrough
# files: driver-domain tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

pci_give "$NVME" "$NIC"
dd_start dd "pci=['$NVME', '$NIC']"
dd=$(domid dd)
guest_start g1 \
    'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nvme0n1"]' \
    'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'
g=$(domid g1)
disk_fill g1 32
disk_verify g1
net_up g1 "$OUTSIDE_ADDR.15/24" "$OUTSIDE_GATEWAY"
echo_check g1 2
guest_stop g1
nothing_left "$g" "$dd"
dd_stop dd
