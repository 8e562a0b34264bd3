# shellcheck shell=bash
# Runs one scenario in the machine it asks for and leaves its logs in build/rig/NAME/.
# A scenario's header says what it needs; `rig` reads it, dom0 does not:
#   # summary: one line          # timeout: seconds of real time (120)
#   # machine: plain|icount|passthrough|linux (plain)    # mem: MiB of the machine (2048)
#   # reboots: yes                 passthrough, linux: a reset boots again, with the same disks
#   # silence: SECONDS            of real time without a word, after which the scenario is ended
#   # even-disk: MICROSECONDS      passthrough, linux: a third namespace, /dev/nvme0n3, that answers after that long without requests
#   # even-net: MICROSECONDS       passthrough, linux: how often frames go out and come in: all that there are by then
#   # files: driver-domain bench kdd ...   what is brought along, see files_for

header() {      # FILE NAME DEFAULT
    local value
    value=$(sed -n "s/^# $2: *//p;/^[^#]/q" "$1" | head -n 1)
    printf '%s\n' "${value:-$3}"
}

scenario_file() {
    local file=$RIG_DIR/scenarios/$1.sh
    [ -f "$file" ] || die "no scenario '$1': rig list (make rig-list) shows what there is"
    printf '%s\n' "$file"
}

scenario_list() {
    local file name
    for file in "$RIG_DIR"/scenarios/*.sh; do
        name=${file##*/}
        printf '%-24s %-12s %s\n' "${name%.sh}" "$(header "$file" machine plain)" \
            "$(header "$file" summary '(no summary)')"
    done
}

# files_for SCENARIO-FILE DIR: the tar that dom0 finds on its files disk.  The cache is locked.
files_for() {
    local file=$1 stage=$2/files word mib
    rm -rf "$stage"
    mkdir -p "$stage"
    cp "$RIG_DIR/dom0/lib.sh" "$stage/lib.sh"
    cp "$file" "$stage/scenario.sh"
    cp "$IMG/guest.cpio" "$stage/guest.cpio"
    printf 'SCENARIO=%s\nMACHINE=%s\n' "$NAME" "$MACHINE" >"$stage/env"
    # shellcheck disable=SC2086 # NAME=VALUE words
    [ -z "${RIG_SET-}" ] || printf '%s\n' $RIG_SET >>"$stage/env"
    printf '%s\n' "RIG_ARGS='${RIG_ARGS-}'" "RIG_EXTRA='${RIG_EXTRA-}'" >>"$stage/env"
    for word in $(header "$file" files ''); do
        case $word in
        bench) cp "$IMG/guest-bench.cpio" "$stage/" ;;
        kdd) cp "$IMG/kdd.cpio" "$stage/" ;;
        jumbo-domain)
            make_domain jumbo --nic driver:e1000e
            stage_driver_domain "$stage" image-jumbo
            ;;
        delay-domain)
            make_domain delay
            stage_driver_domain "$stage" image-delay
            ;;
        nettools)
            make_images nettools
            cp "$IMG/guest-net.cpio" "$stage/"
            ;;
        nbd)
            make_images nbd
            cp "$IMG/guest-nbd.cpio" "$stage/"
            ;;
        trixie)
            make_images trixie
            mkdir -p "$stage/trixie"
            cp "$IMG/trixie/vmlinux" "$IMG/trixie/guest.cpio" "$stage/trixie/"
            ;;
        load)
            prepare_load
            cp "$IMG/load.cpio" "$IMG/qdisk.cpio" "$TOP"/build/load/{domtime,calls} \
                "$ROOT/usr/lib/xen-$XEN_VERSION/bin/xentrace" "$stage/"
            ;;
        load-domain) stage_load_domains "$stage" ;;
        grub)
            make_images grub
            cp -r "$IMG/grub" "$stage/"
            ;;
        driver-domain) stage_driver_domain "$stage" image ;;
        trixie-domain) stage_trixie_domain "$stage" ;;
        *-domain) stage_driver_domain "$stage" "image-${word%-domain}" ;;
        dom0-disks) stage_dom0_disks "$stage" ;;
        drivers) stage_drivers "$stage" ;;
        crun) stage_crun "$stage" ;;
        fault)
            make_fault
            cp "$IMG/rigfault.ko" "$IMG/fault.cpio" "$stage/"
            ;;
        hosted) stage_hosted "$stage" ;;
        drvdom) stage_drvdom "$stage" ;;
        front) stage_front "$stage" ;;
        examples) cp -r "$TOP/examples" "$stage/" || die "no examples/ to bring along" ;;
        *)
            [ -e "$TOP/$word" ] || die "scenario $NAME wants $word, which is not there: make"
            mkdir -p "$stage/$(dirname "$word")"
            cp -rL "$TOP/$word" "$stage/$word"
            ;;
        esac
    done
    # The first block is a file named RIG-SCENARIO that says how much there is to read.
    mib=$(($(du -sm --apparent-size "$stage" | cut -f1) + 2))
    [ $mib -le "$FILES_MIB" ] || die "scenario $NAME brings $mib MiB, at most $FILES_MIB fit"
    printf 'mib=%s\n' "$mib" >"$2/RIG-SCENARIO"
    empty_files_disk "$2/files.img"
    tar -c --format=ustar --owner=0 --group=0 --sort=name --mtime=@1704067200 -C "$2" -f - RIG-SCENARIO -C "$stage" . |
        dd of="$2/files.img" bs=1M conv=notrunc status=none
    rm -rf "$stage" "$2/RIG-SCENARIO"
}

