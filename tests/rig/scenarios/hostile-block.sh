# summary: every hostile block frontend that a guest can be, on Xen, beside a guest whose data is verified
# timeout: 1800
# files: test-domain tests/rig/dom0/blkfront.sh tests/evil/beside.awk build/release/bin/drvdom-blkfront build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control
# shellcheck shell=dash disable=SC2016
. /rig/tests/rig/dom0/blkfront.sh

# Left to fakexen: R17 (a domain's maptrack limit is fixed when it is made), B17 (nobody can cut a disk in the
# driver domain short), S11 (xl gives each guest a new number).
# RIG_SET=ROWS=R1,B8 for some of them.
ROWS=$(echo "${ROWS:-R1 R2 R3 R4 R5 R6 R7 R8 R9 R10 R11 R12 R13 R14 R15 R16 R18 \
B1 B2 B3 B4 B5 B6 B7 B9 B10 B11 B12 B13 B14 B15 B16 B18 B19 B20 S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S12}" | tr , ' ')
XENSTORE_CONTROL=/rig/build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control
window=1000     # ms; what a guest can tell of them has room in 32 KiB
[ "$MACHINE" != icount ] || window=200
VICTIM="--devid 51712 verify --rate 100 --depth 4 --window $window --seconds 3600 --sectors 8192 --no-discard --json"

# --- what a row needs of dom0: the guest's hook asks through xenstore ----------------------------------
quota() {       # NODES a domain may have
    $XENSTORE_CONTROL quota set nodes "$1" >/tmp/quota 2>&1
}
hook() {        # ROW-WHEN
    case $1 in
    S12-begin)
        quota 10 || return 1
        ! xl block-attach evil 'format=raw,vdev=xvdc,access=rw,backend=dd,target=/dev/nullb0' >/tmp/attach 2>&1
        ;;
    S12-end) quota 1000 ;;
    *) return 1 ;;
    esac
}
hooks() {       # DIRECTORY
    xenstore-watch "$1/hook" | while read -r _; do
        word=$(xs "$1/hook")
        [ "$word" != "$(xs "$1/hook-done")" ] || continue
        hook "$word"
        xenstore-write "$1/hook-rc" $? "$1/hook-done" "$word"
    done
}
hook_of_guest='w=$DRVDOM_ROW-$1; n=0
xenstore-write data/rig/hook "$w"
while [ "$(xenstore-read data/rig/hook-done 2>/dev/null)" != "$w" ]; do
    n=$((n + 1)); [ $n -lt 400 ] || exit 1; usleep 50000
done
[ "$(xenstore-read data/rig/hook-rc)" = 0 ]'

# --- the victim ------------------------------------------------------------------------------------
victim_start() {
    guest_do victim "rm -f /tmp/victim.rc
        (drvdom-blkfront $VICTIM >/tmp/victim.log 2>&1; echo \$? >/tmp/victim.rc) >/dev/null 2>&1 & sleep 1"
}
victim_end() {  # FILE: "END P99" of each window, then the p99 of all
    guest_run victim 'killall -TERM drvdom-blkfront; n=0
        while [ ! -s /tmp/victim.rc ]; do n=$((n + 1)); [ $n -lt 200 ] || exit 9; usleep 100000; done
        [ "$(cat /tmp/victim.rc)" = 0 ] && grep -q "\"verb\":\"verify\",\"ok\":true" /tmp/victim.log ||
            { tail -n 3 /tmp/victim.log; exit 1; }
        sed -n "s/.*\"sectors_checked\":\([0-9]*\).*\"p99\":\([0-9.]*\).*/all \2 \1/p" /tmp/victim.log
        sed -n "s/^{\"window\":\([0-9.]*\).*\"ops\":[1-9].*\"p99\":\([0-9.]*\).*/\1 \2/p" /tmp/victim.log' 60 >"$1" 2>&4 || fail "the victim: exit $?: $(tail -n 3 "$1")"
}
row_line() {    # NAME BEGAN ENDED
    printf '%s ok %s %s\n' "$1" "$2" "$3" >>/tmp/rows
}
now_of() {      # GUEST: its real-time clock, which the frontends print
    guest_do "$1" 'date +%s.000'
}

# --- the driver domain's memory, as drvdomd says it at each connection -------------------------------
memory() {      # GUEST-ID: "worker drvdomd available", KiB
    sed -n "s/.*vbd $1\/51712: connected (resident: worker \([0-9]*\) KiB, drvdomd \([0-9]*\) KiB[^;]*; available \([0-9]*\) KiB).*/\1 \2 \3/p" \
        "$RIG_LOG/guest-dd.log" | tail -n 1
}
flat() {        # BEFORE AFTER
    echo "$1 $2" | awk '{
        printf "worker %d -> %d KiB, drvdomd %d -> %d KiB, available %d -> %d KiB\n", $1, $4, $2, $5, $3, $6
        exit !(NF == 6 && $4 <= $1 + 512 && $5 <= $2 + 512 && $6 >= $3 - 2048) }'
}

# One emulated processor: Xen's own rule that whoever runs may do so for 1 ms is not what is measured.
xl sched-credit2 -s -r 0 >/dev/null 2>&1 || xl sched-credit2 -s -r 100 >/dev/null 2>&1 || say "rate limit stays"
blkfront_ramdisk
dd_start dd memory=224
dd=$(domid dd)
blkfront_guest victim 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img"]'
blkfront_guest evil 'disk=["format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk1.img",
    "format=raw,vdev=xvdb,access=r,backend=dd,target=/dev/nullb0"]'
