# What `make report` measures, the same in every column; docs/middle-ground.md says why.  The column's scenario
# says where the work is done (in_place 'commands' SECONDS), on which disk (DISK, which keeps its data, and EVEN, which
# takes the same time for every request), how processor time is counted
# (spent: lines "WHO NANOSECONDS"), and defines what else is named below.  Figures: ROW.WHAT VALUE UNIT.
# shellcheck shell=dash disable=SC2154,SC3043

# All of it, or some: RIG_SET='PARTS=processor,disk', while developing.
measure() {
    ! part processor || processor_work
    ! part disk || disk_work
    ! part net || net_work
    ! part crossings || all_crossings
    ! part surface || surface
    ! part kernels || kernels
    ! part instances || instances
}
part() {
    case ,${PARTS-$1}, in
    *,$1,*) ;;
    *) return 1 ;;
    esac
}

# Some are for processors of another kind and refuse; whether the device is there is asked afterwards.
load_drivers() {        # DIRECTORY: /rig/drivers, of `files: drivers`
    while read -r ko; do
        ko=${ko%.ko}
        grep -q "^$(echo "$ko" | tr - _) " /proc/modules || insmod "$1/lib/modules/$ko.ko" || say "insmod $ko failed"
    done <"$1/lib/modules.list"
}

# A row that this column cannot have: the reason takes the figure's place.
missing() {     # ROW REASON
    figure "$1" missing "$2"
}

# --- cost: instructions of all who take part, per operation -----------------------------------------

# run_counted METER FILE 'commands': by how much they move the meter, into FILE; their output into /tmp/out
run_counted() {
    $1 >/tmp/before
    in_place "$3" 120 >/tmp/out || fail "exit status $? of: $3: $(cat /tmp/out)"
    $1 >/tmp/after
    awk 'NR == FNR { was[$1] = $2; next } { print $1, $2 - was[$1] }' /tmp/before /tmp/after >"$2"
}

# work ROW OPS 'command': @ is its number of operations.  It is done twice, and the difference of many and few
# operations is what operations cost; one instruction is one nanosecond here.  A column may do LESS times less.
work() {
    local row=$1 many=$(($2 / ${LESS:-1})) few
    few=$(((many + 15) / 16))
    waiting "$row"
    run_counted spent /tmp/few "$(echo "$3" | sed "s/@/$few/")"
    run_counted spent /tmp/many "$(echo "$3" | sed "s/@/$many/")"
    waiting -
    awk -v row="$row" -v ops=$((many - few)) 'NR == FNR { few[$1] = $2; next }
        { cost = ($2 - few[$1]) / ops; sum += cost; n++
          if (n > 1 || $1 != "all") printf "RIG-FIGURE %s.cost.%s %.1f instructions\n", row, $1, cost }
        END { printf "RIG-FIGURE %s.cost %.1f instructions\n", row, sum }' /tmp/few /tmp/many
}
# out ROW WHAT UNIT FIELD: a field of what the measuring program has said
out() {
    figure "$1.$2" "$(cut -d' ' -f"$4" /tmp/out)" "$3"
}

processor_work() {
    local LESS=1
    work cpu 8192 '/load/cpuload cpu @'
    work memory 96 '/load/cpuload memory @'
    work pages 8192 '/load/cpuload pages @'
    work process 64 '/load/cpuload process @'
}

disk_row() {    # ROW OPS HOW BLOCK DEPTH
    work "$1" "$2" "/load/blkload $3 $EVEN $4 $5 @"
    out "$1" mean us 1
    out "$1" rate 1/s 5
}
disk_work() {
    in_place "/load/blkload verify $DISK 8" 60 || fail "the disk gives other bytes back than it got"
    disk_row read-4k-qd1 1024 randread 4096 1
    disk_row write-4k-qd1 1024 randwrite 4096 1
    # (first: in which order a frontend's persistent grants are taken afterwards, and so how many of them lie behind one
    # another, is depth 32's accident)
    disk_row read-128k 1024 read 131072 1
    disk_row write-128k 1024 write 131072 1
    disk_row read-4k-qd32 8192 randread 4096 32
    disk_row write-4k-qd32 8192 randwrite 4096 32
}

net_work() {
    in_place "/load/netload echo 10.0.2.100 1" 60 >/tmp/out || fail "the echo outside gives other bytes back than it got"
    work net-stream 48 '/load/netload stream 10.0.2.100 @'
    work net-rr 1024 '/load/netload rr 10.0.2.100:7 @'
    work net-packets 4096 '/load/netload icmp 10.0.2.2 @'
    out net-packets lost packets 2
}

# --- crossings: of privileges and address spaces, per operation ------------------------------------------
# The column says how they are counted: `crossed` prints "WHAT COUNT" lines, which only grow.

