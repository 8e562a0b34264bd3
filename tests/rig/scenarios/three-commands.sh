# summary: from a dom0 with nothing configured to a guest that pings through its driver domain: three commands
# timeout: 400
# machine: passthrough
# mem: 2048
# files: driver-domain drvdom tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

# The image was built where the kernel package is; dom0 of the rig has none.
mkdir -p /var/lib/drvdom
[ -e /rig/image/vmlinux ] || ln -s "$KERNEL" /rig/image/vmlinux
DISK='format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nvme0n1'
cfg=$(make_cfg guest "kernel=\"$KERNEL\"
ramdisk=\"/rig/guest.cpio\"
memory=128
type=\"pv\"
extra=\"$QUIET\"" "disk=[\"$DISK\"]" 'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]')
[ -z "$(ls /etc/xen/*.cfg 2>/dev/null)" ] || fail "dom0 is configured already"

start=$(uptime_now)
waiting "drvdom create"
assert drvdom create dd --image /rig/image --nic "$NIC" --disk "$NVME"      # 1
figure create.ready "$(elapsed "$start")" s
assert drvdom lint "$cfg"
create guest "$cfg"                                                       # 2
guest_wait guest
net_up guest "$OUTSIDE_ADDR.15/24" "$OUTSIDE_GATEWAY"                      # 3
figure create_to_ping "$(elapsed "$start")" s
assert drvdom why guest
drvdom list
drvdom show dd
drvdom limits dd --maptrack | tee /tmp/limits
grep -q 'maptrack frames *[0-9]* *[1-9]' /tmp/limits || fail "limits does not know the maptrack frames"

# what is told is true: a second create is refused, stop refuses while a guest is served
must_fail drvdom create dd --image /rig/image
case $OUTPUT in *"exists; remedy: drvdom start dd"*) ;; *) fail "create again: $OUTPUT" ;; esac
must_fail drvdom stop dd
case $OUTPUT in *"serves 2 devices"*) ;; *) fail "stop in use: $OUTPUT" ;; esac

# hot plug: done when it says so
g=$(domid guest) d=$(domid dd)
assert drvdom detach guest xvda
xs_gone "/local/domain/$d/backend/vbd/$g/51712" || fail "detach left the backend directory"
assert drvdom attach guest disk "$DISK"
both_connected "$g" "$d" vbd 51712 || fail "attach returned before both ends were Connected"
assert drvdom detach guest vif0
assert drvdom attach guest vif mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd
both_connected "$g" "$d" vif 0 || fail "attach returned before both ends were Connected"

# whenever it is run: right after xl's own detach, and with a guest that has not even heard of that detach
vif_again() {
    waiting "drvdom attach, $1"
    start=$(uptime_now)
    OUTPUT=$(drvdom attach guest vif mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd 2>&1) || fail "attach, $1: $OUTPUT"
    say "attached, $1: $(elapsed "$start") s: $OUTPUT"
    both_connected "$g" "$d" vif 0 || fail "attach returned before both ends were Connected"
}
for _ in 1 2 3; do
    xl_do network-detach guest 0
    vif_again "at once"
done
xl_do network-detach guest 0
xl pause guest
(sleep 1; xl unpause guest) &
vif_again "guest paused"
assert drvdom detach guest vif0
xl_do network-attach guest mac=00:16:3e:00:00:01 bridge=xenbr0 backend=dd
wait_for 10 "xl's own attach after drvdom detach" both_connected "$g" "$d" vif 0
net_up guest "$OUTSIDE_ADDR.15/24" "$OUTSIDE_GATEWAY"
must_fail drvdom attach guest disk 'format=raw,vdev=xvdb,access=rw,backend=dd,target=/dev/nosuch'
case $OUTPUT in *'"/dev/nosuch"'*"remedy: "*) ;; *) fail "attach of no disk: $OUTPUT" ;; esac
printf '%s\n' "$OUTPUT"
xs_gone "/libxl/$g/device/vbd/51728" || fail "an attach that failed left its device behind"
say "attach and detach say what happened"

guest_stop guest
start=$(uptime_now)
waiting "drvdom restart"
assert drvdom restart dd
figure restart "$(elapsed "$start")" s
start=$(uptime_now)
waiting "drvdom stop"
assert drvdom stop dd
figure stop "$(elapsed "$start")" s
must_fail drvdom wait dd --timeout 0.2