# A driver domain that one scenario has to itself: tests/rig/NAME-domain.conf
make_domain() {         # NAME OPTION...
    local name=$1 bin=$TOP/build/release/bin
    shift
    "$bin/drvdom" image build --kernel-root "$ROOT" --bin "$bin" --config "$RIG_DIR/$name-domain.conf" \
        -o "$TOP/build/image-$name" "$@" >"$TOP/build/image-$name.log" || die "$(cat "$TOP/build/image-$name.log")"
}

stage_driver_domain() { # STAGE image|image-test: the domain finds it as /rig/image
    local image=$TOP/build/$2
    [ -f "$image/initramfs.gz" ] || die "no driver domain image in build/$2: make images"
    mkdir -p "$1/image"
    cp "$image/initramfs.gz" "$1/image/"
    # dom0 has the same kernel already, most of the time
    cmp -s "$image/vmlinux" "$IMG/vmlinux" || cp "$image/vmlinux" "$1/image/"
}

# The same driver domain with Debian 13's kernel, as /rig/image2.
stage_trixie_domain() { # STAGE
    local program=$TOP/build/release/bin/drvdom
    fetch_trixie
    "$program" image build --kernel-root "$CACHE/root-trixie" --bin "${program%/*}" --nic driver:e1000e \
        --disk driver:nvme --config "$TOP/examples/drvdom.conf" -o "$1/image2" >"$CACHE/trixie-domain.log" 2>&1 ||
        die "no image with Debian 13's kernel: $(tail -n 3 "$CACHE/trixie-domain.log")"
}

# What dom0 needs to give a disk of its own to a driver domain: /rig/dom0-disks.
stage_dom0_disks() {    # STAGE
    add_modules "$1/dom0-disks" xen-blkback brd
    mkdir -p "$1/dom0-disks/bin"
    add_programs "$1/dom0-disks" sbin/mke2fs
}

# The passed-through devices' drivers for whoever runs on the machine itself, and what dom0 and containers need
# to hand them on: /rig/drivers, loaded by load_drivers in dom0/middle.sh.
stage_drivers() {       # STAGE
    add_modules "$1/drivers" nvme e1000e bridge
    add_modules "$1/drivers/xen" xen-blkback xen-netback
    add_modules "$1/drivers/container" veth overlay
}

# crun with its libraries, as /rig/crun.
stage_crun() {          # STAGE
    fetch_crun
    mkdir -p "$1/crun/bin"
    add_programs "$1/crun" usr/bin/crun
}

