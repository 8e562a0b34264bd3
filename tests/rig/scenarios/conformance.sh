# summary: what fakexen answers to every library call is what Xen and Linux answer, in dom0 and in a guest
# timeout: 180
# files: build/fakexen/conf build/fakexen/smoke tests/conformance/expected-dom0.txt tests/conformance/expected.txt
# shellcheck shell=busybox

same() {        # WHERE EXPECTED OUTPUT
    if ! diff "/rig/tests/conformance/$2" "$3"; then
        fail "in $1 fakexen and Xen differ (- is fakexen, + is Xen)"
    fi
    say "$1: $(wc -l <"$3") results are the same"
}

chmod +x /rig/build/fakexen/*
waiting "conf in dom0"
timeout 90 /rig/build/fakexen/conf 0 >/tmp/conf.out 2>/tmp/conf.err ||
    say "conf ended with $?: $(cat /tmp/conf.err)"
waiting -
same dom0 expected-dom0.txt /tmp/conf.out
say "on Xen: $(/rig/build/fakexen/smoke 0 0 2000 | tr '\n' ';')"

# The guest as it is, with the programs, the libraries and the modules they need in a second archive.
over=/tmp/over
mkdir -p $over/opt
cp /rig/build/fakexen/conf $over/opt/conf
for f in $(find /lib -name 'libxengnttab.so.1*' -o -name 'libxenevtchn.so.1*' -o \
    -name 'libxentool*.so.1*' -o -name 'xen-evtchn.ko' -o -name 'xen-gnt*.ko'); do
    [ -e "$over/opt/${f##*/}" ] || cp -L "$f" "$over/opt/"
done
{
    cat /rig/guest.cpio
    (cd $over && find . | cpio -o -H newc 2>/dev/null)
} >/tmp/guest.cpio
GUEST_RAMDISK=/tmp/guest.cpio
guest_start g
guest_do g 'for m in /opt/xen-*.ko; do insmod $m; done; ls /dev/xen'
guest_do g "LD_LIBRARY_PATH=/opt:/lib timeout 90 /opt/conf $(domid g) 2>/dev/null" 100 >/tmp/conf.guest
same "a guest" expected.txt /tmp/conf.guest
