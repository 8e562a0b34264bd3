# summary: the driver domain (NVMe, NIC passed through) crashes under verified load: unmodified guests go on
# timeout: 900
# machine: passthrough
# mem: 2560
# files: driver-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

# shellcheck disable=SC2034 # for recovery.sh
NET=$OUTSIDE_ADDR GATEWAY=$OUTSIDE_GATEWAY
DEATHS=${DEATHS:-3}
guard_start
pci_give "$NVME" "$NIC"
dd_start dd "pci=['$NVME', '$NIC']" "extra=\"$QUIET sysrq_always_enabled\""
dd=$(domid dd)
recovery_guests /dev/nvme0n1

back_again() {          # TIMES
    [ "$(guard_count "dd is ready .* after its death")" -ge "$1" ]
}
load_start 32 8 48
n=0
while [ $n -lt "$DEATHS" ]; do
    sleep 3
    load_running || fail "the load ended before the last death: make it longer"
    n=$((n + 1))
    xl sysrq dd c || fail "xl sysrq dd c"
    wait_for 120 "the driver domain to be back" back_again $n
    [ "$(domid dd)" = "$dd" ] || fail "the driver domain is $(domid dd) now, and was $dd"
    say "crashed, back as domain $dd: $(tail -n 1 /var/log/xen/drvdom-guard.log | sed 's/.*guard: //')"
done
sed -n 's/.*ready \([0-9]*\) ms after its death.*/\1/p' /var/log/xen/drvdom-guard.log | sort -n | awk '
    { v[NR] = $1 }
    END { printf "RIG-FIGURE domain.outage.p50 %d ms\nRIG-FIGURE domain.outage.max %d ms\n", v[int(NR * 0.5 + 0.5)], v[NR] }'
load_check 240
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word but of the capacity"
guest_stop g1
guest_stop g2
guard_let_go dd
dd_stop dd
