# What the scenarios `bench` and `bench-devices` measure, and how.  RIG-FIGURE lines: BACKEND.WORK.WHAT.
# shellcheck shell=dash disable=SC2153,SC2154,SC2034,SC2086,SC2016

# RIG_ARGS: PARTS/BACKENDS, each comma-separated
PARTS=$(echo "${RIG_ARGS%/*}" | tr , ' ')
BACKENDS=$(echo "${RIG_ARGS#*/}" | tr , ' ')
DISKS=          # before the name of each work with a disk

wants() {       # block, net, or one part
    case $1 in
    block) case $PARTS in *block* | *nvme*) return 0 ;; esac ;;
    net) case $PARTS in *tcp* | *ping* | *udp* | *rr* | *wire*) return 0 ;; esac ;;
    *) case " $PARTS " in *" $1 "*) return 0 ;; esac ;;
    esac
    return 1
}

# As lib.sh's, but asked once: xl takes longer than many a work.  After a domain has ended: forget_domids.
domid() {       # NAME
    [ -s "/tmp/domid.$1" ] || xl domid "$1" >"/tmp/domid.$1" 2>/dev/null || return 1
    cat "/tmp/domid.$1"
}
forget_domids() {
    rm -f /tmp/domid.*
}

emit() {        # WORK WHAT VALUE UNIT
    figure "$BACKEND.$1.$2" "$3" "$4"
}

# --- processor time ---------------------------------------------------------------------------------

# cpu_of DOMAIN-NAME...: what Xen has charged each with, in ns, on one line
cpu_of() {
    local name id
    /rig/domtime >/tmp/domtime || fail "domtime: Xen does not tell the domains' processor time"
    for name in "$@"; do
        id=0
        case $name in
        dom0) ;;
        dd) id=$(domid "dd-$BACKEND") ;;
        *) id=$(domid "$name") ;;
        esac
        awk -v id="$id" '$1 == id { printf "%s ", $2; seen = 1 } END { exit !seen }' /tmp/domtime ||
            fail "Xen does not know domain $name"
    done
}

# Timers and work meet as in every other run: see load/domtime.c.
settle() {
    /rig/domtime settle || fail "domtime settle"
}

# charged OPS UNIT-OF-WORK KIND WORK 'commands' [SECONDS]: runs them in g1, the output is in /tmp/out.
# Per operation: processor time of driver domain, guests and dom0, less what the same command costs
# with (next to) no operations: `nothing KIND 'commands'` has noted that, once per backend.
nothing() {
    [ "$(cat "/tmp/nothing.$1.of" 2>/dev/null)" != "$BACKEND" ] || return 0
    charged 0 op "$1" "$1" "$2"
    echo "$BACKEND" >"/tmp/nothing.$1.of"
}
DOMAINS="dd g1 dom0"
charged() {
    local ops=$1 per=$2 kind=$3 work=$4 before after
    settle
    before=$(cpu_of $DOMAINS)
    echo "RIG-PROF $BACKEND.$work.$ops.begin"
    guest_do g1 "$5" "${6:-120}" >/tmp/out
    echo "RIG-PROF $BACKEND.$work.$ops.end"
    after=$(cpu_of $DOMAINS)
    echo "$before" "$after" | awk -v n="$(echo $DOMAINS | wc -w)" \
        '{ for (i = 1; i <= n; i++) printf "%d ", $(n + i) - $i }' >/tmp/spent
    if [ "$ops" = 0 ]; then
        cp /tmp/spent "/tmp/nothing.$kind"
        return
    fi
    # shellcheck disable=SC2046 # words are meant
    set -- "$ops" "$per" "$work" $(paste -d ' ' /tmp/spent "/tmp/nothing.$kind")
    charge "$@"
}
charge() {      # OPS PER WORK SPENT... NOTHING...
    local ops=$1 per=$2 work=$3 name n
    n=$(echo $DOMAINS | wc -w)
    shift 3
    for name in $DOMAINS; do
        eval "nothing=\${$((n + 1))}"
        emit "$work" "cpu.$name" "$(awk -v a="$1" -v b="$nothing" -v n="$ops" \
            'BEGIN { printf "%.2f", (a - b) / n / 1000 }')" "us/$per"
        shift
    done
}

# --- the work ---------------------------------------------------------------------------------------

