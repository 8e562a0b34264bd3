# Columns with plain Linux below: itself, containers, and guests of KVM, which define some of this anew.  Sourced after
# middle.sh.
# shellcheck shell=dash disable=SC2154,SC3043

# Processor time used so far: all that was not idle.
spent() {
    awk '/^now at/ { now = $3 } /\.idle_sleeptime|\.iowait_sleeptime/ { sub(/.*: */, ""); idle += $1 }
        END { printf "all %.0f\n", now - idle }' /proc/timer_list
}
crossed() {
    crossed_linux
}
memory_free() {
    cat /proc/sys/vm/stat_refresh   # what each processor still keeps for itself is counted, too
    sed -n 's/^MemAvailable: *\([0-9]*\) kB/\1/p' /proc/meminfo
}

# What whoever has taken over PID can ask of the kernel that has the drivers: all its system calls, if no filter is on.
surface_linux() {       # SECCOMP-LINE-OF-STATUS WHO
    local all
    all=$(grep ' __x64_sys_[a-z0-9_]*$' /proc/kallsyms | grep -vc ni_syscall)
    [ "$(echo "$1" | tr -dc 0-9)" = 0 ] || fail "a filter of system calls is on: $1"
    figure surface text "$2$all system calls with all their ioctls"
}
surface() {
    surface_linux "$(in_place 'grep ^Seccomp: /proc/self/status' 10)"
}
kernels() {
    figure kernels text "one for all, the host's own: $(uname -r) here, $(in_place 'uname -r' 10) in an instance"
}
