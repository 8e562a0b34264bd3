# I/O of a guest, verified: sourced by scenarios after lib.sh.
# shellcheck shell=dash

# disk_fill GUEST MIB [DEV]: a fresh ext4, files of 4 MiB with checksums taken before they are written
disk_fill() {
    guest_do "$1" "set -e; mkfs.ext4 -q -F ${3:-/dev/xvda} >/dev/null; mkdir -p /mnt; mount ${3:-/dev/xvda} /mnt
        n=0; : >/tmp/sums; while [ \$n -lt $(($2 / 4)) ]; do
            dd if=/dev/urandom of=/tmp/blob bs=64k count=64 2>/dev/null
            echo \"\$(md5sum </tmp/blob | cut -d' ' -f1)  /mnt/f\$n\" >>/tmp/sums
            dd if=/tmp/blob of=/mnt/f\$n bs=256k conv=fsync 2>/dev/null
            n=\$((n + 1))
        done; rm -f /tmp/blob; sync; [ \$(wc -l </tmp/sums) = $(($2 / 4)) ]" 120
    say "$1: $2 MiB written and synced"
}

# disk_verify GUEST: caches dropped, everything read back and compared; the disk is left unmounted
disk_verify() {
    guest_do "$1" "set -e; umount /mnt; echo 3 >/proc/sys/vm/drop_caches; mount ${2:-/dev/xvda} /mnt
        [ -s /tmp/sums ]; md5sum -c /tmp/sums >/tmp/sums.out 2>&1 || { grep -v OK /tmp/sums.out; exit 1; }
        umount /mnt" 120
    say "$1: every file came back as written"
}

# net_up GUEST ADDR/LEN PEER: address on eth0, then one answer from PEER
net_up() {
    guest_do "$1" "ip addr flush dev eth0; ip addr add $2 dev eth0; ip link set eth0 up
        n=0; while ! ping -c 1 -W 1 $3 >/dev/null 2>&1; do n=\$((n + 1)); [ \$n -lt 20 ] || exit 1; done" 60
    say "$1: $3 answers"
}

# copy_check FROM TO ADDRESS MIB: random bytes over TCP, which must arrive as they were sent.  (The
# receiver's input is never at its end: busybox's nc would say so to the sender, and that would stop.)
copy_check() {
    local began
    guest_do "$2" 'rm -f /tmp/y /tmp/open /tmp/got; mkfifo /tmp/open
        (nc -l -p 5000 <>/tmp/open >/tmp/y; wc -c </tmp/y >/tmp/n; md5sum </tmp/y >/tmp/got) >/dev/null 2>&1 &'
    guest_do "$1" "dd if=/dev/urandom of=/tmp/x bs=64k count=$(($4 * 16)) 2>/dev/null; md5sum </tmp/x >/tmp/sum; sleep 0.5" 60
    began=$(uptime_now)
    guest_do "$1" "nc $3 5000 </tmp/x" 180
    say "  $4 MiB from $1 to $2 in $(elapsed "$began") s; $(guest_do "$1" "awk '/^Tcp: [0-9]/ { print \$13 }' /proc/net/snmp") segments of $1 repeated so far"
    assert_eq "sum of $4 MiB from $1 to $2" "$(guest_do "$2" 'n=0; while [ ! -s /tmp/got ]; do
        n=$((n + 1)); [ $n -lt 100 ] || break; usleep 100000; done; cat /tmp/n /tmp/got; rm -f /tmp/y' | tr '\n' ' ')" \
        "$(($4 * 1048576)) $(guest_do "$1" 'cat /tmp/sum; rm -f /tmp/x') "
}

# ping_figures GUEST PEER NAME
ping_figures() {
    guest_do "$1" "ping -c 20 -i 0.05 $2" 60 >/tmp/ping
    sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' /tmp/ping | sort -n | awk -v n="$3" '
        { v[NR] = $1 * 1000; sum += $1 * 1000 }
        END { if (NR < 20) exit 1
              printf "RIG-FIGURE %s.mean %.1f us\nRIG-FIGURE %s.p50 %.1f us\nRIG-FIGURE %s.p99 %.1f us\n",
                  n, sum / NR, n, v[int(NR * 0.5 + 0.5)], n, v[int(NR * 0.99 + 0.5)] }' ||
        fail "ping of $2 lost packets: $(tail -n 2 /tmp/ping)"
}

# echo_check GUEST MIB: through the echo server outside and back, compared byte by byte
echo_check() {
    guest_do "$1" "set -e; dd if=/dev/urandom of=/tmp/x bs=64k count=$(($2 * 16)) 2>/dev/null
        nc $OUTSIDE_ECHO </tmp/x | head -c $(($2 * 1048576)) | cmp - /tmp/x; rm /tmp/x" 240
    say "$1: $2 MiB came back from the echo server outside as sent"
}

# fio_figures GUEST NAME fio options...: RIG-FIGURE lines of latency (us) and IOPS.  Needs fio in the guest
fio_figures() {
    local g=$1 name=$2
    shift 2
    guest_do "$g" "cd /tmp && fio --name=$name --filename=${FIO_FILE:-/dev/xvda} --ioengine=libaio --direct=1 \
        --size=${FIO_SIZE:-256m} --minimal $*" 120 >/tmp/fio
    # terse version 3 (fio(1)): the read fields begin at 6, the write fields 41 later
    awk -F';' -v n="$name" 'NF > 80 { o = ($6 > 0) ? 0 : 41; seen = 1
        for (i = 18 + o; i <= 37 + o; i++) { split($i, v, "="); q[v[1]] = v[2] }
        printf "RIG-FIGURE %s.mean %.1f us\nRIG-FIGURE %s.p50 %s us\nRIG-FIGURE %s.p99 %s us\nRIG-FIGURE %s.iops %s 1/s\n",
            n, $(16 + o), n, q["50.000000%"], n, q["99.000000%"], n, $(8 + o) }
        END { exit !seen }' /tmp/fio || fail "fio $name gave no figures: $(cat /tmp/fio)"
}

# both_connected GUEST-ID DD-ID KIND DEVID
both_connected() {
    xs_is "/local/domain/$1/device/$3/$4/state" 4 && xs_is "/local/domain/$2/backend/$3/$1/$4/state" 4
}

# detach CMD GUEST DEV: xl block-detach or network-detach, which must work
xl_do() {
    local out
    waiting "xl $*"
    out=$(xl "$@" 2>&1) || fail "xl $*: $out"
    waiting -
}

# The emulated processor's time stamp counter is not invariant, as every real one's is: Xen would emulate it, and
# most of what is measured would be that.
TSC='tsc_mode="native"'

# Images with what measures appended.
add_load() {    # IMAGE...
    local image
    for image in "$@"; do
        [ -e "/rig/$image" ] || continue
        initramfs_of "/rig/$image" /rig/load.cpio >/tmp/image
        mv /tmp/image "/rig/$image"
    done
}
