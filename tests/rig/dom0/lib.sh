# Words for scenarios (busybox ash).  dom0's init sources this, then the scenario, in one subshell:
# a scenario that runs to its end has passed, `fail` ends it.  Files of a run are in /rig.
# shellcheck shell=dash disable=SC2034,SC3043,SC2086,SC2154

RIG_LOG=/var/log/xen/console
export LIBXL_SAVE_HELPER=/bin/libxl-save-helper # not where Debian has it

uptime_now() {
    cut -d' ' -f1 /proc/uptime
}
T0=$(uptime_now)

# --- saying things --------------------------------------------------------------------------------

say() {
    printf '[%6.2f] %s\n' "$(uptime_now)" "$*"
}

# A figure for the result: the host collects RIG-FIGURE lines in build/rig/NAME/figures.
figure() {      # NAME VALUE UNIT
    echo "RIG-FIGURE $*"
}

fail() {
    say "FAIL: $*"
    echo "RIG-FAIL $*"
    exit 1
}

# Of many things that are looked at, one that is wrong must not hide the others: told now, and whoever says this ends
# with [ -z "$bad" ] || fail "$bad".
bad=
wrong() {
    say "WRONG: $*"
    bad="$bad $*;"
}

# What the scenario is doing, so that a time-out from outside can say it.
waiting() {
    echo "RIG-WAITING $*"
}

# assert COMMAND...: fails when the command does; its output is shown only then
assert() {
    local out
    out=$("$@" 2>&1) || fail "not true: $*: $out"
}

assert_eq() {   # WHAT GOT WANTED
    [ "$2" = "$3" ] || fail "$1 is '$2', must be '$3'"
}

# must_fail COMMAND...: the command has to fail; its output is in $OUTPUT
must_fail() {
    if OUTPUT=$("$@" 2>&1); then
        fail "worked and must not: $*"
    fi
}

# elapsed SINCE: seconds since an earlier uptime_now
elapsed() {
    awk -v a="$1" -v b="$(uptime_now)" 'BEGIN { printf "%.2f", b - a }'
}

# --- waiting --------------------------------------------------------------------------------------

# wait_for SECONDS "what" COMMAND...: asks again 20 times a second.  POLL_MS=250 before it: less often, where asking
# takes the processor from those that are waited for and measured.
wait_for() {
    local secs=$1 what=$2 n=0 poll_ms=${POLL_MS:-50}
    shift 2
    waiting "$what"
    while ! "$@" >/dev/null 2>&1; do
        n=$((n + 1))
        [ $((n * poll_ms)) -gt $((secs * 1000)) ] && fail "after $secs s still waiting for $what"
        usleep $((poll_ms * 1000))
    done
    waiting -
}

# watch_until SECONDS PATH COMMAND...: asks when the node changes, costs nothing in between (so
# that measuring is not disturbed).  Returns 1 when the time is over.
watch_until() {
    local secs=$1 path=$2 fifo=/tmp/watch.$$ pid ok=1
    shift 2
    rm -f "$fifo"
    mkfifo "$fifo"
    timeout "$secs" xenstore-watch "$path" >"$fifo" 2>/dev/null &
    pid=$!
    while read -r _; do
        if "$@"; then
            ok=0
            break
        fi
    done <"$fifo"
    kill $pid 2>/dev/null
    wait $pid 2>/dev/null
    rm -f "$fifo"
    return $ok
}

# --- xenstore -------------------------------------------------------------------------------------

xs() {          # PATH: the value, or nothing
    xenstore-read "$1" 2>/dev/null
}
xs_is() {       # PATH VALUE
    [ "$(xs "$1")" = "$2" ]
}
xs_wait() {     # SECONDS PATH VALUE
    waiting "$2 = $3"
    watch_until "$1" "$2" xs_is "$2" "$3" || fail "after $1 s $2 is '$(xs "$2")', must become '$3'"
    waiting -
}
xs_gone() {     # PATH: is there nothing?
    ! xenstore-exists "$1" 2>/dev/null
}