crossings() {   # ROW OPS 'command'; a column may do MORE times as many
    local ops=$(($2 * ${MORE:-1}))
    waiting "crossings of $1"
    run_counted crossed /tmp/few "$(echo "$3" | sed "s/@/64/")"
    run_counted crossed /tmp/many "$(echo "$3" | sed "s/@/$((ops + 64))/")"
    waiting -
    awk -v row="$1" -v ops=$ops 'NR == FNR { few[$1] = $2; next }
        { each = ($2 - few[$1]) / ops; printf "RIG-FIGURE crossings.%s.%s %.2f 1/op\n", row, $1, each }
        /system-calls/ && each > 0.99 { asked = 1 }
        END { exit !asked }' /tmp/few /tmp/many || fail "crossings of $1: nobody has made a system call for each: $(cat /tmp/few /tmp/many)"
}
all_crossings() {
    crossings read 2048 "/load/blkload randread $EVEN 4096 1 @"
    crossings rr 512 '/load/netload rr 10.0.2.100:7 @'
    crossings_over
}
crossings_over() {
    :
}
# A Linux's own count: system calls by a trace event, interrupts and switches between tasks (idle is one) by /proc.
TRACE=/sys/kernel/tracing/events/raw_syscalls/sys_enter
crossed_linux() {
    [ -e $TRACE ] || mount -t tracefs tracefs /sys/kernel/tracing
    grep -q '^hist' $TRACE/trigger || echo 'hist:keys=id' >$TRACE/trigger
    awk '/Hits:/ { print "system-calls", $2 } /^intr/ { print "interrupts", $2 } /^ctxt/ { print "task-switches", $2 }' \
        $TRACE/hist /proc/stat
}

# The same inside the place, when that has a Linux of its own.
crossed_inside() {
    in_place "$(sed -n '/^TRACE=/p; /^crossed_linux()/,/^}/p' /rig/tests/rig/dom0/middle.sh); crossed_linux" 60 >/tmp/inside ||
        fail "no counts inside: $(cat /tmp/inside)"
    sed 's/^/guest-/' /tmp/inside
}

# --- instances: what a platform starts for each customer ------------------------------------------------
# The column says how: instance_start I (returns at once or when it runs), instance_up I (waits until its first
# program runs, and sets UP_AT to the time of that), memory_free (KiB that new instances can have).

now_ns() {
    awk '/^now at/ { print $3; exit }' /proc/timer_list
}
# What an instance runs that has this machine's clock: it writes the time into a file, by the shell alone.
# shellcheck disable=SC2016,SC2034
BIRTH='while read -r a b c d; do case $a in now) break ;; esac; done </proc/timer_list; echo $c >'
# born_at FILE: waits until it is there
born_at() {
    local n=0
    until [ -s "$1" ]; do
        n=$((n + 1))
        [ $n -lt 200 ] || fail "nothing has made $1"
        usleep 100000   # seldom: asking takes the processor from what is asked for
    done
    UP_AT=$(cat "$1")
    [ "$UP_AT" -gt 0 ] || fail "no time in $1: $UP_AT"
}
# start_instances N: so many at once; sets TOOK to the ms until the last of them is up
INSTANCES=0
start_instances() {
    local i=$INSTANCES began last=0
    INSTANCES=$((INSTANCES + $1))
    began=$(now_ns)
    while [ $i -lt $INSTANCES ]; do
        i=$((i + 1))
        instance_start $i
    done
    i=$((INSTANCES - $1))
    while [ $i -lt $INSTANCES ]; do
        i=$((i + 1))
        instance_up $i
        [ "$UP_AT" -le "$last" ] || last=$UP_AT
    done
    TOOK=$(awk -v a="$began" -v b="$last" 'BEGIN { printf "%.2f", (b - a) / 1e6 }')
}
# starts ROW ROUNDS N: the median of so many rounds, in each of which N more start at once
starts() {
    local left=$2
    waiting "$1"
    rm -f /tmp/took
    while [ "$left" -gt 0 ]; do
        start_instances "$3"
        echo "$TOOK" >>/tmp/took
        left=$((left - 1))
    done
    say "$1: $(tr '\n' ' ' </tmp/took)ms"
    figure "$1" "$(sort -n /tmp/took | awk '{ took[NR] = $1 } END { print took[int((NR + 1) / 2)] }')" ms
    waiting -
}
# A column that starts its instances in no time says ROUNDS (of one) and ROUNDS_EIGHT.
instances() {
    local before each
    # a steady load, not as much as goes: what that leaves depends on the scheduler
    in_place "/load/blkload paced $EVEN 4096 5000 1000000000 >/dev/null 2>&1 & echo \$! >/tmp/load.pid" 10
    starts start.one "${ROUNDS:-1}" 1
    before=$(memory_free)
    starts start.eight "${ROUNDS_EIGHT:-1}" 8
    each=$(((before - $(memory_free)) / (8 * ${ROUNDS_EIGHT:-1})))
    in_place "kill \$(cat /tmp/load.pid)" 10
    if [ $each -le 0 ]; then
        missing memory.instance "eight instances took no memory that could be seen"
        missing memory.fit "eight instances took no memory that could be seen"
        return
    fi
    figure memory.instance $each KiB
    figure memory.fit "$(awk -v all="$before" -v each=$each 'BEGIN { printf "%.1f", all / each }')" instances
}

# --- the machine itself ---------------------------------------------------------------------------------

# The NIC's address when it is the machine's own.
net_here() {
    ip addr add "$OUTSIDE_ADDR.15/24" dev "$1"
    ip link set "$1" up
    wait_for 20 "the gateway to answer" ping -c 1 -W 1 "$OUTSIDE_GATEWAY"
}
