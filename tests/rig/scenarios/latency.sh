# summary: drvdom top and latency say what the guest sees: rate, and the sum of the stages
# timeout: 360
# machine: icount
# files: test-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh
. /rig/tests/rig/dom0/recovery.sh

# number FILE KEY: of JSON as drvdom writes it, a key a line
number() {
    sed -n "s/^ *\"$2\": \([0-9]*\),*\$/\1/p" "$1" | head -n 1
}

must_fail drvdom latency
case $OUTPUT in *"remedy: start drvdom-guard"*) ;; *) fail "without a guard: $OUTPUT" ;; esac
guard_start
dd_start dd memory=192
export GUEST_RAMDISK=/rig/guest-bench.cpio
guest_start g1 memory=192 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img"]'

(fio_figures g1 read --rw=randread --bs=4k --iodepth=1 --time_based --runtime=4 --size=16m >/tmp/figures) &
pid=$!
sleep 2
assert drvdom top g1 --interval 1 --json
drvdom top g1 --interval 1 --json >/tmp/top
wait $pid || fail "fio failed: $(cat /tmp/figures)"
cat /tmp/figures
rate=$(number /tmp/top ops_per_s)
iops=$(awk '/iops/ { print int($3) }' /tmp/figures)
figure top.ops "$rate" 1/s
awk -v a="$rate" -v b="$iops" 'BEGIN { exit !(a > b * 0.7 && a < b * 1.3) }' ||
    fail "top says $rate operations a second, the guest $iops"

drvdom latency g1/51712
drvdom latency g1/51712 --json >/tmp/latency
total=$(sed -n '/"read"/,/"write"/p' /tmp/latency | sed -n '/"total"/,/}/p' | sed -n 's/.*"mean_ns": \([0-9]*\).*/\1/p')
figure latency.read.total "$((total / 1000))" us
guest_us=$(awk '/mean/ { print int($3) }' /tmp/figures)
if [ "${total:-0}" = 0 ] || [ "$((total / 1000))" -ge "$guest_us" ]; then
    fail "the backend says '$total' ns, the guest $guest_us us for all"
fi
drvdom latency --html /tmp/report.html
grep -q '</html>' /tmp/report.html || fail "the report is not whole"
drvdom latency --openmetrics | tail -n 1 | grep -qx '# EOF' || fail "the metrics have no end"
drvdom latency --hgrm | grep -q 'Total count' || fail "no distribution"
mkdir -p /tmp/keep && cp /tmp/report.html /tmp/latency /tmp/top /tmp/keep
guest_stop g1
assert drvdom stop dd
