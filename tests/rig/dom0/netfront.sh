# Guests whose network frontend is drvdom-netfront and not the kernel's: sourced by scenarios after lib.sh.
# `files:` must name front.
# shellcheck shell=dash disable=SC2034

# nf_guest NAME N [LINE...]: with MAC address 00:16:3e:00:00:0N on xenbr0
nf_guest() {
    local name=$1 n=$2
    shift 2
    GUEST_RAMDISK=/rig/guest-front.cpio guest_start "$name" "vif=[\"mac=$(nf_mac "$n"),bridge=xenbr0,backend=dd\"]" "$@"
    guest_do "$name" 'echo 4096 >/sys/module/xen_gntalloc/parameters/limit'
}
nf_mac() {
    printf '00:16:3e:00:00:0%d' "$1"
}

# netfront GUEST SECONDS ARGUMENTS...: must succeed; prints what it prints
netfront() {
    local g=$1 secs=$2
    shift 2
    guest_do "$g" "drvdom-netfront --devid 0 $*" "$secs"
}

# An echo in the background, until echo_end, which wants it to have seen nothing wrong.
echo_start() {          # GUEST [OPTIONS]
    guest_do "$1" "drvdom-netfront --devid 0 $2 echo >/tmp/echo.log 2>&1 & n=0
        while ! grep -q 'echo ready' /tmp/echo.log; do n=\$((n + 1)); [ \$n -lt 200 ] || { cat /tmp/echo.log; exit 1; }; usleep 100000; done" 40
}
echo_end() {            # GUEST
    guest_do "$1" 'killall -TERM drvdom-netfront; n=0
        while killall -0 drvdom-netfront 2>/dev/null; do n=$((n + 1)); [ $n -lt 100 ] || exit 9; usleep 100000; done
        tail -n 1 /tmp/echo.log; tail -n 1 /tmp/echo.log | grep -q "^echo ok"' 30
}

# Verified traffic to an echo, round after round, until victim_end; the first wrong byte ends it.
victim_start() {        # GUEST MAC OPTIONS
    guest_do "$1" "rm -f /tmp/end /tmp/victim.*; (while [ ! -e /tmp/end ]; do
            drvdom-netfront --devid 0 --to $2 --seconds 5 --depth 4 --json $3 verify >>/tmp/victim.log 2>&1 || break
        done; echo over >/tmp/victim.over) >/dev/null 2>&1 &
        n=0; while ! grep -q '\"ok\":true' /tmp/victim.log 2>/dev/null; do n=\$((n + 1)); [ \$n -lt 600 ] || { cat /tmp/victim.log; exit 1; }; usleep 100000; done" 120
}
# Prints "rounds frames median-of-p99 max" of its rounds; all must have been good.
victim_end() {          # GUEST
    guest_do "$1" ': >/tmp/end; n=0
        while [ ! -s /tmp/victim.over ]; do n=$((n + 1)); [ $n -lt 600 ] || exit 9; usleep 100000; done
        grep -v "\"ok\":true" /tmp/victim.log && exit 1
        sed -n "s/.*\"back\":\([0-9]*\).*\"p99\":\([0-9]*\).*\"max\":\([0-9]*\).*/\2 \1 \3/p" /tmp/victim.log | sort -n |
            awk "{ p[NR] = \$1; f += \$2; if (\$3 > m) m = \$3 } END { print NR, f, p[int((NR + 1) / 2)], m }"' 120
}