# our tool, where the scenario's header says `files: drvdom`
drvdom() {
    LD_LIBRARY_PATH=/rig/lib /rig/bin/drvdom "$@"
}

domid() {       # NAME
    xl domid "$1" 2>/dev/null
}

# --- domains --------------------------------------------------------------------------------------

# cfg_of NAME DEFAULTS...: prints the file to give to xl.  The one argument may be a file, which
# is then taken as it is, or each argument is a line that comes after the defaults.
make_cfg() {    # NAME DEFAULT-LINES LINE...
    local name=$1 defaults=$2 cfg=/tmp/$1.cfg
    shift 2
    if [ $# = 1 ] && [ -f "$1" ]; then
        cfg=$1
    else
        printf 'name="%s"\n%s\n' "$name" "$defaults" >"$cfg"
        for line in "$@"; do
            printf '%s\n' "$line" >>"$cfg"
        done
    fi
    echo "$cfg"
}

# xl create, with its words in the scenario's output only when it fails
create() {      # NAME CFG
    local out start
    start=$(uptime_now)
    waiting "xl create $1"
    out=$(xl create "$2" 2>&1) || fail "xl create $1: $out"
    waiting -
    say "$1: created in $(elapsed "$start") s"
}

KERNEL=/boot/vmlinux
QUIET="console=hvc0 quiet nokaslr audit=0 lsm= cryptomgr.notests=1 mitigations=off 8250.nr_uarts=0"

# dd_start NAME [CFG | LINE...]: a driver domain of ours; /rig/image/{vmlinux,initramfs.gz} is what
# `drvdom image build` made.  Ready means: drvdomd has said so in xenstore.
dd_start() {
    local name=$1
    shift
    dd_create "$name" "$(make_cfg "$name" "kernel=\"$(dd_kernel)\"
ramdisk=\"/rig/image/initramfs.gz\"
memory=96
vcpus=1
driver_domain=1
type=\"pv\"
extra=\"$QUIET\"" "$@")"
}

# The image's kernel; not carried along when it is the one that dom0 has anyway.
dd_kernel() {
    if [ -f /rig/image/vmlinux ]; then echo /rig/image/vmlinux; else echo $KERNEL; fi
}

# kdd_start NAME [CFG | LINE...]: a driver domain with the kernel's own backends, to compare with.
# Serves block devices and /dev/nullb0 (module null_blk); its bridge is xenbr0, 10.7.0.1/24.
kdd_start() {
    local name=$1
    shift
    dd_create "$name" "$(make_cfg "$name" "kernel=\"$KERNEL\"
ramdisk=\"/rig/kdd.cpio\"
memory=128
vcpus=1
driver_domain=1
type=\"pv\"
extra=\"$QUIET\"" "$@")"
}

dd_create() {   # NAME CFG
    local id start
    start=$(uptime_now)
    create "$1" "$2"
    id=$(domid "$1")
    xs_wait "${DD_TIMEOUT:-60}" "/local/domain/$id/data/drvdom/state" ready
    say "$1: driver domain $id is ready, $(elapsed "$start") s after xl create began"
    figure "${BACKEND:-$1}${BACKEND:+.start}.ready" "$(elapsed "$start")" s
}

# guest_start NAME [CFG | LINE...]: a stock guest; returns when its agent answers
guest_start() {
    local name=$1 id start
    shift
    start=$(uptime_now)
    create "$name" "$(make_cfg "$name" "kernel=\"$KERNEL\"
ramdisk=\"${GUEST_RAMDISK:-/rig/guest.cpio}\"
memory=128
vcpus=1
type=\"pv\"
on_crash=\"preserve\"
extra=\"$QUIET\"" "$@")"
    guest_wait "$name"
    say "$name: guest $(domid "$name") is up, $(elapsed "$start") s after xl create began"
}

