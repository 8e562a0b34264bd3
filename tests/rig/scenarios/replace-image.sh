# summary: a driver domain (NVMe, NIC) gets Debian 13's kernel and a new image under running guests; a bad image is taken back
# timeout: 1140
# machine: passthrough
# mem: 2560
# files: driver-domain trixie-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdom-guard
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

# shellcheck disable=SC2034 # for recovery.sh
NET=$OUTSIDE_ADDR GATEWAY=$OUTSIDE_GATEWAY
log=$RIG_LOG/guest-dd.log
guard_start
pci_give "$NVME" "$NIC"
# Not quiet: the kernel's first words say which one it is.
recovery_dd "pci=['$NVME', '$NIC']" "extra=\"$(echo "$QUIET" | sed 's/quiet//')\""
dd=$(domid dd)
recovery_guests /dev/nvme0n1

kernels() {
    grep -o 'Linux version [0-9.]*' "$log" | tr '\n' ' '
}
same_domain() {
    assert_eq "number of the driver domain" "$(domid dd)" "$dd"
}
load_start
sleep 2
out=$(drvdom replace dd --image /rig/image2 2>&1) || fail "drvdom replace: $out"
say "$out; $(kernels)"
same_domain
[ "$(kernels | awk '{ print $NF != $3 }')" = 1 ] || fail "the kernel is the same as before: $(kernels)"
figure replace.outage "$(echo "$out" | sed -n 's/.*serves \([0-9]*\) ms after.*/\1/p')" ms
sleep 2
load_running

# The same kernel with an initramfs that is none: it panics at once.
mkdir -p /tmp/bad
ln -s "$(dd_kernel)" /tmp/bad/vmlinux
head -c 100000 /dev/urandom >/tmp/bad/initramfs.gz
must_fail drvdom replace dd --image /tmp/bad
case $OUTPUT in
*"the old one is back"*) say "$OUTPUT; $(kernels)" ;;
*) fail "drvdom replace says: $OUTPUT" ;;
esac
same_domain
must_fail drvdom replace dd --image /tmp
# What the blackbox held when it was ended, and when it died.
drvdom why --last-words dd >/tmp/words || fail "drvdom why --last-words dd"
head -n 1 /tmp/words
assert grep -q '^--- vbd .*connected' /tmp/words
assert grep -q 'drvdomd' /tmp/words
sleep 3
load_running
say "kernels of the driver domain: $(kernels)"
recovery_end 240
