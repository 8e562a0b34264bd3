# summary: the kernel's own backends in a driver domain serve a stock guest (the figures to beat)
# timeout: 150
# files: kdd bench
# shellcheck shell=dash

# shellcheck disable=SC2034 # lib.sh reads it
GUEST_RAMDISK=/rig/guest-bench.cpio
kdd_start dd 'extra="console=hvc0 quiet rig.nullb=fast rig.iperf"'
guest_start g1 'memory=160' \
    'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/dev/nullb0"]' \
    'vif=["mac=00:16:3e:00:00:01,bridge=xenbr0,backend=dd"]'

waiting "the network of g1"
guest_do g1 'ip addr add 10.7.0.2/24 dev eth0; ip link set eth0 up; ping -c 1 -W 10 10.7.0.1' >/dev/null
guest_do g1 'ping -c 10 -i 0.1 -q 10.7.0.1' | grep -E 'loss|round'

# fio NAME OPTIONS: one line with mean, p50, p99 of the completion latency in us, and IOPS
fio_line() {
    local name=$1
    shift
    guest_do g1 "cd /tmp && fio --name=$name --filename=/dev/xvda --ioengine=libaio --direct=1 \
        --size=512m --time_based --runtime=2 --minimal $*" 60 >/tmp/fio
    # terse format 3: see fio(1); reads in fields 6.., writes in 47..
    awk -F';' -v n="$name" '{ o = ($6 > 0) ? 0 : 41
        split($(30 + o), p50, "="); split($(34 + o), p99, "=")
        for (i = 18 + o; i <= 37 + o; i++) { split($i, v, "="); q[v[1]] = v[2] }
        printf "RIG-FIGURE %s.mean %s us\nRIG-FIGURE %s.p50 %s us\nRIG-FIGURE %s.p99 %s us\nRIG-FIGURE %s.iops %s 1/s\n", \
            n, $(16 + o), n, q["50.000000%"], n, q["99.000000%"], n, $(8 + o) }' /tmp/fio
}
fio_line randread-qd1 --rw=randread --bs=4k --iodepth=1
fio_line randwrite-qd1 --rw=randwrite --bs=4k --iodepth=1
fio_line randread-qd32 --rw=randread --bs=4k --iodepth=32
fio_line read-128k --rw=read --bs=128k --iodepth=8

rate() {
    awk '/receiver/ { for (i = 1; i <= NF; i++) if ($i ~ /bits/) print $(i - 1), $i }'
}
say "TCP guest to driver domain: $(guest_do g1 'iperf3 -c 10.7.0.1 -t 2' 30 | rate)"
say "TCP driver domain to guest: $(guest_do g1 'iperf3 -c 10.7.0.1 -t 2 -R' 30 | rate)"

# the checks for what stays behind, shown on a backend that is known to be good
id=$(domid g1)
[ "$(grants_of "$id")" -gt 0 ] || fail "no grant of g1 is in use though it has a disk and a NIC"
[ "$(evtchns_of "$id")" -gt 0 ] || fail "g1 has no channel though it has a disk and a NIC"
assert xl block-detach g1 xvda
assert xl network-detach g1 0
detached "$id"
guest_stop g1
nothing_left "$id" "$(domid dd)"
dd_stop dd
