#!/bin/bash
# Hostile network frontends: the whole catalogue (drvdom-netfront misbehave) against the shipped backend on
# fakexen, with two other guests on the same bridge that verify their traffic all the time.  Each row's
# reaction is built into the frontend; seen from outside here: no crash, no hang, no growth, nothing left,
# no frame lost or changed.
#   tests/evil/net.sh [ROW...]     BIN=build/asan/bin: under sanitizers; KEEP=1 keeps logs
# shellcheck disable=SC2317,SC2154 # functions are called through ok; names come from session.sh
set -uo pipefail

# As a hook of the frontend: makes and ends what only dom0 or the driver domain can.  All of these leave the
# driver domain without something that every new connection needs; "starved" stands as long.
hook() {
    case $1 in
    R17-begin) "$fx" limit "$dir" 5 maps 0 ;;
    R17-end) "$fx" limit "$dir" 5 maps 65536 ;;
    S12-begin)
        # Devices of one more guest until no more can be had; the last one must be told why.
        for ((i = 1; i < 100; i++)); do
            "$fx" attach-vif "$dir" 11 5 $i br0 >"$dir/quota" 2>&1 || break
        done
        [ "$i" -lt 100 ] && [ "$i" -gt 1 ] && grep -q 'backend refuses' "$dir/quota"
        ;;
    S12-end) "$fx" destroy "$dir" 11 ;;
    *) return 1 ;;
    esac
}
if [ "${1:-}" = --hook ]; then
    unset XENSTORED_PATH LD_LIBRARY_PATH
    fx=$2 dir=$3
    [ "$4" = end ] || touch "$dir/starved"
    hook "$DRVDOM_ROW-$4"
    rc=$?
    [ "$4" != end ] || { sleep 0.5 && rm -f "$dir/starved"; } # whoever was refused has seen it by then
    exit $rc
fi

