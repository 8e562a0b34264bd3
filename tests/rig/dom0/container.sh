# Containers on plain Linux: crun, an overlay as root, a veth pair into the bridge that has the NIC.
# shellcheck shell=dash disable=SC2154,SC3043

crun() {
    LD_LIBRARY_PATH=/rig/crun/lib /rig/crun/bin/crun --cgroup-manager=cgroupfs "$@"
}

# What all containers' roots lie upon: busybox and what measures.
container_root() {
    local d=/tmp/lower
    mkdir -p $d/bin $d/proc $d/sys $d/dev $d/tmp $d/run
    cp /bin/busybox $d/bin/
    chroot $d /bin/busybox --install -s /bin
    cp -a /load $d/
    mkdir -p /sys/fs/cgroup
    mount -t cgroup2 cgroup /sys/fs/cgroup || fail "no cgroups"
}

# container_bundle NAME 'commands' DISK...: a directory for crun, with the disks as devices.
# crun's own default specification, but for what the work needs: raw sockets, the disks, and the clock (BIRTH).
container_bundle() {
    local d=/tmp/c/$1 cmd=$2 disk numbers devices='' allow=''
    shift 2
    mkdir -p "$d/upper" "$d/work" "$d/rootfs"
    mount -t overlay overlay -o "lowerdir=/tmp/lower,upperdir=$d/upper,workdir=$d/work" "$d/rootfs" || fail "no overlay"
    for disk in "$@"; do
        numbers="\"major\": $((0x$(stat -c %t "$disk"))), \"minor\": $((0x$(stat -c %T "$disk")))"
        devices="$devices${devices:+, }{\"path\": \"$disk\", \"type\": \"b\", $numbers, \"fileMode\": 432}"
        allow="$allow, {\"allow\": true, \"type\": \"b\", $numbers, \"access\": \"rwm\"}"
    done
    rm -f "$d/config.json"
    (cd "$d" && crun spec) || fail "crun spec failed"
    awk -v cmd="$cmd" -v devices="$devices" -v allow="$allow" '
        /"terminal"/ { sub(/true/, "false") }
        /"\/proc\/timer_list"/ { next }
        /"readonly"/ { sub(/true/, "false") }
        /"CAP_KILL"/ { print "\t\t\t\t\"CAP_NET_RAW\"," }
        /"args"/ { print "\t\t\"args\": [\"/bin/sh\", \"-c\", \"" cmd "\"],"; skip = 1 }
        skip { if (/\]/) skip = 0; next }
        /"linux"/ { print; print "\t\t\"devices\": [" devices "],"; next }
        /"access": "rwm"/ { print; denied = 1; next }
        denied { print "\t\t\t\t}" allow; denied = 0; next }
        { print }' "$d/config.json" >"$d/new" && mv "$d/new" "$d/config.json"
}
# container_start NAME: runs in the background.  Without pivot_root, which an initramfs as root does not allow.
container_start() {
    crun run --no-pivot --detach --bundle "/tmp/c/$1" "$1" >"/tmp/c/$1/log" 2>&1 </dev/null || fail "crun run $1: $(cat "/tmp/c/$1/log")"
}
container_pid() {       # NAME
    crun state "$1" | sed -n 's/.*"pid": *\([0-9]*\).*/\1/p'
}

# container_net NAME ADDRESS: eth0 of the container, its other end in bridge br0
container_net() {
    local pid
    pid=$(container_pid "$1")
    ip link add "v$1" type veth || fail "no veth"
    ip link set veth0 netns "$pid" || fail "no interface for the container's network namespace"
    brctl addif br0 "v$1"
    ip link set "v$1" up
    nsenter -t "$pid" -n sh -c "ip link set lo up; ip addr add $2 dev veth0; ip link set veth0 up" || fail "no address in container $1"
}