# command_of WORK N: what g1 does for N operations of it
command_of() {
    case $1 in
    randread-4k-qd1 | randwrite-4k-qd1 | randread-4k-qd32 | randwrite-4k-qd32)
        echo "/load/blkload ${1%%-*} $DISK 4096 ${1##*qd} $2" ;;
    read-128k-qd8 | write-128k-qd8) echo "/load/blkload ${1%%-*} $DISK 131072 8 $2" ;;
    fsync-4k) echo "/load/blkload fsync $DISK 4096 1 $2" ;;
    tcp-to-domain) iperf 10.7.0.1 "$2" ;;
    tcp-from-domain) iperf 10.7.0.1 "$2" -R ;;
    tcp-guest-guest) iperf 10.7.0.3 "$2" ;;
    rr-domain) echo "/load/netload rr 10.7.0.1 $2" ;;
    rr-guest) echo "/load/netload rr 10.7.0.3 $2" ;;
    udp-domain) echo "/load/netload udp 10.7.0.1 $2" ;;
    udp-guest) echo "/load/netload udp 10.7.0.3 $2" ;;
    *) fail "no work '$1'" ;;
    esac
}
iperf() {       # HOST MIB [OPTION]
    echo "TMPDIR=/tmp; export TMPDIR; /load/ld.so --library-path /load/lib /load/iperf3 -J -c $1 -n ${2}M $3 >/tmp/o; tail -n 100 /tmp/o"
}

# --- block --------------------------------------------------------------------------------------------

block_work() {  # WORK N; DISKS: before its name
    local name=$DISKS$1
    nothing blk "/load/blkload randread $DISK 4096 1 16"
    charged "$2" op blk "$name" "$(command_of "$1" "$2")"
    read -r mean p50 p99 p999 iops rate </tmp/out || fail "blkload $1 gave no figures: $(cat /tmp/out)"
    emit "$name" mean "$mean" us
    emit "$name" p50 "$p50" us
    emit "$name" p99 "$p99" us
    emit "$name" p99.9 "$p999" us
    emit "$name" iops "$iops" 1/s
    emit "$name" rate "$rate" MiB/s
    calls_of "$1" op 64 384
}

measure_block() {
    if wants block-qd1; then
        block_work randread-4k-qd1 2000
        block_work randwrite-4k-qd1 2000
    fi
    if wants block-qd32; then
        block_work randread-4k-qd32 4000
        block_work randwrite-4k-qd32 4000
    fi
    if wants block-seq; then
        block_work read-128k-qd8 800
        block_work write-128k-qd8 800
    fi
    if wants block-fsync; then
        block_work fsync-4k 1500
    fi
}

# Requests of all sizes to the disk that keeps its data, every byte compared.
verify_block() {
    guest_do g1 "/load/blkload verify $KEEPS 16" 120
    say "$BACKEND: blocks verified"
}

# --- network ------------------------------------------------------------------------------------------

# Every driver domain has the address 10.7.0.1: one interface of the guests is up at a time.
use_net() {
    for g in 1 2; do
        guest_do g$g "ip addr add 10.7.0.$((g + 1))/24 dev $NIC_OF_GUESTS; ip link set $NIC_OF_GUESTS up
            n=0; while ! ping -c 1 -W 1 10.7.0.1 >/dev/null 2>&1; do n=\$((n + 1)); [ \$n -lt 20 ] || exit 1; done"
    done
    guest_do g1 'ping -c 1 -W 5 10.7.0.3 >/dev/null'
}
leave_net() {
    for g in g1 g2; do
        guest_do $g "ip link set $NIC_OF_GUESTS down; ip addr flush dev $NIC_OF_GUESTS"
    done
}

verify_net() {
    guest_do g1 '/load/netload verify 10.7.0.1 4 && /load/netload verify 10.7.0.3 4'
    say "$BACKEND: TCP streams verified"
}

ping_work() {   # NAME HOST
    settle
    guest_do g1 "ping -c $PINGS -i 0.002 $2 >/tmp/ping; sed -n 's/.*time=\([0-9.]*\) ms.*/\1/p' /tmp/ping" 60 >/tmp/out
    sort -n /tmp/out | awk -v n="$BACKEND.$1" -v all="$PINGS" '
        { v[NR] = $1 * 1000; sum += v[NR] }
        function tell(what, value) { printf "RIG-FIGURE %s.%s %.1f us\n", n, what, value }
        END { if (NR != all) exit 1
              tell("mean", sum / NR); tell("p50", v[int(NR * 0.5)]); tell("p99", v[int(NR * 0.99)]) }' ||
        fail "$BACKEND: $1: $(wc -l </tmp/out) of $PINGS answers"
}

