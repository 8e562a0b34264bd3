# summary: drvdomd and its workers replaced by new programs, three times, under verified load: guests notice nothing
# timeout: 1140
# machine: icount
# files: test-domain bench drvdom tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh tests/rig/dom0/upgrades.sh build/release/bin/drvdomd build/release/bin/drvdom-blkback build/release/bin/drvdom-netback
# shellcheck shell=dash
. /rig/tests/rig/dom0/upgrades.sh

recovery_dd
recovery_guests /run/disk0.img /dev/ram0
load_start
upgrades "${TIMES:-3}"
recovery_load_end 60
upgrade_stall
recovery_over