guest_wait() {  # NAME
    local id
    id=$(domid "$1") || fail "no domain $1"
    xs_wait "${GUEST_TIMEOUT:-60}" "/local/domain/$id/data/rig/state" ready
}

# guest_run NAME 'commands' [SECONDS]: runs them in the guest's shell.  Prints what they print
# (both streams, at most 32 KiB), returns their exit status; 124 when the guest does not answer.
RIG_SEQ=/tmp/guest.seq
guest_run() {
    local id d seq answer rc n i paths
    id=$(domid "$1") || fail "no domain $1"
    d=/local/domain/$id/data/rig
    seq=$(($(cat $RIG_SEQ 2>/dev/null || echo 0) + 1))
    echo $seq >$RIG_SEQ
    waiting "$1: $(printf '%s' "$2" | head -n 1)" >&2
    xenstore-write "$d/cmd/text" "$(printf '%s' "$2" | base64 -w 0)" "$d/cmd/seq" "$seq"
    watch_until "${3:-60}" "$d/done" answered "$d/done" $seq || {
        echo "guest $1 did not answer in ${3:-60} s: $2"
        return 124
    }
    answer=$(xs "$d/done")
    set -- $answer
    rc=$2 n=$3 i=0 paths=
    while [ "$i" -lt "$n" ]; do
        paths="$paths $d/out/$i"
        i=$((i + 1))
    done
    # shellcheck disable=SC2086 # a list of paths
    [ -z "$paths" ] || xenstore-read $paths | base64 -d
    waiting - >&2
    return "$rc"
}
answered() {    # PATH SEQ
    case $(xs "$1") in
    "$2 "*) return 0 ;;
    esac
    return 1
}

# guest_do NAME 'commands' [SECONDS]: the same, and fails the scenario with the output if it fails
guest_do() {
    local out rc
    out=$(guest_run "$@" 2>&4)
    rc=$?
    [ $rc = 0 ] || fail "in guest $1: exit $rc of: $2: $out"
    [ -z "$out" ] || printf '%s\n' "$out"
}
exec 4>&1

# guest_stop NAME [SECONDS]: asks it to power off and waits until it is gone
guest_stop() {
    local name=$1
    xl shutdown "$name" >/dev/null 2>&1 || fail "xl shutdown $name failed"
    wait_for "${2:-30}" "$name to power off" no_domain "$name"
    say "$name: gone"
}
no_domain() {
    ! xl domid "$1" >/dev/null 2>&1
}

# dd_stop NAME: at once; whether it goes in peace is a scenario of its own
dd_stop() {
    xl destroy "$1" || fail "xl destroy $1 failed"
    wait_for 10 "$1 to be destroyed" no_domain "$1"
}

# --- what must not stay behind --------------------------------------------------------------------

# nothing_left DOMID [DD-DOMID]: no trace of a dead guest in xenstore, and Xen has let go of it.
# (A domain stays in Xen's list, nameless, as long as anybody maps one of its pages.)
nothing_left() {
    local left
    wait_for 10 "Xen to free domain $1 (a page of it is still mapped)" not_in_list "$1"
    # (why a device failed is remembered below error/, for dom0's tools)
    left=$(xenstore-ls -f 2>/dev/null | grep -vE "^/local/domain/[0-9]+/error/" |
        grep -E "^/(libxl|vm|local/domain)/$1[ /]|/backend/[a-z0-9]+/$1[ /]")
    [ -z "$left" ] || fail "domain $1 is gone and left in xenstore: $left"
    [ -z "$2" ] || no_evtchn_to "$2" "$1"
}
not_in_list() {
    ! xl list | awk 'NR > 1 { print $(NF - 4) }' | grep -qx "$1"
}

