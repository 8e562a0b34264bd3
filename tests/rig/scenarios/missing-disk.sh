# summary: a disk or bridge that the driver domain lacks: xl create fails at once, the reason is told
# timeout: 150
# files: test-domain tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

# The error nodes vanish with the failed guest: kept as they appear.
watch_errors() {
    xenstore-watch "/local/domain/$1/backend" 2>/dev/null | while read -r path; do
        case $path in
        */hotplug-error | */error) echo "$path = $(xs "$path")" ;;
        esac
    done >/tmp/errors &
    WATCHER=$!
}

# try NAME CFG-LINE WANTED-TEXT
try() {
    local start took
    printf 'name="%s"\nkernel="%s"\nramdisk="/rig/guest.cpio"\nmemory=96\ntype="pv"\n%s\n' \
        "$1" "$KERNEL" "$2" >"/tmp/$1.cfg"
    start=$(uptime_now)
    waiting "xl create $1 to fail"
    must_fail xl create "/tmp/$1.cfg"
    took=$(elapsed "$start")
    awk -v t="$took" 'BEGIN { exit !(t < 12) }' || fail "xl create $1 took $took s to fail"
    grep -qF "$3" /tmp/errors || fail "no error node says '$3': $(cat /tmp/errors)"
    grep -qF "$3" "$RIG_LOG/guest-dd.log" || fail "drvdomd's log does not say '$3'"
    say "$1: failed after $took s: $3"
    wait_for 20 "$1 to be gone" no_domain "$1"
}

dd_start dd
dd=$(domid dd)
watch_errors "$dd"
try nodisk 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nosuchdisk"]' '"/dev/nosuchdisk"'
try adir 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run"]' '"/run"'
try nobridge 'vif=["mac=00:16:3e:00:00:09,bridge=nosuchbr,backend=dd"]' '"nosuchbr"'
kill $WATCHER 2>/dev/null

# and a guest with a good config is served afterwards
guest_start g1 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img"]'
g=$(domid g1)
disk_fill g1 4
disk_verify g1
guest_stop g1
nothing_left "$g" "$dd"
dd_stop dd