# QEMU of the test host with its libraries and firmware, modules of KVM, and its guest, as /rig/hosted.
stage_hosted() {        # STAGE
    local d=$1/hosted lib
    make_images hosted
    mkdir -p "$d/bin" "$d/lib" "$d/share"
    cp -L "$(command -v "$QEMU")" "$d/bin/qemu"
    for lib in $(ldd "$d/bin/qemu" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p' | sort -u); do
        cp -L "$lib" "$d/lib/"
    done
    cp -L /usr/share/seabios/bios-256k.bin /usr/share/qemu/{kvmvapic,pvh,linuxboot_dma}.bin "$d/share/"
    add_modules "$d" kvm-amd tun vhost-net
    cp "$IMG/hosted.cpio" "$d/guest.cpio"
}

# What is measured: drvdom is build/image-load, drvdom-NAME is build/image-load-NAME if there is one.
stage_load_domains() {  # STAGE
    local backend image
    for backend in $(tr ,/ '  ' <<<"${RIG_ARGS-}"); do
        [[ $backend = drvdom* ]] || continue
        image=image-load${backend#drvdom}
        [ -d "$TOP/build/$image" ] || image="image-load"
        stage_driver_domain "$1" "$image"
        mv "$1/image/initramfs.gz" "$1/$image"
    done
}

# Our tool in dom0, as /rig/bin/drvdom, with the libraries that dom0's initramfs lacks.
stage_drvdom() {        # STAGE
    local program=$TOP/build/release/bin/drvdom lib path
    [ -x "$program" ] || die "no drvdom in build/release/bin: make images"
    mkdir -p "$1/bin" "$1/lib"
    cp "$program" "$1/bin/"
    for lib in $(ldd "$program" | sed -n 's/.* => \(\/[^ ]*\).*/\1/p'); do
        path=$(find_lib "${lib##*/}") || path=$lib
        [ -e "$IMG/dom0/lib/${lib##*/}" ] || cp -L "$path" "$1/lib/"
    done
}

# The measuring guest with our frontends in it, as /rig/guest-front.cpio: it loads what they need
# instead of Linux's frontends (which are there: insmod /lib/modules/xen-blkfront.ko).
stage_front() {         # STAGE
    local program dir=$IMG/front
    rm -rf "$dir"
    mkdir -p "$dir/bin"
    for program in "$TOP"/build/release/bin/drvdom-{blk,net}front; do
        [ -x "$program" ] || die "no ${program##*/} in build/release/bin: make images"
        cp "$program" "$dir/bin/"
        add_libs "$dir" "$program"
    done
    cp -L "$(find_lib libgcc_s.so.1)" "$dir/lib/"   # dlopened by libxenstore's pthread_cancel
    add_modules "$dir" xen-gntalloc xen-evtchn
    pack "$dir" "$IMG/front.cpio"
    cat "$IMG/guest-bench.cpio" "$IMG/front.cpio" >"$1/guest-front.cpio"
    rm -rf "$dir" "$IMG/front.cpio"
}

# Streams what the scenario prints, without the lines meant for us.  Returns when it has ended, its
# time is over, or the machine is gone; then END is "END rc", "TIMEOUT", or "DEAD".
stream() {              # DIR SECONDS SECONDS-OF-SILENCE
    local dir=$1 end=$((SECONDS + $2)) line begun='' told=$SECONDS
    END='' WAITING=''
    exec 6< <(exec tail -n +1 -f --pid="$QEMU_PID" -s 0.1 "$dir/output" 2>/dev/null)
    while :; do
        if ! IFS= read -r -t 1 -u 6 line; then
            begun+=$line        # of a line whose end has not come yet
            [ $SECONDS -lt "$end" ] || { END=TIMEOUT; break; }
            [ $((SECONDS - told)) -lt "$3" ] || { END=TIMEOUT; break; }
            qemu_alive || { END=DEAD; break; }
            continue
        fi
        told=$SECONDS
        line=$begun${line%$'\r'} begun=
        case $line in
        "RIG-END "*) END="END ${line#RIG-END }"; break ;;
        "RIG-WAITING "*) WAITING=${line#RIG-WAITING } ;;
        "RIG-FIGURE "*)
            printf '%s\n' "${line#RIG-FIGURE }" >>"$dir/figures"
            printf '  %s\n' "${line#RIG-FIGURE }"
            ;;
        "RIG-FAIL "*) WHY=${line#RIG-FAIL } ;;
        "RIG-"*) ;;
        *) printf '  %s\n' "$line" ;;
        esac
        [ $SECONDS -lt "$end" ] || { END=TIMEOUT; break; }
    done
    exec 6<&-
}

