# summary: a guest's disk is a qcow2 image that another guest serves by qemu-nbd; the image is clean afterwards
# timeout: 500
# files: nbd-domain nbd tests/rig/dom0/io.sh
# shellcheck shell=dash disable=SC2016 # the guests expand them
. /rig/tests/rig/dom0/io.sh

serve() {
    guest_do store 'cd /tmp; qemu-nbd --persistent --fork --pid-file=/tmp/nbd.pid -x disk -b 10.7.0.2 -f qcow2 disk.qcow2 >nbd.out 2>&1 ||
        { cat nbd.out; exit 1; }'
}

# The store is a guest of the same driver domain: it outlives it, as any server elsewhere does.
dd_start dd memory=192
dd=$(domid dd)
GUEST_RAMDISK=/rig/guest-nbd.cpio guest_start store memory=256 'vif=["mac=00:16:3e:00:00:02,bridge=xenbr0,backend=dd"]'
net_up store 10.7.0.2/24 10.7.0.1
guest_do store 'cd /tmp; qemu-img create -q -f qcow2 disk.qcow2 64M; ls -l disk.qcow2'

# no server yet: said at once
printf 'name="early"\nkernel="%s"\nramdisk="/rig/guest.cpio"\nmemory=96\ntype="pv"\ndisk=["%s"]\n' "$KERNEL" \
    'format=raw,vdev=xvda,access=rw,backend=dd,target=nbd://10.7.0.2/disk' >/tmp/early.cfg
must_fail xl create /tmp/early.cfg
grep -q 'nbd://10.7.0.2/disk": no server answers there' "$RIG_LOG/guest-dd.log" || fail "the driver domain does not say why"

serve
guest_start g1 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=nbd://10.7.0.2/disk"]'
g=$(domid g1)
back=/local/domain/$dd/backend/vbd/$g/51712
assert_eq "sectors" "$(xs "$back/sectors")" 131072
disk_fill g1 16
disk_verify g1

# The server starts again while the guest writes: time is lost, nothing else.
guest_do g1 'set -e; cd /tmp; head -c 4194304 /dev/urandom >blob; (n=0; while [ $n -lt 64 ]; do
    dd if=blob of=/dev/xvda bs=64k skip=$n seek=$((n + 512)) count=1 oflag=direct 2>/dev/null || echo "write $n failed" >>failed
    n=$((n + 1)); done; touch written) >/dev/null 2>&1 & sleep 0'
guest_do store 'kill $(cat /tmp/nbd.pid); while kill -0 $(cat /tmp/nbd.pid) 2>/dev/null; do usleep 50000; done'
serve
wait_for 60 "the guest to have written" guest_run g1 '[ -e /tmp/written ]'
guest_do g1 'cd /tmp; [ ! -e failed ] || { cat failed; exit 1; }
    dd if=/dev/xvda bs=64k skip=512 count=64 iflag=direct 2>/dev/null | cmp - blob; ! dmesg | grep "I/O error"'
say "the server was started again under the guest: every write is there"
grep 'connection to the NBD server is lost' "$RIG_LOG/guest-dd.log" || fail "the server went, and nobody noticed: nothing was shown"

guest_stop g1
nothing_left "$g" "$dd"
guest_do store 'set -e; cd /tmp; kill $(cat nbd.pid); while kill -0 $(cat nbd.pid) 2>/dev/null; do usleep 50000; done
    qemu-img check -f qcow2 disk.qcow2; qemu-img info -f qcow2 disk.qcow2 | grep -E "virtual size|disk size"'
say "qemu-img check: the image is clean"
