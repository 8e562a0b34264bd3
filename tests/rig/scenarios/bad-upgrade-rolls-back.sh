# summary: new programs that exit, hang, or whose workers do not start: the old ones serve on, under verified load
# timeout: 600
# machine: icount
# files: test-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/release/bin/drvdomd build/release/bin/drvdom-blkback build/release/bin/drvdom-netback build/rig-bad
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

GOOD=/rig/build/release/bin BAD=/rig/build/rig-bad
dd_start dd memory=192
recovery_guests /run/disk0.img /dev/ram0
log=$RIG_LOG/guest-dd.log

# set NAME PROGRAM FILE: our programs, and FILE instead of one of them
set_of() {
    mkdir -p "/tmp/$1"
    cp $GOOD/drvdomd $GOOD/drvdom-blkback $GOOD/drvdom-netback "/tmp/$1"
    cp "$BAD/$3" "/tmp/$1/$2"
}
# refused NAME WORDS: the upgrade fails with these words, and everything is served
refused() {
    must_fail drvdom upgrade dd --bin "/tmp/$1"
    case $OUTPUT in
    *"$2"*) say "$1: $OUTPUT" ;;
    *) fail "drvdom upgrade says: $OUTPUT" ;;
    esac
    wait_for 20 "drvdomd to be ready" xs_is "/local/domain/$(domid dd)/data/drvdom/state" ready
    sleep 2
    load_running
}

set_of exits drvdomd exits
set_of hangs drvdomd hangs
set_of workers drvdom-blkback exits
mkdir -p /tmp/none
load_start
refused exits "ended with status 3 before it was ready"
refused hangs "was not ready after"
refused workers "was not ready after"
must_fail drvdom upgrade dd --bin /tmp/none
drvdom upgrade dd --bin $GOOD || fail "a good upgrade after bad ones"
load_running
for g in g1 g2; do no_resets $g; done
load_end 90
guest_quiet g1
guest_quiet g2
say "neither guest's kernel has said a word; $(grep -c 'the old version is used' "$log") upgrades were rolled back"
guest_stop g1
guest_stop g2
dd_stop dd
