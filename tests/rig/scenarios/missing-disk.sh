# summary: a disk or bridge that the driver domain lacks: xl create fails at once, the reason is told
# timeout: 300
# files: test-domain tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

# try NAME CFG-LINE BACKEND-PATH WANTED-TEXT
try() {
    local start took why
    printf 'name="%s"\nkernel="%s"\nramdisk="/rig/guest.cpio"\nmemory=96\ntype="pv"\n%s\n' \
        "$1" "$KERNEL" "$2" >"/tmp/$1.cfg"
    start=$(uptime_now)
    waiting "xl create $1 to fail"
    must_fail xl create "/tmp/$1.cfg"
    took=$(elapsed "$start")
    awk -v t="$took" 'BEGIN { exit !(t < 12) }' || fail "xl create $1 took $took s to fail"
    # the device's own directory is gone with the guest; the driver domain keeps why
    why=$(xenstore-ls -f "/local/domain/$dd/error/backend/$3" | grep -F "$4") ||
        fail "no error node says '$4': $(xenstore-ls -f "/local/domain/$dd/error")"
    grep -qF "$4" "$RIG_LOG/guest-dd.log" || fail "drvdomd's log does not say '$4'"
    say "$1: failed after $took s: $why"
    wait_for 20 "$1 to be gone" no_domain "$1"
}

dd_start dd memory=192   # its disks are files in its own memory
dd=$(domid dd)
try nodisk 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nosuchdisk"]' vbd '"/dev/nosuchdisk"'
try adir 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run"]' vbd '"/run"'
try nobridge 'vif=["mac=00:16:3e:00:00:09,bridge=nosuchbr,backend=dd"]' vif '"nosuchbr"'

# and a guest with a good config is served afterwards
guest_start g1 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img"]'
g=$(domid g1)
disk_fill g1 4
disk_verify g1
guest_stop g1
nothing_left "$g" "$dd"
dd_stop dd
