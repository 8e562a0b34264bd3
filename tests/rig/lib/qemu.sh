# shellcheck shell=bash
# The machine: QEMU's command line for each mode, starting it, talking to its monitor, ending it.
#
# Machines (MACHINE):  plain        several emulated CPUs, multi-threaded TCG (or KVM)
#                      icount       one CPU, one instruction is one virtual nanosecond: figures repeat
#                      passthrough  plain, and q35 with an IOMMU, an NVMe disk and an e1000e NIC: only with
#                                   RIG_MACHINE=plain, as it can hang for minutes on a busy host
#                      passthrough-icount  the same devices, one instruction one nanosecond (their own
#                                   time is the host's: such figures repeat roughly, not to the digit)
#                      passthrough-linux-icount  the same hardware without Xen: plain Linux (dom0's initramfs)

QEMU=qemu-system-x86_64
QEMU_PID=
ECHO_PROGRAM='cat'

# qemu_args MACHINE MEM_MIB DIR: sets QEMU_ARGS.  All that the snapshot depends on is in here.
# Paths are relative to $IMG: a comma or a blank in a path would end up in Xen's command line.
qemu_args() {
    local machine=$1 mem=$2 dir=$3 accel=tcg,thread=multi cpu=qemu64,+npt smp=2
    # dom0 needs one CPU; the other is for the domains under test.  Console without VGA.
    # rdrand: without it dom0 has no random numbers for minutes, and libuuid in xl waits 3 s for them.
    cpu+=,+rdrand
    local xen="console=com1 com1=115200,8n1 dom0_mem=$((mem / 2))M,max:$((mem / 2))M"
    xen+=" dom0_max_vcpus=1 spec-ctrl=no loglvl=warning guest_loglvl=warning conring_size=1M"
    local type=pc linux="quiet audit=0 selinux=0 apparmor=0 mitigations=off cryptomgr.notests=1 panic=1"
    xen+="${RIG_XEN:+ $RIG_XEN}"

    case $machine in
    *icount) smp=1 accel=tcg,thread=single ;;&
    passthrough*) type=q35,kernel-irqchip=split ;;
    esac
    if [[ $machine != *icount ]] && [ "$(accelerator)" = kvm ]; then
        accel=kvm cpu=host,-arch-capabilities
    fi
    # shellcheck disable=SC2054 # commas belong to QEMU's options
    QEMU_ARGS=(-nodefaults -display none -no-reboot -no-user-config
        -machine "$type" -accel "$accel" -cpu "$cpu" -smp "$smp" -m "$mem"
        -kernel xen -append "$xen" -initrd "vmlinux console=hvc0 $linux tsc=unstable,dom0.cpio"
        -serial "file:$dir/console.log"
        -chardev "pipe,id=monitor,path=$dir/monitor" -mon chardev=monitor,mode=readline
        -device virtio-serial-pci,ioeventfd=off
        -chardev "file,id=out,path=$dir/output" -device virtserialport,chardev=out,name=rig.out
        -chardev "file,id=logs,path=$dir/logs.tar" -device virtserialport,chardev=logs,name=rig.logs
        -chardev "pipe,id=ctl,path=$dir/ctl" -device virtserialport,chardev=ctl,name=rig.ctl)
    # State of the machine goes into a qcow2 of its own.  The NVMe model cannot be saved, an SD card is lost.
    [[ $machine == passthrough* || $machine == icount ]] ||
        QEMU_ARGS+=(-drive "if=none,id=state,file=$dir/state.qcow2,format=qcow2,cache=unsafe")
    # Where figures shall repeat, nothing may happen at the host's time.  A virtio device is asked and answers in
    # QEMU's main loop, beside the emulated processor, whenever the host gets to it; so does any disk but an SD
    # card, which is read while the processor waits.
    # shellcheck disable=SC2054
    case $machine in
    icount)
        QEMU_ARGS+=(-drive "if=none,id=files,file=$dir/files.img,format=raw"
            -device sdhci-pci,id=sd -device sd-card,drive=files)
        ;;
    *)
        QEMU_ARGS+=(-drive "if=none,id=files,file=$dir/files.img,format=raw,readonly=on"
            -device virtio-blk-pci,drive=files)
        ;;
    esac
    # The last of equal options counts.  The emulated time stamp counter says that it is not invariant, as
    # every real one is, and Linux would measure time with something slow.
    [[ $machine != *linux* ]] ||
        QEMU_ARGS+=(-kernel vmlinux -append "console=ttyS0 $linux tsc=reliable iommu=pt" -initrd dom0.cpio)
    case $machine in
    *icount)
        # Idle time is skipped, but not where devices work in the host's time: 30 s of the NVMe
        # driver's patience would pass while one request is still on its way.
        local sleep=off
        [[ $machine != passthrough* ]] || sleep=on
        QEMU_ARGS+=(-icount "shift=0,sleep=$sleep,align=off" -seed 1 -rtc "base=2024-01-01,clock=vm")
        ;;&
    passthrough*)
        # Outside, without a network: 10.0.2.2 answers ARP and ping, 10.0.2.100 echoes TCP by a program.
        # shellcheck disable=SC2054
        QEMU_ARGS+=(-device intel-iommu
            -drive "if=none,id=nvme,file=$dir/nvme.img,format=raw,cache=unsafe"
            -drive "if=none,id=nvme2,file=$dir/nvme2.img,format=raw,cache=unsafe"
            -device nvme,id=nvme,serial=rig,addr=4
            -device nvme-ns,drive=nvme,bus=nvme,nsid=1 -device nvme-ns,drive=nvme2,bus=nvme,nsid=2
            -netdev "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:7-cmd:$ECHO_PROGRAM"
            -device e1000e,netdev=net,addr=5)
        ;;
    esac
}

