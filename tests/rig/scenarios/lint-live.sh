# summary: drvdom lint --live: no finding with 20 healthy devices; 50 violations, each is named
# timeout: 300
# files: test-domain drvdom tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

DISKS=$(for l in a b c d e f g h; do
    printf '"format=raw,vdev=xvd%s,access=ro,backend=dd,target=/run/disk0.img",' $l; done)
vifs() {
    printf 'vif=["mac=00:16:3e:00:0%s:01,bridge=xenbr0,backend=dd","mac=00:16:3e:00:0%s:02,bridge=xenbr0,backend=dd"]' "$1" "$1"
}
dd_start dd memory=384
guest_start g1 "disk=[$DISKS]" "$(vifs 1)"
guest_start g2 "disk=[$DISKS]" "$(vifs 2)"
dd=$(domid dd) g1=$(domid g1) g2=$(domid g2)
wait_for 20 "every device to be Connected" drvdom why dd

start=$(uptime_now)
OUTPUT=$(drvdom lint --live) || fail "findings on a healthy system: $OUTPUT"
figure lint.live "$(elapsed "$start")" s
case $OUTPUT in "0 findings in 61 directories of 20 devices") ;; *) fail "$OUTPUT" ;; esac
say "$OUTPUT"
for verb in list "why dd" "show dd"; do
    start=$(uptime_now)
    # shellcheck disable=SC2086 # two words
    assert drvdom $verb
    figure "$(echo "$verb" | tr ' ' .)" "$(elapsed "$start")" s
done

# --- 50 violations; `expected` holds the beginning of the line that must name each ---
: >/tmp/expected
N=0
bad() {         # DIR KEY VALUE
    N=$((N + 1))
    echo "$1: $2:" >>/tmp/expected
    xenstore-write "$1/$2" "$3"
}
gone() {        # DIR KEY
    N=$((N + 1))
    echo "$1: $2: missing" >>/tmp/expected
    xenstore-rm "$1/$2"
}
shared() {      # DIR KEY: readable by all
    N=$((N + 1))
    echo "$1: $2: permissions" >>/tmp/expected
    xenstore-chmod "$1/$2" r0
}
# disk N of guest G: B backend's, F frontend's, L the toolstack's directory
disk_dirs() {
    B=/local/domain/$dd/backend/vbd/$1/$((51712 + 16 * $2))
    F=/local/domain/$1/device/vbd/$((51712 + 16 * $2))
    L=/libxl/$1/device/vbd/$((51712 + 16 * $2))
}
vif_dirs() {
    B=/local/domain/$dd/backend/vif/$1/$2
    F=/local/domain/$1/device/vif/$2
    L=/libxl/$1/device/vif/$2
}

disk_dirs "$g1" 0
bad "$B" sectors abc
bad "$B" sector-size 1000
bad "$B" info 8
bad "$B" mode x
gone "$B" dev
disk_dirs "$g1" 1
gone "$B" sectors
bad "$B" type nbd
bad "$B" device-type tape
bad "$B" feature-flush-cache yes
gone "$B" feature-barrier
disk_dirs "$g1" 2
gone "$B" sector-size
gone "$B" info
gone "$B" mode
bad "$B" removable 5
bad "$B" hotplug-status broken
disk_dirs "$g1" 3
bad "$B" frontend-id 99999
bad "$B" feature-max-indirect-segments 5000
bad "$B" sectorss 7
shared "$B" sectors
bad "$B" frontend /local/domain/0
disk_dirs "$g1" 4
bad "$F" ring-ref 0
bad "$F" event-channel abc
gone "$F" virtual-device
bad "$F" feature-persistent 2
disk_dirs "$g1" 5
gone "$F" ring-ref
gone "$F" event-channel
bad "$F" backend-id 7
bad "$F" backend /local/domain/0/backend
disk_dirs "$g1" 6
bad "$F" protocol bogus
shared "$F" ring-ref
bad "$F" device-type x
disk_dirs "$g1" 7
gone "$L" dev
bad "$L" mode z
bad "$L" params "$(printf 'a\tb')"
vif_dirs "$g1" 0
bad "$B" mac zz
bad "$B" handle x1
bad "$B" bridge longer-than-interface-names
bad "$B" feature-sg 2
bad "$B" multi-queue-max-queues 0
vif_dirs "$g1" 1
gone "$B" mac
gone "$B" feature-rx-copy
bad "$B" mtu 20
bad "$B" type token
bad "$B" carrier 7
vif_dirs "$g2" 0
gone "$F" tx-ring-ref
bad "$F" rx-ring-ref x
gone "$F" mac
bad "$F" request-rx-copy yes
vif_dirs "$g2" 1
gone "$F" handle
bad "$F" multi-queue-num-queues 65
assert_eq "number of violations" $N 50

must_fail drvdom lint --live
printf '%s\n' "$OUTPUT" >/tmp/findings
while IFS= read -r line; do
    grep -qF "$line" /tmp/findings || fail "not reported: $line; reported: $OUTPUT"
done </tmp/expected
tail -n 1 /tmp/findings
# nothing of the second guest's disks was touched: nothing may be said of them
grep -F "/vbd/$g2/" /tmp/findings && fail "findings where nothing is wrong"
say "all $N violations are named"
