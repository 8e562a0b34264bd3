# summary: xenstored updates itself (live-update) three times under driver domain, guests and their load: nobody notices
# timeout: 1140
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh tests/rig/dom0/upgrades.sh build/rig-cache/root/usr/lib/xen-4.17/bin/xenstore-control
# shellcheck shell=dash
. /rig/tests/rig/dom0/upgrades.sh

recovery_dd
recovery_guests /run/disk0.img
load_start
live_updates "${TIMES:-3}"
recovery_end 60
