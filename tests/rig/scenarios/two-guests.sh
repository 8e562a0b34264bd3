# summary: two guests, disk and network at once: neither sees the other's data
# timeout: 240
# files: test-domain tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

dd_start dd memory=192   # its disks are files in its own memory
dd=$(domid dd)
n=1
while [ $n -le 2 ]; do
    guest_start g$n \
        "disk=[\"format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk$((n - 1)).img\"]" \
        "vif=[\"mac=00:16:3e:00:00:0$n,bridge=xenbr0,backend=dd\"]"
    n=$((n + 1))
done
a=$(domid g1) b=$(domid g2)
net_up g1 10.7.0.2/24 10.7.0.1
net_up g2 10.7.0.3/24 10.7.0.1

# Guests' agents take one command at a time, each its own: both work at the same moment.
(disk_fill g1 24) &
one=$!
(disk_fill g2 24)
two=$?
wait $one || fail "g1's disk work failed"
[ $two = 0 ] || fail "g2's disk work failed"
disk_verify g1
disk_verify g2
guest_do g1 "ping -c 3 -W 5 10.7.0.3 >/dev/null" 30
say "g1 and g2 reach each other through the bridge"
one=$(guest_do g1 'head -c 4194304 /dev/xvda | md5sum')
two=$(guest_do g2 'head -c 4194304 /dev/xvda | md5sum')
[ "$one" != "$two" ] || fail "both guests see the same disk"

guest_stop g1
nothing_left "$a" "$dd"
guest_do g2 'mount /dev/xvda /mnt; md5sum -c /tmp/sums >/dev/null; umount /mnt' 60
say "g2's data stands after g1 has gone"
guest_stop g2
nothing_left "$b" "$dd"
dd_stop dd
