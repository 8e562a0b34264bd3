#!/bin/bash
# Hostile block frontends: the whole catalogue (drvdom-blkfront misbehave) against the shipped backend on
# fakexen, with another guest beside it that verifies its data all the time.  Each row's reaction is built
# into the frontend; seen from outside here: no crash, no hang, no growth, nothing left, no foreign byte.
#   tests/evil/blk.sh [ROW...]     BIN=build/asan/bin: under sanitizers; KEEP=1 keeps logs
# shellcheck disable=SC2317 # functions are called through ok
set -uo pipefail

# As a hook of the frontend: makes and ends what only dom0 or the driver domain can.
if [ "${1:-}" = --hook ]; then
    unset XENSTORED_PATH LD_LIBRARY_PATH
    fx=$2 dir=$3 when=$4
    case $DRVDOM_ROW-$when in
    R17-begin) exec "$fx" limit "$dir" 5 maps 0 ;;
    R17-end) exec "$fx" limit "$dir" 5 maps 65536 ;;
    B17-begin) exec truncate -s 2M "$dir/evil" ;;
    B17-end) exec truncate -s 4M "$dir/evil" ;;
    S12-begin)
        # Devices of a third guest until no more can be had; the last one must be told why.
        for ((i = 1; i < 100; i++)); do
            truncate -s 1M "$dir/small$i"
            "$fx" attach-vbd "$dir" 9 5 $((51712 + 16 * i)) "$dir/small$i" >"$dir/quota" 2>&1 || break
        done
        [ "$i" -lt 100 ] && [ "$i" -gt 1 ] && grep -q 'backend refuses' "$dir/quota"
        exit
        ;;
    S12-end) exec "$fx" destroy "$dir" 9 ;;
    esac
    exit 1
fi

