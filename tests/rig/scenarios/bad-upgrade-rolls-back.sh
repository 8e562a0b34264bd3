# summary: new programs that exit, hang, or whose workers do not start: the old ones serve on, under verified load
# timeout: 1140
# machine: icount
# files: test-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh tests/rig/dom0/upgrades.sh build/release/bin/drvdomd build/release/bin/drvdom-blkback build/release/bin/drvdom-netback build/rig-bad
# shellcheck shell=dash
. /rig/tests/rig/dom0/upgrades.sh

recovery_dd
recovery_guests /run/disk0.img /dev/ram0
load_start
bad_upgrades
recovery_end 90
