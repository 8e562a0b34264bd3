# shellcheck shell=bash
# Sourced by network tests on fakexen: session.sh, with the driver domain in a network namespace of its own
# that has a bridge br0 (10.0.255.1/16) and nothing else.
# shellcheck source=tests/loop/session.sh
. "$(dirname "${BASH_SOURCE[0]}")/session.sh"
# shellcheck disable=SC2034,SC2154 # for whoever sources this; top, fx and dir come from session.sh

ns=drvdom-${dir##*.} # a process id is not unique: tests run in PID namespaces of their own
dd_run=(ip netns exec "$ns")
trap 'rc=$?; ip netns delete "$ns" 2>/dev/null; (exit $rc); session_end' EXIT

inside() { ip netns exec "$ns" "$@"; }
net_start() {
    ip netns add "$ns" || exit 1
    inside ip link set lo up
    inside ip link add br0 type bridge mcast_snooping 0
    inside ip address add 10.0.255.1/16 dev br0
    inside ip link set br0 up
    session_start
}
attach() { timeout 30 "$fx" attach-vif "$dir" "$1" 5 "${DEVID:-0}" "${2-br0}" "${@:3}"; } # guest, bridge, KEY=VALUE...
detach() { timeout 40 "$fx" detach "$dir" vif "$1" 5 "${DEVID:-0}"; }
mac() { printf '00:16:3e:00:%02x:00' "$1"; }
front() { timeout "${FRONT_TIME:-120}" "$fx" in "$dir" "$1" -- "$BIN/drvdom-netfront" --devid 0 "${@:2}"; }
# A guest that sends back what comes, in the background, as long as the session may last: however slow the
# machine is, it must not end before echo_stop.
echo_start() { # guest, options...
    FRONT_TIME=${SESSION_TIME:-600} front "$1" "${@:2}" echo >"$dir/echo$1.log" 2>&1 &
    echo $! >"$dir/echo$1.pid"
    soon grep -q 'echo ready' "$dir/echo$1.log"
}
echo_stop() { # guest: was all as it should be until now?
    local pid child
    pid=$(<"$dir/echo$1.pid")
    child=$(pgrep -P "$pid" | head -1)
    kill -TERM "${child:-$pid}" 2>/dev/null
    soon not kill -0 "$pid" 2>/dev/null
    tail -1 "$dir/echo$1.log" | tee "$dir/echo.last"
    grep -q '^echo ok' "$dir/echo.last"
}
