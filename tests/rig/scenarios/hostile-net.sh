# summary: every hostile network frontend that a guest can be, on Xen, beside guests whose traffic is verified
# timeout: 1800
# files: test-domain front tests/rig/dom0/netfront.sh
# shellcheck shell=dash disable=SC2016,SC2086,SC2046
. /rig/tests/rig/dom0/netfront.sh

# Left to fakexen: R17 (a domain's maptrack limit is fixed when it is made), S11 (xl gives each guest a new
# number), S12 (a quota: hostile-block does it).
# RIG_SET=ROWS=R1,N8 for some of them.
ROWS=$(echo "${ROWS:-R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R13 R14 R15 R16 R18 \
N1 N2 N3 N4 N5 N6 N7 N8 N9 N10 N11 N12 N13 N14 N15 N16 N17 N18 N19 N20 N21 N22 N23 N24 N25 N26 \
S1 S2 S3 S4 S5 S6 S7 S8 S9 S10}" | tr , ' ')

memory() {      # GUEST-ID: "worker drvdomd available" KiB, as drvdomd says it at each connection
    sed -n "s/.*vif $1\/0: connected (resident: worker \([0-9]*\) KiB, drvdomd \([0-9]*\) KiB.*; available \([0-9]*\) KiB).*/\1 \2 \3/p" \
        "$RIG_LOG/guest-dd.log" | tail -n 1
}
flat() {        # BEFORE AFTER
    echo "$1 $2" | awk '{
        printf "worker %d -> %d KiB, drvdomd %d -> %d KiB, available %d -> %d KiB\n", $1, $4, $2, $5, $3, $6
        exit !(NF == 6 && $4 <= $1 + 1024 && $5 <= $2 + 512 && $6 >= $3 - 4096) }'
}

dd_start dd memory=192 vcpus=2
dd=$(domid dd)
nf_guest victim 1 memory=144
nf_guest vecho 2 memory=144
nf_guest evil 3 memory=144
nf_guest eecho 4 memory=144
evil=$(domid evil)
# As an administrator has it: who serves goes before guests.
for g in Domain-0 dd; do
    xl sched-credit2 -d $g -w 2048 >/dev/null || fail "no weight for $g"
done
echo_start vecho
echo_start eecho
# beside WHAT: what the victim saw, whose rounds must all have been good
beside() {
    ROUNDS=0
    (victim_end victim) >/tmp/seen || { wrong "the victim beside $1: $(tail -n 3 /tmp/seen)"; return; }
    # shellcheck disable=SC2046 # words are meant
    set -- "$1" $(tail -n 1 /tmp/seen)
    say "victim beside $1: $2 rounds, $3 frames verified, p99 $4 us, max $5 us"
    figure "victim.p99.$1" "$4" us
    ROUNDS=$2
}
# Their traffic shall run all the time, but need not fill the emulated processors that all of them share: with 20 frames
# a second a row takes twice its time, most of which is requests to xenstored.
PACE="--rate 5"
victim_start victim "$(nf_mac 2)" "$PACE"
beside nobody

netfront evil 300 --to "$(nf_mac 4)" misbehave R4 R16 N25 N26 S5 S10 >/dev/null
before=$(memory "$evil")
victim_start victim "$(nf_mac 2)" "$PACE --seconds 15"
some_rows() {   # ROW...: told at once; the machine may not live to the end
    guest_run evil "drvdom-netfront --devid 0 --to $(nf_mac 4) misbehave $*" 600 >/tmp/part 2>&4
    say "$(sed -n 's/^\([RNS][0-9]*\)  *ok .*(\([0-9]*\) ms)$/\1 ok \2 ms,/p' /tmp/part | tr '\n' ' ')"
    for r in "$@"; do
        grep -q "^$r  *ok " /tmp/part || wrong "$r: $(grep "^$r " /tmp/part || tail -n 2 /tmp/part)"
    done
    cat /tmp/part >>/tmp/rows
}
: >/tmp/rows
set --
for r in $ROWS; do
    set -- "$@" "$r"
    [ $# -lt 6 ] || { some_rows "$@"; set --; }
done
[ $# = 0 ] || some_rows "$@"
beside hostile
say "$(grep -c ' ok ' /tmp/rows) rows as they should be"
[ "$ROUNDS" -ge 3 ] || wrong "the victim had $ROUNDS rounds only"
netfront evil 60 --to "$(nf_mac 4)" --seconds 1 verify
flat "$before" "$(memory "$evil")" || wrong "the driver domain's memory has grown: $before, now $(memory "$evil")"
echo_end eecho
echo_end vecho
ends() {        # GUEST: goes, and leaves nothing
    id=$(domid "$1")
    guest_stop "$1"
    nothing_left "$id" "$dd"
}
ends eecho              # its memory is wanted

# S9: whole guests die, and Xen must have let go of all their pages.
for s in connected busy; do
    nf_guest mortal 5 memory=144
    id=$(domid mortal)
    guest_do mortal "drvdom-netfront --devid 0 hold $s >/tmp/held 2>&1 & n=0
        while ! grep -q holding /tmp/held; do n=\$((n + 1)); [ \$n -lt 200 ] || { cat /tmp/held; exit 1; }; usleep 100000; done"
    xl destroy mortal || fail "xl destroy of a guest that held its device $s"
    nothing_left "$id" "$dd"
    say "a guest died $s: nothing left"
done
grep -E 'killed by signal|exit code|ssertion' "$RIG_LOG/guest-dd.log" && wrong "something crashed in the driver domain"
xl network-detach evil 0 || fail "the hostile guest's interface cannot be detached"
detached "$evil"
for g in evil vecho victim; do
    ends $g
done
dd_stop dd
[ -z "$bad" ] || fail "$bad"
