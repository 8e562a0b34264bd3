# summary: the stages add up to what the guest measures; a slow disk is charged to the device, a capped domain to the wake-up
# timeout: 420
# machine: icount
# files: stages-domain front drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash disable=SC2086 # WORK is a list
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/recovery.sh

FAST=format=raw,vdev=xvdb,access=rw,backend=dd,target=/dev/nullb0
SLOW=format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/mapper/slow

# Ten pages a request: most of the work is the driver domain's, so that a cap of 30 % is felt
WORK="--depth 1 --seconds 1 --size 40960"

# mean STAGE: of the reads in the JSON of drvdom latency, in nanoseconds; 0 when there is none
mean() {
    sed -n '/"read"/,/"write"/p' /tmp/latency | sed -n "/\"$1\": {/,/}/p" |
        sed -n 's/.*"mean_ns": \([0-9]*\).*/\1/p' | head -n 1 | grep . || echo 0
}
# stages DEVICE PREFIX: WAKE GRANT DEV ANSWER, as figures too
stages() {
    local stage
    assert drvdom latency "g1/$1" --json
    drvdom latency "g1/$1" --json >/tmp/latency
    drvdom latency "g1/$1"
    for stage in wake grant device answer; do
        figure "$2.$stage" "$(us "$(mean $stage)")" us
    done
    WAKE=$(mean wake) GRANT=$(mean grant) DEV=$(mean device) ANSWER=$(mean answer)
}
us() {
    awk -v n="$1" 'BEGIN { printf "%.1f", n / 1000 }'
}
# holds 'EXPRESSION of awk' WHAT
holds() {
    awk "BEGIN { exit !($1) }" || fail "$2: not true: $1"
}
# front NAME ARGS...: drvdom-blkfront's bench in the guest; E2E and BACK in nanoseconds
front() {
    local name=$1
    shift
    guest_run g1 "drvdom-blkfront --devid 51728 --stamps --stamp-offset $OFFSET --json $* bench 2>&1" 60 >/tmp/front ||
        fail "drvdom-blkfront: $(cat /tmp/front)"
    E2E=$(sed -n 's/.*"latency_us":{"mean":\([0-9.]*\).*/\1/p' /tmp/front | awk '{ printf "%d", $1 * 1000 }')
    BACK=$(sed -n 's/.*"returned_us":{"count":[0-9]*,"mean":\([0-9.]*\).*/\1/p' /tmp/front | awk '{ printf "%d", $1 * 1000 }')
    if [ "${E2E:-0}" = 0 ] || [ "${BACK:-0}" = 0 ]; then fail "no figures: $(cat /tmp/front)"; fi
    figure "$name.end_to_end" "$(us "$E2E")" us
    figure "$name.way_back" "$(us "$BACK")" us
}
# counter_began NAME: nanoseconds, as Xen tells it; its counters are emulated here, and begin with their domain
counter_began() {
    xl dmesg -c >/dev/null
    xl debug-keys s
    usleep 300000
    printf '%d' "$(xl dmesg | sed -n "s/.*dom$(domid "$1"): mode=.*,ofs=\(0x[0-9a-f]*\).*/\1/p" | head -n 1)"
}
# CPU time of the driver domain so far, seconds
dd_cpu() {
    xl list dd | awk 'NR == 2 { print $6 }'
}

guard_start
dd_start dd memory=192
export GUEST_RAMDISK=/rig/guest-front.cpio
guest_start g1 memory=224 "disk=[\"$SLOW\"]"

# --- 5 ms in the device, a stock frontend ---
# shellcheck disable=SC2016 # the guest expands it
guest_do g1 'insmod /lib/modules/xen-blkfront.ko; n=0; while [ ! -b /dev/xvda ]; do n=$((n + 1)); [ $n -lt 50 ] || exit 1; usleep 100000; done'
fio_figures g1 slow --rw=randread --bs=4k --iodepth=1 --time_based --runtime=2 --size=16m >/tmp/figures
cat /tmp/figures
GUEST=$(awk '/mean/ { print $3 * 1000 }' /tmp/figures)
stages xvda slow
# dm-delay counts in ticks of 4 ms: its 5 ms become up to 12
holds "$DEV >= 5000000 && $DEV < 13000000" "the delay is the device's"
holds "$DEV >= 0.95 * ($WAKE + $GRANT + $DEV + $ANSWER)" "95 % of the time is charged to the device"
holds "$WAKE + $GRANT + $DEV + $ANSWER >= 0.95 * $GUEST" "the stages are what the guest measures, to 5 %"
holds "$WAKE + $GRANT + $DEV + $ANSWER <= $GUEST" "the stages are not more than the guest measures"
assert drvdom detach g1 xvda
guest_do g1 'rmmod xen_blkfront'

OFFSET=$(($(counter_began g1) - $(counter_began dd)))
xl_do block-attach g1 "$FAST"
front probe $WORK
if [ "$BACK" -gt 100000000 ]; then
    OFFSET=0        # Xen does not emulate the counters here, whatever it says of their beginning
fi
xl_do block-detach g1 51728

# --- from the guest's submission to the guest's completion, every step stamped ---
xl_do block-attach g1 "$FAST"
cpu=$(dd_cpu) start=$(uptime_now)
front fast $WORK
say "the driver domain used $(awk -v a="$cpu" -v b="$(dd_cpu)" 'BEGIN { print b - a }') s of $(elapsed "$start") s"
stages xvdb fast
holds "$WAKE > 0 && $GRANT > 0 && $ANSWER > 0" "every stage has a value"
SUM=$((WAKE + GRANT + DEV + ANSWER + BACK))
figure fast.sum_of_stages "$(us $SUM)" us
holds "$SUM >= 0.95 * $E2E && $SUM <= 1.05 * $E2E" "the stages are what the guest measures, to 5 %"
FREE_E2E=$E2E FREE_WAKE=$WAKE
xl_do block-detach g1 51728

# --- the driver domain may use 30 % of a CPU ---
xl_do block-attach g1 "$FAST"
xl_do sched-credit2 -d dd -c 30
front capped $WORK
xl_do sched-credit2 -d dd -c 0
stages xvdb capped
SUM=$((WAKE + GRANT + DEV + ANSWER + BACK))
figure capped.sum_of_stages "$(us $SUM)" us
holds "$SUM >= 0.95 * $E2E && $SUM <= 1.05 * $E2E" "the stages are what the guest measures, to 5 %"
holds "$E2E > 1.1 * $FREE_E2E" "the cap is felt"
holds "$WAKE - $FREE_WAKE >= 0.8 * ($E2E - $FREE_E2E)" "what the cap costs is charged to the wake-up"
xl_do block-detach g1 51728
guest_stop g1
assert drvdom stop dd
