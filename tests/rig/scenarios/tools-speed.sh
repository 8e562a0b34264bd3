# summary: what drvdom create adds to xl, what an attach costs the driver domain, list, why and top with 100 devices
# timeout: 400
# machine: icount
# files: test-domain drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/recovery.sh
unset GUEST_RAMDISK

# most NAME VALUE LIMIT UNIT: a figure that must not be larger
most() {
    figure "$1" "$2" "$4"
    awk -v a="$2" -v b="$3" 'BEGIN { exit !(a <= b) }' || TOO_MUCH="$TOO_MUCH $1 is $2 $4, at most $3;"
}
TOO_MUCH=
minus() {
    awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a - b }'
}
# The driver domain's CPU time so far, in microseconds, as Xen counts it
dd_cpu_us() {
    drvdom show dd --json | sed -n 's/^ *"cpu_ns": \([0-9]*\).*/\1/p' | awk '{ printf "%d", $1 / 1000 }'
}

# --- create ---
guard_start
mkdir -p /var/lib/drvdom
[ -e /rig/image/vmlinux ] || ln -s "$KERNEL" /rig/image/vmlinux
start=$(uptime_now)
assert drvdom create dd --image /rig/image --memory 192
OURS=$(elapsed "$start")
guard_let_go dd
assert drvdom stop dd
start=$(uptime_now)
create dd /etc/xen/dd.cfg
xs_wait 60 "/local/domain/$(domid dd)/data/drvdom/state" ready
XLS=$(elapsed "$start")
figure create.ready "$OURS" s
figure create.xl_alone "$XLS" s
most create.added "$(minus "$OURS" "$XLS")" 0.3 s

# --- attach ---
# What the driver domain's processor does until a disk and a vif are Connected, and in the second after each: then it
# starts workers in reserve.  The first pair finds none.
dd=$(domid dd)
guest_start g1
g=$(domid g1)
# spent COMMAND...: UNTIL the state in xenstore is 4, and AFTERwards, without what it costs to be idle; microseconds
spent() {       # STATE-PATH COMMAND...
    local path=$1 before after
    shift
    before=$(dd_cpu_us)
    xl_do "$@"
    xs_wait 10 "$path" 4
    after=$(dd_cpu_us)
    sleep 1
    UNTIL=$((UNTIL + after - before))
    AFTER=$((AFTER + $(dd_cpu_us) - after - IDLE_US))
}
# pair NUMBER: its disk is Connected when the guest says so, its vif when the driver domain does
pair() {
    local vdev
    vdev=xvd$(echo abcdef | cut -c $(($1 + 1)))
    UNTIL=0 AFTER=0
    spent "/local/domain/$g/device/vbd/$((51712 + 16 * $1))/state" block-attach g1 \
        "format=raw,vdev=$vdev,access=rw,backend=dd,target=/run/disk$1.img"
    spent "/local/domain/$dd/backend/vif/$g/$1/state" network-attach g1 "mac=00:16:3e:00:00:0$1" bridge=xenbr0 backend=dd
    assert both_connected "$g" "$dd" vbd $((51712 + 16 * $1))
    assert both_connected "$g" "$dd" vif "$1"
    say "pair $1: $UNTIL us of CPU until Connected, $AFTER us afterwards"
}
ms() {          # MICROSECONDS
    awk -v s="$1" 'BEGIN { printf "%.2f", s / 1000 }'
}
before=$(dd_cpu_us)
sleep 2
IDLE_US=$((($(dd_cpu_us) - before) / 2))
figure idle.cpu "$(ms $IDLE_US)" ms/s
pair 0
figure attach.first.cpu "$(ms $UNTIL)" ms
n=0 until=0 after=0
while [ $n -lt 4 ]; do
    pair 1
    [ $n = 0 ] || until=$((until + UNTIL)) after=$((after + AFTER))     # the first one fills caches
    xl_do block-detach g1 51728
    xl_do network-detach g1 1
    sleep 1
    n=$((n + 1))
done
most attach.cpu "$(ms $((until / 3)))" 5 ms
figure attach.reserve.cpu "$(ms $((after / 3)))" ms

# --- 100 devices, as they would stand in xenstore ---
timed() {       # NAME COMMAND...
    local name=$1 start
    shift
    "$@" >/dev/null 2>&1                            # the program is in memory
    start=$(uptime_now)
    for _ in 1 2 3 4; do
        "$@" >/tmp/timed 2>&1 || fail "$*: $(cat /tmp/timed)"
    done
    most "$name" "$(awk -v t="$(elapsed "$start")" 'BEGIN { printf "%.1f", t / 4 * 1000 }')" 50 ms
}
xenstore-write /local/domain/400/name fakedd /local/domain/400/libxl "" \
    /local/domain/400/data/drvdom/version 0.1 /local/domain/400/data/drvdom/state ready
i=0
while [ $i -lt 20 ]; do
    id=$((500 + i))
    set -- "/local/domain/$id/name" "fake$i"
    for k in 0 1 2 3 4; do
        dev=$((51712 + 16 * k))
        f=/local/domain/$id/device/vbd/$dev b=/local/domain/400/backend/vbd/$id/$dev
        l=/libxl/$id/device/vbd/$dev
        set -- "$@" "$l/backend" "$b" "$l/frontend" "$f" "$l/dev" xvda "$l/params" /run/disk0.img \
            "$b/frontend" "$f" "$b/state" 4 "$b/online" 1 "$b/hotplug-status" connected "$f/state" 4
    done
    xenstore-write "$@"
    i=$((i + 1))
done
drvdom list
timed tools.empty drvdom --version
timed list.100 drvdom list
timed why.100 drvdom why fakedd
timed why.one drvdom why fake7/xvda
timed show.100 drvdom show fakedd
timed top.100 drvdom top --once --interval 0.01
[ -z "$TOO_MUCH" ] || fail "$TOO_MUCH"
