# summary: NVMe and e1000e passed to a driver domain with the kernel's own backends serve a guest
# timeout: 150
# machine: passthrough
# files: kdd
# shellcheck shell=dash

pci_give "$NVME" "$NIC"
kdd_start dd "pci=['$NVME', '$NIC']"
guest_start g1 \
    'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nvme0n1"]' \
    'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'

guest_do g1 'mkfs.ext4 -q /dev/xvda && mkdir -p /mnt && mount /dev/xvda /mnt'
say "ext4 made on the NVMe disk"
guest_do g1 'dd if=/dev/urandom of=/mnt/a bs=1M count=8 2>/dev/null; sync; sha256sum </mnt/a >/tmp/sum
    echo 3 >/proc/sys/vm/drop_caches; sha256sum </mnt/a | cmp - /tmp/sum; umount /mnt'
say "8 MiB came back as written"

guest_do g1 "ip addr add $OUTSIDE_ADDR.15/24 dev eth0; ip link set eth0 up
    ping -c 1 -W 15 $OUTSIDE_GATEWAY >/dev/null; ping -c 5 -i 0.2 -q $OUTSIDE_GATEWAY" 40 |
    grep -E 'loss|round'
guest_do g1 "dd if=/dev/urandom of=/tmp/x bs=1k count=256 2>/dev/null
    nc $OUTSIDE_ECHO </tmp/x | head -c 262144 | cmp - /tmp/x" 60
say "256 KiB came back from the outside"
guest_stop g1