# Xen's own view: what the hypervisor prints to one of its debug keys, which it does later and at
# its own pace.  A dump that never gets its last line, or lost its first one, is no answer.
debug_key() {   # KEY FIRST LAST (patterns)
    local n=0
    xl dmesg -c >/dev/null 2>&1
    xl debug-keys "$1"
    while [ $n -lt 50 ]; do
        usleep 100000
        xl dmesg >/tmp/debug-key
        grep -q "$3" /tmp/debug-key && break
        n=$((n + 1))
    done
    grep -q "$2" /tmp/debug-key && grep -q "$3" /tmp/debug-key
}

# grants_of DOMID: how many of its pages others have mapped or are copying, dom0 (its console and
# xenstore) not counted.  An active entry's line is "[0xREF] BY-WHOM mfn pin ...".
grants_of() {
    debug_key g 'gnttab_usage_print_all \[' 'gnttab_usage_print_all \] done' ||
        fail "Xen's list of grants is incomplete"
    awk -v d="d$1" '
        /grant-table for remote/ { on = ($0 ~ d "[^0-9]") }
        on && /\[0x/ { sub(/.*\[0x[0-9a-f]*\] */, ""); if ($1 != 0) n++ }
        END { print n + 0 }' /tmp/debug-key
}

# evtchns_of DOMID: how many interdomain channels it has, not counting those to dom0
evtchns_of() {
    evtchn_dump
    awk -v d="$1" '
        /Event channel information for domain/ { on = ($0 ~ "domain " d "[^0-9]") }
        on && / s=3 / && !/ d=0 / { n++ }
        END { print n + 0 }' /tmp/debug-key
}

# detached DOMID: a living guest whose devices are all gone: no page of it mapped, no channel bound
detached() {
    wait_for 10 "domain $1's last page to be unmapped" no_grants "$1"
    assert_eq "number of channels of domain $1" "$(evtchns_of "$1")" 0
}
no_grants() {
    [ "$(grants_of "$1")" = 0 ]
}
# that dump has no last line: the newest domain's part has to be there, then 0.2 s of peace
evtchn_dump() {
    local newest
    newest=$(xl list | awk 'NR > 1 { id = $(NF - 4) } END { print id }')
    debug_key e "'e' pressed" "Event channel information for domain $newest:" ||
        fail "Xen's list of event channels is incomplete"
    usleep 200000
    xl dmesg >/tmp/debug-key
}
no_evtchn_to() {        # DOMID PEER
    evtchn_dump
    ! grep -q "s=3 .* d=$2 " /tmp/debug-key || fail "domain $1 still has a channel to dead domain $2"
}

# --- passthrough (machine: passthrough) -----------------------------------------------------------

NVME=00:04.0
NIC=00:05.0
# What the NIC's outside offers: addresses for guests, a gateway that answers ping, a TCP echo.
OUTSIDE_ADDR=10.0.2
OUTSIDE_GATEWAY=10.0.2.2
OUTSIDE_ECHO="10.0.2.100 7"

# pci_assignable add|remove BDF...
pci_assignable() {
    local verb=$1 bdf out
    shift
    for bdf in "$@"; do
        out=$(xl "pci-assignable-$verb" "$bdf" 2>&1) || fail "xl pci-assignable-$verb $bdf: $out"
    done
}
# pci_give BDF...: takes devices away from dom0, so that a config's pci=[...] may name them
pci_give() {
    pci_assignable add "$@"
    say "given to driver domains: $(xl pci-assignable-list | tr '\n' ' ')"
}
# pci_again BDF...: taken back and given away again, for the next domain: after a kernel's driver domain was
# destroyed, NVMe's MSI-X was still on in pciback, and the next domain's driver was told -EALREADY.
pci_again() {
    pci_assignable remove "$@"
    pci_give "$@"
}

# initramfs_of ARCHIVE PART: an initramfs may be several archives, each of which begins at a multiple of 4
initramfs_of() {
    cat "$1"
    head -c $(((4 - $(stat -c %s "$1") % 4) % 4)) /dev/zero # busybox's dd takes a count of 0 for no limit
    cat "$2"
}
