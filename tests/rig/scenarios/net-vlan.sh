# summary: a bridge that filters VLANs: guests of one VLAN reach each other, others do not, tags pass a trunk
# timeout: 400
# files: test-domain nettools tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016,SC2034
. /rig/tests/rig/dom0/io.sh

GUEST_RAMDISK=/rig/guest-net.cpio

dd_start dd memory=128
dd=$(domid dd)
guest_start a memory=112 'vif=["mac=00:16:3e:00:00:01,bridge=xenbr1,backend=dd"]'
guest_stop a            # without vlan=: in the bridge's default one
# xl 4.17 does not know vlan=: the key is written as a newer xl does, while the backend cannot look.
vlan_guest() {          # NAME N VLAN
    guest_start "$1" memory=112
    id=$(domid "$1")
    d=/local/domain/$dd/backend/vif/$id/0
    xl pause dd
    xl network-attach "$1" "mac=00:16:3e:00:00:0$2" bridge=xenbr1 backend=dd >/tmp/attach 2>&1 &
    attach=$!
    wait_for 10 "xl to write the device of $1" xenstore-exists "$d/state"
    xenstore-write "$d/vlan" "$3"       # with its directory's permissions
    xl unpause dd
    wait $attach || fail "xl network-attach $1: $(cat /tmp/attach)"
    wait_for 20 "$1 to be connected" both_connected "$id" "$dd" vif 0
    say "$1 is in VLAN $3"
}
vlan_guest one 1 10p
vlan_guest two 2 10p/20
vlan_guest other 3 20p
net_of() {              # GUEST ADDRESS [DEVICE]
    guest_do "$1" "ip link set eth0 up; ip addr add $2/24 dev ${3:-eth0}; ip link set ${3:-eth0} up"
}
net_of one 10.9.0.1
net_of two 10.9.0.2
net_of other 10.9.0.3
guest_do one 'n=0; while ! ping -c 1 -W 1 10.9.0.2 >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 20 ] || exit 1; done' 40
say "one and two reach each other"
guest_do other '! ping -c 3 -W 1 10.9.0.1 >/dev/null 2>&1 && ! ping -c 3 -W 1 10.9.0.2 >/dev/null 2>&1' 40
say "other reaches neither of them"
# two has VLAN 20 with tags
guest_do two 'ip link add link eth0 name eth0.20 type vlan id 20'
net_of two 10.9.1.2 eth0.20
guest_do other 'ip addr add 10.9.1.3/24 dev eth0'
guest_do two 'n=0; while ! ping -c 1 -W 1 10.9.1.3 >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 20 ] || exit 1; done' 40
say "two reaches other with a tag"
# one is not let into VLAN 20 by its tags
guest_do one 'ip link add link eth0 name eth0.20 type vlan id 20'
net_of one 10.9.1.1 eth0.20
guest_do one '! ping -c 3 -W 1 10.9.1.3 >/dev/null 2>&1' 20
say "one does not, tagged or not"
for g in one two other; do
    guest_stop $g
done
dd_stop dd
