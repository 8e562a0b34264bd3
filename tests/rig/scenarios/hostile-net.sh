# summary: every hostile network frontend that a guest can be, on Xen, beside guests whose traffic is verified
# timeout: 840
# files: test-domain front tests/rig/dom0/netfront.sh
# shellcheck shell=dash disable=SC2016,SC2086,SC2046
. /rig/tests/rig/dom0/netfront.sh

# Left to fakexen: R17 (a domain's maptrack limit is fixed when it is made), S11 (xl gives each guest a new
# number), S12 (a quota: hostile-block does it).
RINGS="R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R13 R14 R15 R16 R18"
FRAMES="N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 N11 N12 N13 N14 N15"
OTHERS="N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26"
STORE="S1 S2 S3 S4 S5 S6 S7 S8 S9 S10"

memory() {      # GUEST-ID: "worker drvdomd available" KiB, as drvdomd says it at each connection
    sed -n "s/.*vif $1\/0: connected (resident: worker \([0-9]*\) KiB, drvdomd \([0-9]*\) KiB.*; available \([0-9]*\) KiB).*/\1 \2 \3/p" \
        "$RIG_LOG/guest-dd.log" | tail -n 1
}
flat() {        # BEFORE AFTER
    echo "$1 $2" | awk '{
        printf "worker %d -> %d KiB, drvdomd %d -> %d KiB, available %d -> %d KiB\n", $1, $4, $2, $5, $3, $6
        exit !(NF == 6 && $4 <= $1 + 1024 && $5 <= $2 + 512 && $6 >= $3 - 4096) }'
}

dd_start dd memory=160
dd=$(domid dd)
nf_guest victim 1 memory=144
nf_guest vecho 2 memory=144
nf_guest evil 3 memory=144
nf_guest eecho 4 memory=144
evil=$(domid evil)
# Their traffic shall run all the time, but need not fill the one processor that all of them share.
for g in victim vecho; do
    xl sched-credit2 -d $g -c 15 >/dev/null || fail "no cap for $g"
done
echo_start vecho
echo_start eecho
victim_start victim "$(nf_mac 2)"
sleep 6
set -- $(victim_end victim)
say "victim alone: $1 rounds, $2 frames, p99 $3 us, max $4 us"
figure victim.p99.alone "$3" us

netfront evil 120 --to "$(nf_mac 4)" misbehave R4 R16 N25 N26 S5 S10 >/dev/null
before=$(memory "$evil")
victim_start victim "$(nf_mac 2)"
rows() {        # ROW...: each must end as the table says
    say "rows $1 and so on"
    netfront evil 420 --to "$(nf_mac 4)" misbehave "$@" '>/tmp/rows 2>&1; cat /tmp/rows' >/tmp/part
    grep ' ok ' /tmp/part | awk '{ print "  " $0 }'
    for r in "$@"; do
        grep -q "^$r  *ok " /tmp/part && continue
        say "row $r: $(grep "^$r " /tmp/part || tail -n 3 /tmp/part)"
        bad="$bad $r"
    done
    cat /tmp/part >>/tmp/rows
}
bad=''
rows $RINGS
rows $FRAMES
rows $OTHERS
rows $STORE
set -- $(victim_end victim)
say "$(grep -c ' ok ' /tmp/rows) rows as they should be"
say "victim beside: $1 rounds, $2 frames verified, p99 $3 us, max $4 us"
figure victim.p99.hostile "$3" us
[ -z "$bad" ] || fail "rows not as they should be:$bad"
[ "$1" -ge 3 ] || fail "the victim had $1 rounds only"
netfront evil 60 --to "$(nf_mac 4)" --seconds 1 verify
flat "$before" "$(memory "$evil")" || fail "the driver domain's memory has grown: $before, now $(memory "$evil")"
echo_end eecho
echo_end vecho

# S9: whole guests die, and Xen must have let go of all their pages.
for s in connected busy; do
    nf_guest mortal 5 memory=144
    id=$(domid mortal)
    guest_do mortal "drvdom-netfront --devid 0 hold $s >/tmp/held 2>&1 & n=0
        while ! grep -q holding /tmp/held; do n=\$((n + 1)); [ \$n -lt 100 ] || exit 1; usleep 100000; done"
    xl destroy mortal || fail "xl destroy of a guest that held its device $s"
    nothing_left "$id" "$dd"
    say "a guest died $s: nothing left"
done
grep -E 'killed by signal|exit code|ssertion' "$RIG_LOG/guest-dd.log" && fail "something crashed in the driver domain"
xl network-detach evil 0 || fail "the hostile guest's interface cannot be detached"
detached "$evil"
for g in evil eecho vecho victim; do
    id=$(domid $g)
    guest_stop $g
    nothing_left "$id" "$dd"
done
dd_stop dd