# The machine is asked for its logs even when the scenario hangs; if dom0 hangs too, there remain
# the consoles QEMU wrote.
collect() {
    local dir=$1
    if [ "$END" = TIMEOUT ] && qemu_alive; then
        printf 'dump\n' >"$dir/ctl.in" &
        local pid=$!
        wait_line 20 "$dir/output" RIG-END || true
        kill $pid 2>/dev/null || true
    fi
    qemu_stop
    if [ -s "$dir/logs.tar" ]; then
        mkdir -p "$dir/logs"
        tar -x -C "$dir/logs" -f "$dir/logs.tar" 2>/dev/null || true
    fi
    rm -f "$dir"/monitor.* "$dir"/ctl.* "$dir/logs.tar" "$dir/files.img" "$dir/state.qcow2"
    [ -n "${KEEP-}" ] || rm -f "$dir/nvme.img" "$dir/nvme2.img"
}

# The NVMe disk's two namespaces: the second is an ext4 with a sparse file that guests may be given, and what GRUB as a
# guest does: it writes what it is, and ends.
make_disks() {          # DIR
    need_tool mkfs.ext4 e2fsprogs
    truncate -s 1G "$1/nvme.img"
    mkdir -p "$1/content/boot/grub"
    truncate -s 48M "$1/content/sparse.img"
    # shellcheck disable=SC2016 # GRUB expands them
    printf '%s\n' 'set told="$grub_cpu-$grub_platform"' 'save_env -f /boot/grub/grubenv told' halt >"$1/content/boot/grub/grub.cfg"
    { printf '# GRUB Environment Block\n'; head -c 1000 /dev/zero | tr '\0' '#'; } | head -c 1024 >"$1/content/boot/grub/grubenv"
    mkfs.ext4 -q -F -d "$1/content" "$1/nvme2.img" 96M || die "mkfs.ext4 failed for nvme2.img"
    rm -r "$1/content"
}

# The NIC's outside, as pcap
capture() {     # FILE-NAME DIR
    [ -z "$1" ] || QEMU_ARGS+=(-object "filter-dump,id=dump,netdev=net,file=$2/$1")
}

# A namespace without content, which answers when nobody has asked for so long (of the host's clock), then all at once: the
# processor is idle by then, and what a request costs repeats.
even_disk() {   # MICROSECONDS
    local socket=even.$$.sock
    [ -n "$1" ] || return 0
    host_program evendisk
    (cd "$IMG" && ./evendisk "$socket" 1073741824 "$1") || die "evendisk does not start"
    # shellcheck disable=SC2054 # commas belong to QEMU's options
    QEMU_ARGS+=(-blockdev "driver=nbd,node-name=even,server.type=unix,server.path=$socket" -device nvme-ns,drive=even,bus=nvme,nsid=3)
}

# Frames, to the outside and from there, are delivered at even moments of the machine's time, all that have come by then.
# When the test host had an answer ready does not matter, if it had it before the next moment; and the echo answers with
# all that it got at one moment.
even_net() {    # MICROSECONDS
    [ -z "$1" ] || QEMU_ARGS+=(-object "filter-buffer,id=even,netdev=net,interval=$1,queue=all")
}

