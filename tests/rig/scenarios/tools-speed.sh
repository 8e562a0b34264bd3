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
dd=$(domid dd)
guest_start g1
g=$(domid g1)
n=0
sum=0
while [ $n -lt 5 ]; do
    before=$(dd_cpu_us)
    xl_do block-attach g1 format=raw,vdev=xvdb,access=rw,backend=dd,target=/run/disk0.img
    xl_do network-attach g1 mac=00:16:3e:00:00:01 bridge=xenbr0 backend=dd
    wait_for 10 "both to be Connected" both_connected "$g" "$dd" vbd 51728
    wait_for 10 "both to be Connected" both_connected "$g" "$dd" vif 0
    after=$(dd_cpu_us)
    say "attach $n: $((after - before)) us of CPU"
    [ $n = 0 ] || sum=$((sum + after - before))     # the first one fills caches
    xl_do block-detach g1 51728
    xl_do network-detach g1 0
    n=$((n + 1))
done
before=$(dd_cpu_us)
start=$(uptime_now)
sleep 2
idle=$(awk -v d="$(($(dd_cpu_us) - before))" -v t="$(elapsed "$start")" 'BEGIN { printf "%.2f", d / t / 1000 }')
figure idle.cpu "$idle" ms/s
most attach.cpu "$(awk -v s="$sum" 'BEGIN { printf "%.2f", s / 4 / 1000 }')" 5 ms

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
