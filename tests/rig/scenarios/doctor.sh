# summary: twelve faults on purpose: drvdom why, doctor or lint names each in one line with its remedy
# timeout: 300
# files: test-domain drvdom kdd tests/rig/dom0/io.sh
# shellcheck shell=dash
. /rig/tests/rig/dom0/io.sh

# fault NAME WANTED COMMAND...: the command fails, and exactly one line of it has the words, and a remedy
fault() {
    local name=$1 wanted=$2 line
    shift 2
    N=$((N + 1))
    must_fail "$@"
    line=$(printf '%s\n' "$OUTPUT" | grep -F "$wanted") || fail "$name: $* does not say '$wanted': $OUTPUT"
    case $line in
    *"remedy: "*) ;;
    *) fail "$name: no remedy in: $line" ;;
    esac
    [ "$(printf '%s\n' "$line" | wc -l)" = 1 ] || fail "$name: more than one line says '$wanted': $line"
    say "$N $name: $line"
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
# create_fails CFG: xl create exits non-zero within 12 s, and leaves no domain behind
create_fails() {
    local start took name
    name=$(basename "$1" .cfg)
    start=$(uptime_now)
    waiting "xl create $name to fail"
    must_fail xl create "$1"
    took=$(elapsed "$start")
    figure "create_fails.$name" "$took" s
    say "xl says: $(printf '%s\n' "$OUTPUT" | grep -m 1 error)"    # docs/troubleshooting.md has its words
    awk -v t="$took" 'BEGIN { exit !(t < 12) }' || fail "xl create $1 took $took s to fail"
    no_domain "$name" || fail "xl create $1 failed and left the domain"
}

# text WANTED COMMAND...: one more of docs/troubleshooting.md's texts, from a failure made on purpose
text() {
    local wanted=$1
    shift
    must_fail "$@"
    case $OUTPUT in
    *"$wanted"*"remedy: "*) say "text: $wanted" ;;
    *) fail "$* does not say '$wanted' with a remedy: $OUTPUT" ;;
    esac
}

# --- in configurations: before anything is started ---
printf 'name="x"\nkernel="%s"\nramdisk="/rig/guest.cpio"\nmemory=96\ntype="pv"\ndriver_domain=1\npci=["00:04.0"]\n' \
    "$KERNEL" >/tmp/x.cfg
