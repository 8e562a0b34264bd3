# What the scenario `bench` measures, and how.  RIG-FIGURE lines: BACKEND.WORK.WHAT.
# shellcheck shell=dash disable=SC2154,SC2034,SC2086,SC2016

wants() {       # block, net, or one part
    case $1 in
    block) case $PARTS in *block*) return 0 ;; esac ;;
    net) case $PARTS in *tcp* | *ping* | *udp* | *rr*) return 0 ;; esac ;;
    *) case " $PARTS " in *" $1 "*) return 0 ;; esac ;;
    esac
    return 1
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

# --- block --------------------------------------------------------------------------------------------

# block_work NAME N HOW BLOCK DEPTH
block_work() {
    local name=$1 n=$2 how=$3 block=$4 depth=$5
    nothing blk "/load/blkload randread $DISK 4096 1 16"
    charged "$n" op blk "$name" "/load/blkload $how $DISK $block $depth $n"
    read -r mean p50 p99 p999 iops rate </tmp/out || fail "blkload $name gave no figures: $(cat /tmp/out)"
    emit "$name" mean "$mean" us
    emit "$name" p50 "$p50" us
    emit "$name" p99 "$p99" us
    emit "$name" p99.9 "$p999" us
    emit "$name" iops "$iops" 1/s
    emit "$name" rate "$rate" MiB/s
}

measure_block() {
    if wants block-qd1; then
        block_work randread-4k-qd1 4000 randread 4096 1
        block_work randwrite-4k-qd1 4000 randwrite 4096 1
    fi
    if wants block-qd32; then
        block_work randread-4k-qd32 10000 randread 4096 32
        block_work randwrite-4k-qd32 10000 randwrite 4096 32
    fi
    if wants block-seq; then
        block_work read-128k-qd8 2000 read 131072 8
        block_work write-128k-qd8 2000 write 131072 8
    fi
    if wants block-fsync; then
        block_work fsync-4k 3000 fsync 4096 1
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

iperf() {       # HOST OPTIONS
    echo "TMPDIR=/tmp; export TMPDIR; /load/ld.so --library-path /load/lib /load/iperf3 -J -c $*"
}

tcp_work() {    # NAME HOST MIB OPTIONS
    local name=$1 host=$2 mib=$3
    shift 3
    nothing "tcp$host" "$(iperf "$host" -n 256K "$@")"
    charged "$mib" MiB "tcp$host" "$name" "$(iperf "$host" -n "${mib}M" "$@") >/tmp/o; tail -n 100 /tmp/o"
    awk -v n="$BACKEND.$name" '/"sum_received"/ { on = 1 }
        /"sum_sent"/ { sent = 1 }
        sent && /"retransmits"/ { gsub(/[",]/, ""); print "RIG-FIGURE", n ".repeated", $2, "segments"; sent = 0 }
        on && /"bits_per_second"/ { gsub(/[",]/, ""); print "RIG-FIGURE", n ".rate", $2 / 1e9, "Gbit/s"; seen = 1; exit }
        END { exit !seen }' /tmp/out || fail "iperf3 $name gave no figure: $(tail -n 20 /tmp/out)"
}

rr_work() {     # NAME HOST N
    nothing rr "/load/netload rr $2 16"
    charged "$3" op rr "$1" "/load/netload rr $2 $3"
    read -r mean p50 p99 p999 rate </tmp/out || fail "netload rr gave no figures"
    emit "$1" mean "$mean" us
    emit "$1" p50 "$p50" us
    emit "$1" p99 "$p99" us
    emit "$1" p99.9 "$p999" us
    emit "$1" rate "$rate" 1/s
}

udp_work() {    # NAME HOST N
    nothing "udp$2" "/load/netload udp $2 16"
    charged "$3" op "udp$2" "$1" "/load/netload udp $2 $3"
    read -r _ received lost </tmp/out || fail "netload udp gave no figures"
    emit "$1" rate "$received" 1/s
    emit "$1" lost "$lost" frames
}

measure_net() {
    ! wants ping || ping_figures g1 10.7.0.1 "$BACKEND.ping"
    ! wants ping || ping_figures g1 10.7.0.3 "$BACKEND.ping-guest"
    if wants tcp; then
        tcp_work tcp-to-domain 10.7.0.1 160
        tcp_work tcp-from-domain 10.7.0.1 160 -R
        DOMAINS="dd g1 g2 dom0" tcp_work tcp-guest-guest 10.7.0.3 128
    fi
    ! wants rr || rr_work rr-domain 10.7.0.1 2000
    ! wants rr || rr_work rr-guest 10.7.0.3 2000
    if wants udp; then
        udp_work udp-domain 10.7.0.1 20000
        DOMAINS="dd g1 g2 dom0" udp_work udp-guest 10.7.0.3 12000
    fi
}