export SESSION_TIME=${SESSION_TIME:-850} # all rows on a busy machine
# Room for about a dozen devices, so that using it up (S12) does not take long.
export XENSTORED_ARGS=${XENSTORED_ARGS:--E 450}
# Memory that a sanitizer keeps back would look like growth; what is left of that is allowed for.  Its search
# for leaks traces the process, which a worker's sandbox forbids: growth is measured instead.
export ASAN_OPTIONS=${ASAN_OPTIONS:-exitcode=99:detect_leaks=0:quarantine_size_mb=1:thread_local_quarantine_size_kb=16}
export UBSAN_OPTIONS=print_stacktrace=1
# shellcheck source=tests/loop/netsession.sh
. "$(dirname "${BASH_SOURCE[0]}")/../loop/netsession.sh"
grep -q __asan_init "$BIN/drvdomd" && GROWTH_KB=${GROWTH_KB:-4096}
rows=("$@")
[ $# -gt 0 ] || rows=(all)

# --- the victims: 8 sends, 9 sends back; 7 is hostile, 10 sends back to it -----------------------------
# The victim connects anew every two seconds.  While the driver domain is starved that is refused, rightly.
victim() { # until told to end; a line of JSON for every two seconds, an error ends it
    while [ ! -e "$dir/victim.end" ]; do
        if front 8 --to "$(mac 9)" --seconds 2 --depth 4 --json verify >"$dir/round" 2>&1 ||
            ! { [ -e "$dir/starved" ] && grep -q 'the backend went to state' "$dir/round"; }; then
            cat "$dir/round" >>"$dir/victim.log"
            grep -q '"ok":true' "$dir/round" || return 1
        fi
    done
}
victim_ok() { # at least so many rounds, all verified
    [ "$(grep -c '"ok":true' "$dir/victim.log")" -ge "$1" ] && not grep -v '"ok":true' "$dir/victim.log" && return
    inside ip -s link show vif9.0 # is it its port that dropped frames?
    return 1
}
# A lost event costs until the backend's housekeeping, 2 s: nothing else takes so long.
never_stalled() {
    sed -n 's/.*"max":\([0-9]*\).*/\1/p' "$dir/victim.log" | awk '$1 > 1900000 { print "a round trip of " $1 " us"; bad = 1 } END { exit bad }'
}
p99() { # median of the given lines' p99
    sed -n "$1"'s/.*"p99":\([0-9]*\).*/\1/p' "$dir/victim.log" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

# --- growth --------------------------------------------------------------------------------------------
# Only what the same worker has had before and after can be compared.  The victim connects anew every two
# seconds: the most of a second counts, not the moment without rings.
sizes() {
    local w
    for w in $(pgrep -P "$dd_pid" | sort -n); do echo "worker-$w $(resident_kb "$w") $(fds "$w")"; done
    echo "drvdomd $(resident_kb "$dd_pid") $(fds "$dd_pid")"
}
size_now() {
    local i
    for i in 1 2 3 4 5; do sizes; sleep 0.2; done |
        awk '{ if ($2 > kb[$1]) kb[$1] = $2; if ($3 > fd[$1]) fd[$1] = $3 } END { for (n in kb) print n, kb[n], fd[n] }'
}
no_growth() { # before, after: a queue's 3 MiB of buffers, there from the start, count once touched
    join <(sort <<<"$1") <(sort <<<"$2") | awk '
        { print $1 ": " $2 " -> " $4 " KiB, " $3 " -> " $5 " descriptors"; n++ }
        $4 > $2 + '"${GROWTH_KB:-3072}"' || $5 > $3 { bad = 1 }
        END { exit bad || n < 5 }'
}

misbehave() {
    FRONT_TIME=500 front 7 --to "$(mac 10)" --hook "$(printf '%q ' "$0" --hook "$fx" "$dir")" misbehave "$@"
}
catalogue() {
    local rc skipped
    misbehave "${rows[@]}" >"$dir/rows" 2>&1
    rc=$?
    grep ' FAIL ' "$dir/rows"
    skipped=$(awk '$2 == "skip" { printf "%s ", $1 }' "$dir/rows")
    # S11 needs more than a guest and is done below.
    [ "$rc" = 0 ] || { [ "$rc" = 3 ] && [ "$skipped" = "S11 " ]; } || {
        echo "exit status $rc, skipped: $skipped"
        tail -3 "$dir/rows"
        return 1
    }
}

# --- what needs a dom0 ---------------------------------------------------------------------------------
# S9: the whole guest dies, in each state.  Its pages must be let go, or it would be a zombie.
dies_in() {
    guest 11 && attach 11 || return
    front 11 hold "$1" >"$dir/held" 2>&1 &
    soon grep -q "holding $1" "$dir/held" || { cat "$dir/held"; return 1; }
    destroy 11 || return
    wait $! # killed with its domain
    not grep '^11 ' <("$fx" list "$dir") && not inside ip link show vif11.0 2>/dev/null && holds "$before"
}
# The guest dies and nobody in dom0 looks after its devices until later.
dies_unseen() {
    guest 11 && attach 11 || return
    front 11 hold busy >"$dir/held" 2>&1 &
    soon grep -q 'holding busy' "$dir/held" && "$fx" kill "$dir" 11
    wait $!
    destroy 11 2>"$dir/out" || true # the domain is gone; its devices go
    not grep '^11 ' <("$fx" list "$dir") && holds "$before"
}
# S11: another guest under the same number has another network.
same_domid() {
    guest 11 && attach 11 br0 mtu=1400 && front 11 --mtu 1400 ping 10.0.255.1 && destroy 11 &&
        guest 11 && attach 11 br0 && front 11 ping 10.0.255.1 && destroy 11 && holds "$before"
}

net_start
for g in 7 8 9 10 11; do guest $g || exit 1; done
for g in 8 9 10; do attach $g || exit 1; done
quiet=$(holdings)
for g in 9 10; do ok "guest $g sends back" echo_start $g; done
victim &
victim_job=$!
ok "the victim is served" soon victim_ok 1
ok "the hostile guest is served" attach 7
# Before and after, with everything touched once: buffers that are used for the first time are not growth.
ok "warm" misbehave R4 R16 N25 N26 S5 S10
size=$(size_now)
ok "the catalogue: ${rows[*]}" catalogue
grep -v ' FAIL ' "$dir/rows"
ok "no growth" no_growth "$size" "$(size_now)"
destroy 11 2>/dev/null
ok "detach" detach 7
ok "the hostile guest's echo saw nothing wrong" echo_stop 10
touch "$dir/victim.end"
wait $victim_job
ok "the victim was served and verified throughout" victim_ok 2
ok "  and never had to wait for housekeeping" never_stalled
ok "  and its other end saw nothing wrong" echo_stop 9
holds "$quiet" >/dev/null
before=$quiet
if [ "${rows[*]}" = all ]; then
    for state in initialised connected busy closing; do
        ok "S9   the guest dies when $state" dies_in "$state"
    done
    ok "S9   the guest dies and nobody looks" dies_unseen
    ok "S11  the same domid, another guest" same_domid
fi
ok "nothing is left" holds "$quiet"
echo "      victim's p99: $(p99 1) us alone, $(p99 '2,$') us beside"
ok "nothing ever crashed" never_crashed
exit $failed