evil=$(domid evil) victim=$(domid victim)
guest_do evil "cat >/tmp/hook <<'END'
$hook_of_guest
END"
hooks "/local/domain/$evil/data/rig" &

# The measure: beside a polite guest.  (One virtual second of work is 20 real ones in the machine icount: what
# is not about time is left to the other machine.)
sectors=8192
[ "$MACHINE" = icount ] || sectors=65536 # disks that take their memory now and not later
blkfront evil 60 --devid 51712 write --sectors $sectors
blkfront victim 60 --devid 51712 write --sectors 8192
victim_start
began=$(now_of evil)
blkfront evil 60 --devid 51712 verify --seconds 2 --depth 32 --sectors $sectors
say "the polite guest: $(cat /tmp/blkfront.out)"
row_line polite "$began" "$(now_of evil)"
victim_end /tmp/polite
say "p99 of the victim beside a polite guest: $(sed -n 's/^all //p' /tmp/polite) us, sectors checked"

[ "$MACHINE" = icount ] || blkfront evil 120 --devid 51712 misbehave R16 B12 S10
before=$(memory "$evil")
victim_start
: >/tmp/rows.json
some_rows() {   # DEVICE ROW...: tells them at once; the machine may not live to the end
    local dev=$1
    shift
    [ $# -gt 0 ] || return 0
    blkfront evil 300 --devid "$dev" --hook "'sh /tmp/hook'" --json misbehave "$@" '|| true'
    cat /tmp/blkfront.out >>/tmp/rows.json
    say "$(sed -n 's/^{"row":"\([^"]*\)","result":"\([^"]*\)".*"text":"\(.*\)"}$/\1 \2 \3,/p' /tmp/blkfront.out | tr '\n' ' ')"
}
set --
for r in $ROWS; do
    set -- "$@" "$r"
    [ $# -lt 6 ] || { some_rows 51712 "$@"; set --; }
done
some_rows 51712 "$@"
some_rows 51728 B8
victim_end /tmp/beside
xl block-detach evil xvdb || fail "the read-only disk cannot be detached"

# --- what came of it ------------------------------------------------------------------------------------
sed -n 's/^{"row":"\([^"]*\)","result":"\([^"]*\)","began":\([0-9.]*\),"ended":\([0-9.]*\),"text":"\(.*\)"}$/\1 \2 \3 \4 \5/p' \
    /tmp/rows.json >/tmp/rows.done
for r in $ROWS B8; do
    grep -q "^$r ok " /tmp/rows.done || wrong "$r: $(grep "^$r " /tmp/rows.done || echo "not done: $(tail -n 1 /tmp/rows.json)")"
done
say "$(grep -c ' ok ' /tmp/rows.done) rows as they should be: $(sed -n 's/ ok .*//p' /tmp/rows.done | tr '\n' ' ')"
grep -v '^all' /tmp/polite /tmp/beside | sed 's/^[^:]*://' >/tmp/windows
cat /tmp/rows.done >>/tmp/rows
awk -v windows=/tmp/windows -f /rig/tests/evil/beside.awk /tmp/rows || wrong "beside some row the victim was not served"
polite=$(sed -n 's/^all \([0-9]*\).*/\1/p' /tmp/polite) beside=$(sed -n 's/^all \([0-9]*\).*/\1/p' /tmp/beside)
figure victim.p99.polite "$polite" us
figure victim.p99.hostile "$beside" us
figure victim.p99.rise $((beside * 100 / polite - 100)) %
blkfront evil 60 --devid 51712 verify --ops 200
[ "$MACHINE" = icount ] || flat "$before" "$(memory "$evil")" || wrong "the driver domain's memory has grown: $before, now $(memory "$evil")"

# S9: a whole guest dies, with a device in each state, and Xen must have let go of all its pages.
dies() {
    local id dev disks=
    for dev in xvda xvdb xvdc xvdd; do
        disks="$disks\"format=raw,vdev=$dev,access=r,backend=dd,target=/dev/nullb0\","
    done
    blkfront_guest mortal "disk=[$disks]"
    id=$(domid mortal)
    guest_do mortal 'hold() { drvdom-blkfront --devid $1 hold $2 >/tmp/held.$2 2>&1 & }
        hold 51712 initialised; hold 51728 connected; hold 51744 busy; hold 51760 closing; n=0
        while [ $(cat /tmp/held.* | grep -c holding) != 4 ]; do
            n=$((n + 1)); [ $n -lt 200 ] || { cat /tmp/held.*; exit 1; }; usleep 100000; done'
    xl destroy mortal || fail "xl destroy of a guest that held its devices"
    nothing_left "$id" "$dd"
    say "a guest died with devices initialised, connected, busy, closing: nothing left"
}
[ "$MACHINE" = icount ] || dies
[ "$MACHINE" = icount ] || [ "$polite" = 0 ] || say "figures of this machine are not to be trusted: ICOUNT=1"
[ "$MACHINE" != icount ] || [ $((beside * 100)) -le $((polite * 110)) ] ||
    wrong "the victim's p99 rose from $polite to $beside us"
grep -E 'killed by signal|exit code|ssertion' "$RIG_LOG/guest-dd.log" && wrong "something crashed in the driver domain"
xl block-detach evil xvda || fail "the hostile guest's disk cannot be detached"
detached "$evil"
guest_stop evil
nothing_left "$evil" "$dd"
guest_stop victim
nothing_left "$victim" "$dd"
dd_stop dd
[ -z "$bad" ] || fail "$bad"