tcp_work() {    # WORK MIB
    nothing "$1" "$(command_of "$1" 1)"
    charged $(($2 - 1)) MiB "$1" "$1" "$(command_of "$1" "$2")"
    awk -v n="$BACKEND.$1" '/"sum_received"/ { on = 1 }
        /"sum_sent"/ { sent = 1 }
        sent && /"retransmits"/ { gsub(/[",]/, ""); print "RIG-FIGURE", n ".repeated", $2, "segments"; sent = 0 }
        on && /"bits_per_second"/ { gsub(/[",]/, ""); printf "RIG-FIGURE %s.rate %.3f Gbit/s\n", n, $2 / 1e9; seen = 1; exit }
        END { exit !seen }' /tmp/out || fail "iperf3 $1 gave no figure: $(tail -n 20 /tmp/out)"
    calls_of "$1" MiB 1 17
}

rr_work() {     # WORK N
    nothing "$1" "$(command_of "$1" 16)"
    charged $(($2 - 16)) op "$1" "$1" "$(command_of "$1" "$2")"
    read -r mean p50 p99 p999 rate </tmp/out || fail "netload rr gave no figures"
    emit "$1" mean "$mean" us
    emit "$1" p50 "$p50" us
    emit "$1" p99 "$p99" us
    emit "$1" p99.9 "$p999" us
    emit "$1" rate "$rate" 1/s
    calls_of "$1" op 16 216
}

udp_work() {    # WORK N
    nothing "$1" "$(command_of "$1" 16)"
    charged $(($2 - 16)) op "$1" "$1" "$(command_of "$1" "$2")"
    read -r _ received lost </tmp/out || fail "netload udp gave no figures"
    emit "$1" rate "$received" 1/s
    emit "$1" lost "$lost" frames
    calls_of "$1" op 16 1016
}

measure_net() {
    # An accident is not to be the worst of a hundred.
    PINGS=400
    if wants ping; then
        ping_work ping 10.7.0.1
        ping_work ping-guest 10.7.0.3
    fi
    if wants tcp; then
        tcp_work tcp-to-domain 65
        tcp_work tcp-from-domain 65
    fi
    ! wants rr || rr_work rr-domain 1016
    ! wants udp || udp_work udp-domain 10016
    # two guests, and both are paid for
    DOMAINS="dd g1 g2 dom0"
    ! wants tcp || tcp_work tcp-guest-guest 65
    ! wants rr || rr_work rr-guest 1016
    ! wants udp || udp_work udp-guest 8016
    DOMAINS="dd g1 dom0"
    emit start used "$(guest_do g1 '/load/netload memory 10.7.0.1')" MiB
}

# --- start and memory -----------------------------------------------------------------------------------

# What Xen has given the driver domain (how much of it is in use only its kernel knows, see measure_net), and what it
# costs when nobody asks for anything: every device is connected, 10 s of the machine's time are skipped.
state_figures() {
    local before
    settle
    before=$(cpu_of dd)
    sleep 10
    emit start idle "$(echo "$before $(cpu_of dd)" | awk '{ printf "%.1f", ($2 - $1) / 10000 }')" us/s
    emit start memory "$(awk -v id="$(domid "dd-$BACKEND")" '$1 == id { print $3 / 256 }' /tmp/domtime)" MiB
}

# --- calls ------------------------------------------------------------------------------------------------

# calls_of WORK UNIT-OF-WORK FEW MANY: what domains ask of Xen for one operation.  In runs of their own, of FEW and MANY
# operations, as the tracing costs time, too; only the difference is of the operations.
calls_of() {
    wants calls || return 0
    traced "$1" "$3" /tmp/few
    traced "$1" "$4" /tmp/many
    paste -d ' ' /tmp/few /tmp/many | awk -v n="$(($4 - $3))" -v b="$BACKEND.$DISKS$1" -v per="$2" -v of="$TRACED" '
        BEGIN { k = split(of, w, " "); for (i = 1; i <= k; i += 2) name[w[i + 1]] = w[i] }
        # page tables are new for the processes that start, and vary
        $2 ~ /^(mmu_update|update_va_mapping|multicall)$/ { few[$1] += $3; many[$1] += $6; next }
        $2 == "hypercalls" { $3 -= few[$1]; $6 -= many[$1] }
        # below a hundredth it is the rest of the system
        ($6 - $3) / n >= 0.01 || $2 == "hypercalls" || $2 == "event_channel_op" {
            printf "RIG-FIGURE %s.%s %.2f 1/%s\n", b, called($2, name[$1]), ($6 - $3) / n, per }
        function called(what, who) {
            if (what == "hypercalls") return "calls." who
            if (what == "event_channel_op") return "events." who
            return "call." who "." what
        }'
}
traced() {      # WORK N FILE
    local ids pid
    TRACED="dd $(domid "dd-$BACKEND") g1 $(domid g1)"
    ids=$(echo "$TRACED" | awk '{ print $2, $4 }')
    rm -f /tmp/trace
    /rig/xentrace -D -S 1024 -e 0x229000 -s 100 /tmp/trace >/tmp/xentrace 2>&1 &
    pid=$!
    usleep 300000
    guest_do g1 "$(command_of "$1" "$2")" >/dev/null
    kill -INT $pid
    wait $pid
    /rig/calls /tmp/trace $ids >"$3" 2>/tmp/xentrace.err ||
        wrong "$BACKEND: calls of $1: $(cat /tmp/xentrace.err) $(tail -n 2 /tmp/xentrace)"
    rm -f /tmp/trace
}
