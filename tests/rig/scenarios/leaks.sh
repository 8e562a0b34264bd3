# summary: 500 attaches and detaches, 100 killed workers: nodes, grants, event channels, descriptors, memory as before
# timeout: 1740
# machine: icount
# files: test-domain bench tests/rig/dom0/io.sh tests/rig/dom0/recovery.sh build/fakexen/fakexenctl build/fakexen/lib/libfakexen.so
# shellcheck shell=dash
. /rig/tests/rig/dom0/recovery.sh

# How often each of seven loops attaches and detaches a disk, kills.  RIG_SET='ROUNDS=5 KILLS=10': fewer, while
# developing.  (The plain machine is no quicker: workers that start at once, with all their page tables, take it seconds.)
DISKS='xvdb,xvdi xvdc,xvdj xvdd,xvdk xvde,xvdl xvdf,xvdm xvdg,xvdn xvdh,xvdo' ROUNDS=${ROUNDS:-72} KILLS=${KILLS:-100}
dd_start dd memory=192
guest_start g1 memory=160
dd=$(domid dd) g1=$(domid g1)
# shellcheck disable=SC2034 # recovery.sh uses it
dd_id=$dd
log=$RIG_LOG/guest-dd.log

# What libxl does in xenstore, without what it costs to start xl 1000 times; each loop is one process.
mkdir -p /tmp/libxl
ln -s /run/xenstored/socket /tmp/libxl/xenstored.sock
cycles() {              # TIMES: of each loop
    local d jobs=''
    for d in $DISKS; do
        LD_LIBRARY_PATH=/rig/build/fakexen/lib FAKEXEN_DIR=/tmp/libxl FAKEXEN_DOMID=0 /rig/build/fakexen/fakexenctl \
            cycle-vbd "$1" "$g1" "$dd" "$d" /run/disk1.img mode=r >>/tmp/libxl.out 2>&1 &
        jobs="$jobs $!"
    done
    waiting "$1 times each of $DISKS to be attached and detached"
    for d in $jobs; do
        wait "$d" || fail "cycle-vbd: $(tail -n 3 /tmp/libxl.out)"
    done
    waiting -
}
# One line of all that is counted, but for memory
state() {
    local fds
    fds=$(sed -n 's/.*drvdomd [0-9]* KiB with \([0-9]*\) descriptors.*/\1/p' "$log" | tail -n 1)
    echo "$(xenstore-ls -f | grep -vc data/rig) nodes, $(grants_of "$g1") grants, $(evtchns_of "$g1")+$(evtchns_of "$dd") channels, $fds descriptors"
}
memory() {              # KiB: drvdomd, available in the driver domain, xenstored
    sed -n 's/.*drvdomd \([0-9]*\) KiB with.*available \([0-9]*\) KiB.*/\1 \2/p' "$log" | tail -n 1
    awk '/VmRSS/ { print $2 }' "/proc/$(pidof xenstored)/status"
}

with_load() {           # KILLS: a disk attached by xl, killed under verified load, detached
    local before
    before=$(restarts)
    xl_do block-attach g1 'format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img'
    wait_for 20 "the disk to be Connected" both_connected "$g1" "$dd" vbd 51712
    fio_start g1
    sleep 0.5
    test_kill "workers $1 60"
    wait_killed 200 $((before + $1))
    fio_end g1 60
    xl_do block-detach g1 xvda
    detached "$g1"
}

once() {                # what drvdomd holds is in its line about a connection
    xl_do block-attach g1 'format=raw,vdev=xvda,access=rw,backend=dd,target=/run/disk0.img'
    wait_for 20 "the disk to be Connected" both_connected "$g1" "$dd" vbd 51712
    xl_do block-detach g1 xvda
    detached "$g1"
}

# More than once: from the second time on one disk goes while the next one comes, and drvdomd's heap has grown by that
# (324 KiB) when it is measured.
cycles 4
with_load 2
once
before=$(state)
memory | tr '\n' ' ' >/tmp/memory.before
say "before: $before; memory $(cat /tmp/memory.before)"
began=$(uptime_now)
cycles "$ROUNDS"
# shellcheck disable=SC2086 # a list
set -- $DISKS
n=$(($# * ROUNDS))
say "$n disks attached, connected and detached in $(elapsed "$began") s"
figure attach.detach "$(awk -v a="$began" -v b="$(uptime_now)" -v n=$n 'BEGIN { printf "%.0f", (b - a) * 1000 / n }')" ms
with_load "$KILLS"
say "$KILLS workers killed"
once
after=$(state)
memory | tr '\n' ' ' >/tmp/memory.after
say "after:  $after; memory $(cat /tmp/memory.after)"
assert_eq "what is held afterwards" "$after" "$before"
# In KiB: drvdomd and xenstored may not have grown by more than allocators' leavings, nor the domain's free memory
# shrunk by more than the kernel's caches move.
# shellcheck disable=SC2046 # six numbers
set -- $(cat /tmp/memory.before /tmp/memory.after)
figure drvdomd.growth $(($4 - $1)) KiB
figure available.loss $(($2 - $5)) KiB
figure xenstored.growth $(($6 - $3)) KiB
if [ $(($4 - $1)) -gt 256 ] || [ $(($2 - $5)) -gt 2048 ] || [ $(($6 - $3)) -gt 512 ]; then
    fail "memory has grown"
fi
guest_stop g1
nothing_left "$g1" "$dd"
dd_stop dd