# Room for about a dozen devices, so that using it up (S12) does not take long.
export XENSTORED_ARGS=${XENSTORED_ARGS:--E 450} DRVDOM_BLK_QUEUES=2
# Memory that a sanitizer keeps back would look like growth; what is left of that is allowed for.  Its search
# for leaks traces the process, which a worker's sandbox forbids: growth is measured instead.
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:detect_leaks=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=16}
export UBSAN_OPTIONS=print_stacktrace=1
# shellcheck source=tests/loop/session.sh
. "$(dirname "${BASH_SOURCE[0]}")/../loop/session.sh"
grep -q __asan_init "$BIN/drvdomd" && GROWTH_KB=${GROWTH_KB:-4096}
rows=("$@")
[ $# -gt 0 ] || rows=(all)

# --- the victim --------------------------------------------------------------------------------------
# One connection from the first row to the last: it must never be closed.  (A guest that connects while
# R17 lets the driver domain map nothing is refused, rightly; so this one does not connect again.)
victim() {
    exec timeout 7200 "$fx" in "$dir" 8 -- "$BIN/drvdom-blkfront" --devid 51712 verify --window 100 \
        --seconds 900 --sectors 8192 --depth 4 --no-discard --json
}
victim_windows() { # at least so many in which it was served
    [ "$(grep -c '"window".*"ops":[1-9]' "$dir/victim.log")" -ge "$1" ]
}
victim_ok() { # verified to the end, once more everything, and never without an answer for long
    grep '"verb":"verify","ok":true' "$dir/victim.log" || { tail -n 2 "$dir/victim.log"; return 1; }
    sed -n 's/.*"max":\([0-9]*\).*/\1/p' "$dir/victim.log" | sort -n | tail -n 1 >"$dir/longest"
    [ "$(<"$dir/longest")" -lt 5000000 ] || { echo "an answer took $(<"$dir/longest") us"; return 1; }
}
# Windows (100 ms) as "end p99", rows as "name result began ended text".
windows() { sed -n 's/^{"window":\([0-9.]*\).*"ops":[1-9].*"p99":\([0-9.]*\).*/\1 \2/p' "$dir/victim.log"; }
rows_done() {
    sed -n 's/^{"row":"\([^"]*\)","result":"\([^"]*\)","began":\([0-9.]*\),"ended":\([0-9.]*\),"text":"\(.*\)"}$/\1 \2 \3 \4 \5/p' \
        "$dir/rows"
}
# A row that is done here, noted like the frontend's own.
row() { # name, what, command...
    local name=$1 began others=$failed result
    began=$(date +%s.%3N)
    failed=0
    ok "$(printf '%-4s %s' "$name" "$2")" "${@:3}"
    result=$([ $failed = 0 ] && echo ok || echo FAIL)
    failed=$((failed | others))
    printf '{"row":"%s","result":"%s","began":%s,"ended":%s,"text":"%s"}\n' "$name" \
        "$result" "$began" "$(date +%s.%3N)" "$2" >>"$dir/rows"
}

latencies() {
    windows >"$dir/windows"
    rows_done | awk -v windows="$dir/windows" -f "$top/tests/evil/beside.awk" | sed 's/^/      /'
    [ "${PIPESTATUS[1]}" = 0 ]
}
all_rows() { # each of the catalogue is there, by name
    local missing='' n
    for n in R{1..18} B{1..20} S{1..12}; do
        rows_done | grep -q "^$n ok " || missing+=" $n"
    done
    [ -z "$missing" ] || { echo "not done:$missing"; return 1; }
}

# --- growth --------------------------------------------------------------------------------------------
# Twice the catalogue's cheap rows: what the second time adds is growth.
size_now() {
    local w
    for w in $(worker_pids); do echo "worker $(resident_kb "$w") $(fds "$w")"; done
    echo "drvdomd $(resident_kb "$dd_pid") $(fds "$dd_pid")"
}
worker_pids() { pgrep -P "$dd_pid" | sort -n; }
no_growth() { # before, after: 512 KiB are noise (allocators), a descriptor is not
    paste -d' ' <(echo "$1") <(echo "$2") | awk '
        { print $1 ": " $2 " -> " $5 " KiB, " $3 " -> " $6 " descriptors" }
        $1 != $4 || $5 > $2 + '"${GROWTH_KB:-512}"' || $6 > $3 { bad = 1 }
        END { exit bad }'
}

misbehave() {
    FRONT_TIME=300 front 7 51712 misbehave --hook "$(printf '%q ' "$0" --hook "$fx" "$dir")" "$@"
}
# One row after the other in one frontend; what it says is kept.
catalogue() {
    local rc
    misbehave --json "${rows[@]}" >"$dir/frontend.out" 2>&1
    rc=$?
    grep -v '"result":"skip"' "$dir/frontend.out" >>"$dir/rows"
    grep '"result":"FAIL"' "$dir/frontend.out"
    # 3: skipped were those that need more than a guest and are done below; all_rows sees the others.
    [ "$rc" = 0 ] || [ "$rc" = 3 ] || { echo "exit status $rc"; tail -n 3 "$dir/frontend.out"; return 1; }
}
polite() {
    front 7 51712 verify --seconds 2 --sectors 4096 --depth 32
}

# --- what needs a dom0 ---------------------------------------------------------------------------------
# S9: the whole guest dies, in each state.  Its pages must be let go, or it would be a zombie.
dies_in() {
    guest 9 && attach 9 51712 "$dir/small" || return
    front 9 51712 hold "$1" >"$dir/held" 2>&1 &
    soon grep -q "holding $1" "$dir/held" || { cat "$dir/held"; return 1; }
    destroy 9 || return
    wait $! # killed with its domain
    not grep '^9 ' <("$fx" list "$dir") && holds "$before"
}
# The guest dies and nobody in dom0 looks after its devices until later.
dies_unseen() {
    guest 9 && attach 9 51712 "$dir/small" || return
    front 9 51712 hold busy >"$dir/held" 2>&1 &
    soon grep -q 'holding busy' "$dir/held" && "$fx" kill "$dir" 9
    wait $!
    destroy 9 2>"$dir/out" || true # the domain is gone; its devices go
    not grep '^9 ' <("$fx" list "$dir") && holds "$before"
}
# S11: another guest under the same number has another disk.
same_domid() {
    disk "$dir/other" 2M
    guest 9 && attach 9 51712 "$dir/other" && front 9 51712 info | grep '^4096 sectors' &&
        front 9 51712 verify --ops 200 && destroy 9 && holds "$before"
}
# B8 needs a disk that is read-only.
read_only() {
    disk "$dir/ro" 2M
    cp "$dir/ro" "$dir/ro.before"
    attach 7 51728 "$dir/ro" mode=r && front 7 51728 misbehave B8 | tee "$dir/b8"
    grep -q '^B8 *ok' "$dir/b8" && cmp "$dir/ro" "$dir/ro.before" && detach 7 51728
}

session_start
guest 7 && guest 8 && guest 9
disk "$dir/evil" 4M
disk "$dir/victim" 8M
disk "$dir/small" 4M
attach 8 51712 "$dir/victim" || exit 1
quiet=$(holdings)
victim >"$dir/victim.log" 2>&1 &
victim_job=$!
ok "the victim is served" soon victim_windows 5
ok "the hostile guest is served" attach 7 51712 "$dir/evil"
row polite "neighbour: the measure for the others" polite
# Before and after, with everything touched once: buffers that are used for the first time are not growth.
ok "warm" misbehave R4 R16 B10 B12 S5 S10
size=$(size_now)
ok "the catalogue: ${rows[*]}" catalogue
ok "no growth" no_growth "$size" "$(size_now)"
[[ " ${rows[*]} " = *' S12 '* || "${rows[*]}" = all ]] || destroy 9
ok "detach" detach 7 51712
soon test "$(workers)" = 1
before=$(holdings)
if [ "${rows[*]}" = all ]; then
    for state in initialised connected busy closing; do
        row S9 "the guest dies when $state" dies_in "$state"
    done
    row S9 "the guest dies and nobody looks" dies_unseen
    row S11 "the same domid, another guest" same_domid
fi
[[ " ${rows[*]} " = *' B8 '* || "${rows[*]}" = all ]] && row B8 "a read-only disk" read_only
kill -TERM $victim_job
wait $victim_job
ok "the victim was served and verified throughout" victim_ok
[ "${rows[*]}" != all ] || ok "every row of the catalogue" all_rows
latencies || failed=1
ok "nothing is left" holds "$quiet"
ok "nothing ever crashed" never_crashed
exit $failed