fault "no IOMMU" "Xen has no IOMMU" drvdom lint /tmp/x.cfg
create_fails /tmp/x.cfg
bound=$(basename "$(dirname "$(find /sys/bus/pci/devices/*/ -maxdepth 1 -name driver | head -n 1)")")
printf 'name="z"\nkernel="%s"\ndriver_domain=1\nmemory=96\ntype="pv"\npci=["%s"]\n' "$KERNEL" "$bound" >/tmp/z.cfg
fault "device bound elsewhere" "pci $bound is bound to dom0's driver" drvdom lint /tmp/z.cfg
create_fails /tmp/z.cfg
wrong=$(cfg wrong "$(disk nosuch /run/disk0.img)")
fault "wrong backend name" "backend=nosuch: no domain of that name" drvdom lint "$wrong"
create_fails "$wrong"
printf 'name="y"\nkernel="/no/vmlinux"\nramdisk="/rig/image/initramfs.gz"\nmemory=96\ndriver_domain=1\n' >/tmp/y.cfg
fault "image absent" "/no/vmlinux: there is no such file" drvdom lint /tmp/y.cfg
create_fails /tmp/y.cfg

printf 'name="p"\ndriver_domain=1\nmemory=96\ntype="pv"\npci=["00:1e.7"]\n' >/tmp/p.cfg
text "no such device on this host" drvdom lint /tmp/p.cfg
text "a driver domain serves raw disks" drvdom lint \
    "$(cfg qcow 'disk=["format=qcow2,vdev=xvda,access=rw,backend=dd,target=/x"]')"
text "runs in dom0 and cannot read a driver domain's disk" drvdom lint \
    "$(cfg grub "$(disk dd /x)" 'bootloader="pygrub"')"
must_fail env XENSTORED_PATH=/nowhere LD_LIBRARY_PATH=/rig/lib /rig/bin/drvdom list
case $OUTPUT in *"no xenstore ("*) ;; *) fail "without xenstored: $OUTPUT" ;; esac

# --- the driver domain ---
dd_start dd memory=192
assert drvdom wait dd --timeout 5
dd=$(domid dd)

# our image, started without driver_domain=1: drvdomd runs there and may not serve
create plain "$(make_cfg plain "kernel=\"$(dd_kernel)\"
ramdisk=\"/rig/image/initramfs.gz\"
memory=96
type=\"pv\"
extra=\"$QUIET\"")"
wait_for 40 "drvdomd in plain to say something" xenstore-exists "/local/domain/$(domid plain)/data/drvdom/state"
fault "driver_domain=1 missing" "was not created as a driver domain" drvdom why plain
nodriver=$(cfg nodriver "$(disk plain /run/disk0.img)")
must_fail drvdom lint "$nodriver"
case $OUTPUT in *"backend=plain: that domain is not a driver domain; remedy: add driver_domain=1"*) ;; *) fail "$OUTPUT" ;; esac
create_fails "$nodriver"
xl destroy plain

# --- what the driver domain lacks: xl create fails, why says it afterwards ---
create_fails "$(cfg nobridge 'vif=["mac=00:16:3e:00:00:09,bridge=nosuchbr,backend=dd"]')"
fault "bridge missing" 'bridge "nosuchbr" does not exist in this driver domain' drvdom why nobridge
create_fails "$(cfg nodisk "$(disk dd /dev/nosuchdisk)")"
fault "disk absent" 'disk "/dev/nosuchdisk" does not exist in this driver domain' drvdom why nodisk

# --- devices of guests ---
guest_start g1 "$(disk dd /run/disk0.img)"
g=$(domid g1)
wait_for 10 "the disk to be Connected" both_connected "$g" "$dd" vbd 51712
assert drvdom why g1
# under another number: with --local-migration, as this image has it, the same one would wait for g1 to let go
second=$(cfg second "$(disk dd /run/disk0.img | sed s/xvda/xvdb/)")
must_fail drvdom lint "$second"
case $OUTPUT in *"target=/run/disk0.img of dd is in use by g1 already; remedy: "*) ;; *) fail "$OUTPUT" ;; esac
create_fails "$second"
fault "disk already in use" 'disk "/run/disk0.img" is in use' drvdom why second
assert drvdom why g1

# a guest without a frontend driver: nothing answers
create nofront "$(make_cfg nofront "kernel=\"$KERNEL\"
ramdisk=\"/rig/kdd.cpio\"
memory=128
type=\"pv\"" "$(disk dd /run/disk1.img)")"
fault "guest without frontend driver" "no frontend driver has answered" drvdom why nofront/xvda
xl destroy nofront

# stuck Closing: the guest does not let go (stock Linux 6.1 gives even a mounted disk away, so it is paused)
xl pause g1
must_fail drvdom detach g1 xvda
case $OUTPUT in *"xvda is not detached: stuck Closing: "*"busy in the guest"*"remedy: "*) ;; *) fail "detach: $OUTPUT" ;; esac
fault "stuck Closing" "g1/xvda: stuck Closing" drvdom why g1/xvda
xl unpause g1
wait_for 5 "the detach to complete" xs_gone "/local/domain/$dd/backend/vbd/$g/51712"
say "the detach has completed by itself when the guest let go"

# a driver domain with the kernel's backends
kdd_start kdd
text "drvdomd does not run in kdd" drvdom why kdd --timeout 0
create kguest "$(make_cfg kguest "kernel=\"$KERNEL\"
ramdisk=\"/rig/kdd.cpio\"
memory=128
type=\"pv\"" "$(disk kdd /dev/nullb0)")"
fault "kernel backend modules loaded" "the kernel module xen-blkback is loaded" drvdom why kguest
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
fault "quota reached" "xenstore nodes are used" drvdom doctor
create_fails "$(cfg noquota "$(disk dd /run/disk1.img)")"
xenstore-rm "/local/domain/$dd/data/fill"
assert_eq "number of faults named" $N 12

# and none of it is left: a guest starts as if nothing had been
guest_start g2 "$(disk dd /run/disk1.img)"
assert drvdom why g2

# a driver domain destroyed under its guest
xl destroy dd
text "that served this disk is gone" drvdom why g2/xvda
