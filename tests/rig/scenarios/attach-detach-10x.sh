# summary: disk and network attached, used and detached ten times in a running guest; nothing stays
# timeout: 400
# files: test-domain tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

nodes_are() {
    [ "$(xenstore-ls -f | grep -vc data/rig)" -le "$1" ]
}

dd_start dd memory=192   # its disks are files in its own memory
dd=$(domid dd)
guest_start g1
g=$(domid g1)
nodes_before=$(xenstore-ls -f | grep -vc data/rig)
n=0
while [ $n -lt 10 ]; do
    n=$((n + 1))
    xl_do block-attach g1 'format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img'
    xl_do network-attach g1 mac=00:16:3e:00:00:01 bridge=xenbr0 backend=dd
    wait_for 10 "the disk to be Connected (round $n)" both_connected "$g" "$dd" vbd 51712
    wait_for 10 "the network to be Connected (round $n)" both_connected "$g" "$dd" vif 0
    disk_fill g1 4
    disk_verify g1
    net_up g1 10.7.0.2/24 10.7.0.1
    xl_do block-detach g1 xvda
    xl_do network-detach g1 0
    detached "$g"
    say "round $n done"
done
wait_for 10 "xenstore to be as before (was $nodes_before nodes)" nodes_are "$nodes_before"
guest_stop g1
nothing_left "$g" "$dd"
dd_stop dd
