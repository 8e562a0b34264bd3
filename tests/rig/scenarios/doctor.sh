# summary: twelve faults on purpose: drvdom why, doctor or lint names each in one line with its remedy
# timeout: 300
# files: test-domain drvdom kdd tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

# says WANTED COMMAND...: it must fail, and one line of it must have the words, and a remedy
says() {
    local wanted=$1 line
    shift
    must_fail "$@"
    line=$(printf '%s\n' "$OUTPUT" | grep -F "$wanted") || fail "$* does not say '$wanted': $OUTPUT"
    case $line in
    *"remedy: "*) ;;
    *) fail "no remedy in: $line" ;;
    esac
    [ "$(printf '%s\n' "$line" | wc -l)" = 1 ] || fail "more than one line says '$wanted': $line"
    N=$((N + 1))
    say "$N: $line"
}
N=0

# cfg NAME LINE...: a guest's configuration, printed as a file name
cfg() {
    local name=$1
    shift
    make_cfg "$name" "kernel=\"$KERNEL\"
ramdisk=\"/rig/guest.cpio\"
memory=96
type=\"pv\"" "$@"
}
disk() {        # BACKEND TARGET
    printf 'disk=["format=raw,vdev=xvda,access=rw,backend=%s,target=%s"]' "$1" "$2"
}
# create_fails CFG: within 12 s
create_fails() {
    local start
    start=$(uptime_now)
    must_fail xl create "$1"
    awk -v t="$(elapsed "$start")" 'BEGIN { exit !(t < 12) }' ||
        fail "xl create $1 took $(elapsed "$start") s to fail"
}

# --- in configurations ---
printf 'name="x"\nkernel="%s"\nramdisk="/rig/guest.cpio"\nmemory=96\ntype="pv"\ndriver_domain=1\npci=["00:04.0"]\n' \
    "$KERNEL" >/tmp/pt.cfg
says "Xen has no IOMMU" drvdom lint /tmp/pt.cfg
bound=$(basename "$(dirname "$(find /sys/bus/pci/devices/*/ -maxdepth 1 -name driver | head -n 1)")")
printf 'name="z"\ndriver_domain=1\nmemory=96\ntype="pv"\npci=["%s"]\n' "$bound" >/tmp/z.cfg
says "is bound to dom0's driver" drvdom lint /tmp/z.cfg
says "backend=nosuch: no domain" drvdom lint "$(cfg wrong-name "$(disk nosuch /run/disk0.img)")"
printf 'name="y"\nkernel="/no/vmlinux"\nramdisk="/rig/image/initramfs.gz"\nmemory=96\ndriver_domain=1\n' >/tmp/y.cfg
says "/no/vmlinux: there is no such file" drvdom lint /tmp/y.cfg

# --- the driver domain ---
dd_start dd memory=192
assert drvdom wait dd --timeout 5
dd=$(domid dd)
create plain "$(cfg plain)"
says "that domain is not a driver domain" drvdom lint "$(cfg not-driver "$(disk plain /x)")"
xl destroy plain

# --- what the driver domain lacks: xl create fails, why says it afterwards ---
create_fails "$(cfg nobridge 'vif=["mac=00:16:3e:00:00:09,bridge=nosuchbr,backend=dd"]')"
says '"nosuchbr" does not exist' drvdom why nobridge
create_fails "$(cfg nodisk "$(disk dd /dev/nosuchdisk)")"
says '"/dev/nosuchdisk"' drvdom why nodisk

# --- devices of guests ---
guest_start g1 "$(disk dd /run/disk0.img)"
g=$(domid g1)
wait_for 10 "the disk to be Connected" both_connected "$g" "$dd" vbd 51712
assert drvdom why g1
assert drvdom doctor
says "is in use by g1 already" drvdom lint "$(cfg second "$(disk dd /run/disk0.img)")"

# a guest without a frontend driver: nothing answers
create nofront "$(make_cfg nofront "kernel=\"$KERNEL\"
ramdisk=\"/rig/kdd.cpio\"
memory=128
type=\"pv\"" "$(disk dd /run/disk1.img)")"
says "no frontend driver" drvdom why nofront/xvda
xl destroy nofront

# stuck Closing: the guest does not let go (stock Linux 6.1 gives even a mounted disk away, so it is paused)
xl pause g1
says "busy in the guest" drvdom detach g1 xvda
says "busy in the guest" drvdom why g1/xvda
xl unpause g1
wait_for 5 "the detach to complete" xs_gone "/local/domain/$dd/backend/vbd/$g/51712"
say "the detach has completed by itself when the guest let go"

# a driver domain with the kernel's backends
kdd_start kdd
create kguest "$(make_cfg kguest "kernel=\"$KERNEL\"
ramdisk=\"/rig/kdd.cpio\"
memory=128
type=\"pv\"" "$(disk kdd /dev/nullb0)")"
says "the kernel module xen-blkback is loaded" drvdom why kguest
xl destroy kguest
xl destroy kdd

# no quota left: nodes that the driver domain owns, up to xenstored's limit
n=0
while [ $n -lt 1000 ]; do
    set --
    while [ $# -lt 200 ]; do
        set -- "$@" "/local/domain/$dd/data/fill/$n" x
        n=$((n + 1))
    done
    xenstore-write "$@"
done
xenstore-chmod -r "/local/domain/$dd/data/fill" "n$dd"
says "xenstore nodes" drvdom doctor
create_fails "$(cfg noquota "$(disk dd /run/disk1.img)")"
xenstore-rm "/local/domain/$dd/data/fill"
[ $N = 13 ] || fail "$N faults were named, must be 13"