# Xen waits 5 s before it reboots the machine of a dom0 that has crashed, in a loop that would take the emulation a
# quarter of an hour: the machine is reset at once.  Who measures has to add them (dom0/dies.sh).
skip_xens_wait() {      # DIR
    tail -n +1 -f --pid="$QEMU_PID" -s 0.2 "$1/console.log" 2>/dev/null | while IFS= read -r line; do
        [[ $line != *"rebooting machine in 5 seconds"* ]] || echo system_reset >&7
    done &
}

# scenario_run NAME: prints one result line; returns 0 when it passed
scenario_run() {
    local file start dir mem timeout result check
    NAME=$1 WHY=
    file=$(scenario_file "$NAME")
    dir=$LOGS/$NAME
    MACHINE=$(header "$file" machine plain)
    case ${RIG_MACHINE-}:$MACHINE in
    plain:passthrough) ;; # true concurrency; hangs for minutes when the test host is busy
    *:passthrough) MACHINE=passthrough-icount ;;
    *:linux) MACHINE=passthrough-linux-icount ;;
    plain:icount) MACHINE=plain ;; # many times faster, and its times mean little
    icount:*) [[ $MACHINE == *icount ]] || MACHINE=icount ;;
    esac
    mem=$(header "$file" mem 2048)
    timeout=${RIG_TIMEOUT:-$(header "$file" timeout 120)}
    start=$(now_ns)
    rm -rf "$dir"
    mkdir -p "$dir"
    lock_cache      # another rig may make the same images
    files_for "$file" "$dir"
    unlock_cache
    if [[ $MACHINE == passthrough* || $MACHINE == icount ]]; then
        [ "$MACHINE" = icount ] || make_disks "$dir"
        even_echo "$(header "$file" even-net '')"
        qemu_args "$MACHINE" "$mem" "$dir"
        capture "$(header "$file" capture '')" "$dir"
        even_disk "$(header "$file" even-disk '')"
        even_net "$(header "$file" even-net '')"
        [ -z "$(header "$file" reboots '')" ] || QEMU_ARGS+=(-action reboot=reset)
        say "$NAME: booting ($MACHINE: a cold boot)"
        # shellcheck disable=SC2086 # words are meant
        qemu_start "$dir" ${RIG_QEMU-}
        [ -z "$(header "$file" reboots '')" ] || skip_xens_wait "$dir"
    else
        lock_cache
        snapshot_ensure "$MACHINE" "$mem"
        # a copy on top: the snapshot stays as it is, and several runs may use it
        cp --reflink=auto --sparse=always "$(snapshot_file "$MACHINE" "$mem")" "$dir/state.qcow2"
        unlock_cache
        qemu_args "$MACHINE" "$mem" "$dir"
        say "$NAME: continuing from the snapshot ($MACHINE)"
        # shellcheck disable=SC2086 # words are meant
        qemu_start "$dir" -loadvm ready ${RIG_QEMU-}
    fi
    stream "$dir" "$timeout" "$(header "$file" silence "$timeout")"
    collect "$dir"
    # What only the host can see
    check=$(header "$file" check '')
    if [ "$END" = "END 0" ] && [ -n "$check" ] && ! "$RIG_DIR/host/$check" "$dir" >"$dir/check" 2>&1; then
        END='END 1' WHY="$check on the host: $(tail -n 2 "$dir/check" | tr '\n' ' ')"
    fi
    [ -z "$check" ] || sed 's/^/  /' "$dir/check"
    case $END in
    "END 0") result="PASS $NAME $(since "$start")s" ;;
    "END "*) result="FAIL $NAME ${WHY:-the scenario ended with ${END#END }: see output}" ;;
    TIMEOUT) result="FAIL $NAME time-out of $timeout s or silence, waiting for: ${WAITING:-nothing it told}" ;;
    *) result="FAIL $NAME the machine died: $(tail -n 1 "$dir/qemu.log") $(tail -n 1 "$dir/console.log")" ;;
    esac
    printf '%s\n' "$result" | tee "$dir/result"
    [[ $result == PASS* ]]
}
