# summary: debug
# timeout: 400
# machine: passthrough
# mem: 2048
# files: driver-domain drvdom tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh
mkdir -p /var/lib/drvdom
[ -e /rig/image/vmlinux ] || ln -s "$KERNEL" /rig/image/vmlinux
assert drvdom create dd --image /rig/image --nic "$NIC" --disk "$NVME"
say created
(while :; do say "T $(xl list 2>&1 | tail -n +3 | tr '\n' '|') $(xs /local/domain/1/control/shutdown) $(ps w | grep -E 'xl |drvdom ' | grep -v grep | tr '\n' '|')"; sleep 2; done) &
P=$!
(sleep 60; say "dd console:"; tail -n 30 /var/log/xen/console/guest-dd.log; cat /var/log/xen/xl-dd.log;  dmesg | tail -n 20; xenstore-ls -f /local/domain/0/backend | head -60; for p in $(pidof xl) ; do cat /proc/$p/stack /proc/$p/wchan; done) &
drvdom restart dd --timeout 100; say "rc $?"
kill $P
tail -n 20 /var/log/xen/console/guest-dd.log; cat /var/log/xen/xl-dd.log
assert drvdom stop dd
