# summary: xenstored updates itself (live-update) three times under driver domain, guests and their load: nobody notices
# timeout: 600
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

TIMES=${TIMES:-3}
dd_start dd memory=192
recovery_guests /run/disk0.img
dd=$(domid dd) g1=$(domid g1)

# The same program again, which is what an update of the package is to its clients.
live_update() {
    local out
    waiting "xenstore-control live-update"
    out=$(/rig/build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control live-update "$(command -v xenstored)" 2>&1) ||
        fail "xenstore-control live-update: $out"
    waiting -
    case $out in
    *OK*) ;;
    *) fail "xenstored says: $out" ;;
    esac
}
# What speaks xenstore goes on: watches of drvdomd, of the guests, of dom0; a worker's replacement; a new device.
everything_works() {
    local before
    before=$(restarts)
    test_kill "workers 2 50"
    wait_for 20 "two workers to be replaced" killed $((before + 2))
    xl_do block-attach g1 'format=raw,vdev=xvdb,access=rw,backend=dd,target=/run/disk1.img'
    wait_for 20 "the second disk to be Connected" both_connected "$g1" "$dd" vbd 51728
    guest_do g1 'dd if=/dev/urandom of=/tmp/b bs=64k count=16 2>/dev/null; dd if=/tmp/b of=/dev/xvdb bs=64k conv=fsync 2>/dev/null
        dd if=/dev/xvdb bs=64k count=16 iflag=direct 2>/dev/null | cmp - /tmp/b'
    xl_do block-detach g1 xvdb
}
load_start
n=0
while [ $n -lt "$TIMES" ]; do
    sleep 1
    n=$((n + 1))
    live_update
    everything_works
    load_running
    say "live-update $n: watches, a new worker and a new device work, the load still runs"
done
for g in g1 g2; do no_resets $g; done
load_end 60
guest_quiet g2
guest_stop g1
guest_stop g2
dd_stop dd
