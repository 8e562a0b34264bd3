# The goals of make bench-rig beside what was measured, as a Markdown table.  Reads build/bench/rig.json (one figure a
# line, as table.awk writes it).

function row(title, figure, kernel_goal, qdisk_goal) {
    title_of[++n] = title; figure_of[n] = figure; goal[n, "kernel"] = kernel_goal; goal[n, "qdisk"] = qdisk_goal
}
function show(b, figure) {
    return (b, figure) in value ? value[b, figure] : "-"
}
# "0.91, goal >= 1.05, missed"
function judged(i, other,    r, g, most) {
    if (!(("drvdom", figure_of[i]) in value) || value[other, figure_of[i]] + 0 == 0) return "-"
    r = sprintf("%.2f", value["drvdom", figure_of[i]] / value[other, figure_of[i]])
    g = goal[i, other]
    if (g == "") return r
    most = g ~ /^<=/
    sub(/^[<>]= /, "", g)
    return sprintf("%s (%s %s: %s)", r, most ? "at most" : "at least", g, (most ? r <= g + 0 : r >= g + 0) ? "met" : "**missed**")
}

/^  "[a-z].*": \{$/ { split($0, part, "\""); backend = part[2]; next }
/"value":/ {
    split($0, part, "\"")
    match($0, /"value": [-0-9.e+]*/)
    value[backend, part[2]] = substr($0, RSTART + 9, RLENGTH - 9) + 0
    unit[part[2]] = part[8]
}

END {
    row("4 KiB read, depth 1, mean", "randread-4k-qd1.mean", "<= 1.0", "<= 0.55")
    row("the same, p99", "randread-4k-qd1.p99", "<= 1.0")
    row("4 KiB write, depth 1, mean", "randwrite-4k-qd1.mean", "<= 1.0", "<= 0.55")
    row("4 KiB read, depth 32", "randread-4k-qd32.iops", ">= 1.05", ">= 1.8")
    row("4 KiB write, depth 32", "randwrite-4k-qd32.iops", ">= 1.05", ">= 1.8")
    row("driver domain's processor time, read, depth 32", "randread-4k-qd32.cpu.dd", "<= 0.75")
    row("128 KiB read, depth 8", "read-128k-qd8.rate", ">= 1.0", ">= 3")
    row("128 KiB write, depth 8", "write-128k-qd8.rate", ">= 1.0", ">= 3")
    row("4 KiB write and fsync, mean", "fsync-4k.mean")
    row("ping to the driver domain, mean", "ping.mean", "<= 1.0")
    row("ping to another guest, mean", "ping-guest.mean", "<= 1.0")
    row("TCP to the driver domain", "tcp-to-domain.rate", ">= 1.1")
    row("TCP from the driver domain", "tcp-from-domain.rate", ">= 1.0")
    row("TCP guest to guest", "tcp-guest-guest.rate", ">= 1.1")
    row("TCP request and response, guest to guest, mean", "rr-guest.mean")
    row("64-byte packets to the driver domain", "udp-domain.rate", ">= 1.2")
    row("64-byte packets guest to guest", "udp-guest.rate", ">= 1.2")
    row("`xl create` to ready (goal: at most 6.5 s)", "start.ready")
    print "| | kernel's | qdisk | drvdom | | to the kernel's (goal) | to qdisk (goal) |"
    print "| --- | --- | --- | --- | --- | --- | --- |"
    for (i = 1; i <= n; i++) {
        if (!(("drvdom", figure_of[i]) in value)) continue
        printf "| %s | %s | %s | %s | %s | %s | %s |\n", title_of[i], show("kernel", figure_of[i]), show("qdisk", figure_of[i]), \
            show("drvdom", figure_of[i]), unit[figure_of[i]], judged(i, "kernel"), judged(i, "qdisk")
    }
}