# even_echo MICROSECONDS: before qemu_args, which echo is outside
even_echo() {
    ECHO_PROGRAM='cat'
    [ -n "$1" ] || return 0
    ECHO_PROGRAM=./evenecho
    host_program evenecho
}
# host_program NAME: of host/, to where QEMU runs
host_program() {
    gcc -O2 -Wall -Wextra -o "$IMG/$1.$$" "$RIG_DIR/host/$1.c" || die "$1 does not build: see above"
    mv "$IMG/$1.$$" "$IMG/$1"       # another rig's may be running
}

# qemu_start DIR [MORE-ARGS...]: starts it in the background, with the files it wants in DIR.
qemu_start() {
    local dir=$1
    shift
    need_tool $QEMU qemu-system-x86
    rm -f "$dir"/monitor.in "$dir"/monitor.out "$dir"/ctl.in "$dir"/ctl.out
    mkfifo "$dir"/monitor.in "$dir"/monitor.out "$dir"/ctl.in "$dir"/ctl.out
    : >"$dir/output"
    : >"$dir/logs.tar"
    : >"$dir/console.log"
    (cd "$IMG" && exec $QEMU "${QEMU_ARGS[@]}" "$@") >"$dir/qemu.log" 2>&1 9>&- &
    QEMU_PID=$!
    # Held open read-write, so that neither end ever blocks in open() or sees an end of file.
    exec 7<>"$dir/monitor.in" 8<>"$dir/monitor.out"
}

qemu_alive() {
    [ -n "$QEMU_PID" ] && kill -0 "$QEMU_PID" 2>/dev/null
}

# qemu_says SECONDS COMMAND: gives the monitor a command, waits for its next prompt, prints what
# came in between.
qemu_says() {
    local line end=$((SECONDS + $1)) text=
    while read -r -t 0.2 -n 4096 -u 8 line; do :; done
    printf '%s\n' "$2" >&7
    while [ $SECONDS -lt "$end" ] && qemu_alive; do
        IFS= read -r -t 0.2 -d ')' -u 8 line || { text+=$line; continue; }
        text+="$line)"
        # the first prompt may be the echo of the command's own line
        [[ $text == *"$2"*"(qemu)" ]] && break
    done
    printf '%s\n' "$text"
}

qemu_stop() {
    if qemu_alive; then
        printf 'quit\n' >&7
        local n=0
        while qemu_alive && [ $n -lt 30 ]; do
            sleep 0.1
            n=$((n + 1))
        done
        ! qemu_alive || kill -9 "$QEMU_PID" 2>/dev/null
    fi
    [ -z "$QEMU_PID" ] || wait "$QEMU_PID" 2>/dev/null
    QEMU_PID=
    exec 7>&- 8>&-
}

# wait_line SECONDS FILE PATTERN: until a line of FILE begins with PATTERN
wait_line() {
    local end=$((SECONDS + $1))
    while ! grep -q "^$3" "$2" 2>/dev/null; do
        qemu_alive || return 2
        [ $SECONDS -lt "$end" ] || return 1
        sleep 0.1
    done
}

# Xen may not run under a /dev/kvm that opens: asked for with RIG_ACCEL=kvm, it is tried once, at
# most 40 s, and the answer kept.
accelerator() {
    local answer=$CACHE/accelerator
    if [ "${RIG_ACCEL:-tcg}" != kvm ] || [ -n "${RIG_PROBING-}" ]; then
        echo "${RIG_PROBING:-tcg}"
        return
    fi
    if [ ! -e "$answer" ]; then
        if [ -r /dev/kvm ] && [ -w /dev/kvm ] && (probe_kvm) 2>/dev/null; then echo kvm; else echo tcg; fi >"$answer"
        [ "$(cat "$answer")" = kvm ] ||
            say "RIG_ACCEL=kvm: Xen does not run under this machine's KVM, using TCG" >&2
    fi
    cat "$answer"
}
probe_kvm() {
    local dir=$CACHE/probe ok
    RIG_PROBING=kvm
    mkdir -p "$dir"
    empty_files_disk "$dir/files.img"
    qemu-img create -q -f qcow2 "$dir/state.qcow2" 4G
    qemu_args plain 1536 "$dir"
    qemu_start "$dir"
    wait_line 40 "$dir/output" RIG-READY
    ok=$?
    qemu_stop
    return $ok
}
