# The table and the JSON of make bench-rig, from lines "BACKEND.WORK.WHAT VALUE UNIT".
# -v parts, backends, json.  Exit status 1 when a part that was asked for has no figure.

function works_of(part) {
    if (part == "block-qd1") return "randread-4k-qd1 randwrite-4k-qd1"
    if (part == "block-qd32") return "randread-4k-qd32 randwrite-4k-qd32"
    if (part == "block-seq") return "read-128k-qd8 write-128k-qd8"
    if (part == "block-fsync") return "fsync-4k"
    if (part == "ping") return "ping ping-guest"
    if (part == "tcp") return "tcp-to-domain tcp-from-domain tcp-guest-guest"
    if (part == "rr") return "rr-domain rr-guest"
    if (part == "udp") return "udp-domain udp-guest"
    if (part == "nvme") return "nvme-randread-4k-qd1 nvme-randwrite-4k-qd1 nvme-randread-4k-qd32 nvme-read-128k-qd8"
    if (part == "wire") return "wire-ping wire-tcp-echo"
    return ""
}
# Which figures of a kind of work are shown; all go into the JSON.
function shown(part, work,    calls) {
    calls = asked("calls") && part !~ /^(nvme|wire)/ ? " calls.dd events.dd calls.g1 events.g1" : ""
    if (part == "ping" || work == "wire-ping") return "mean p50 p99"
    if (part == "block-qd32") return "mean p99 p99.9 iops cpu.dd cpu.g1 cpu.dom0" calls
    if (part == "block-seq") return "mean p99 rate cpu.dd cpu.g1 cpu.dom0" calls
    if (part ~ /^block|^nvme/) return "mean p50 p99 p99.9 iops cpu.dd cpu.g1 cpu.dom0" calls
    if (part == "rr") return "mean p50 p99 p99.9 rate cpu.dd cpu.g1" both(work) " cpu.dom0" calls
    if (part == "udp") return "rate lost cpu.dd cpu.g1" both(work) " cpu.dom0" calls
    return "rate cpu.dd cpu.g1" both(work) " cpu.dom0" calls
}
function both(work) {
    return work ~ /guest$/ ? " cpu.g2" : ""
}
function asked(part) {
    return index(" " parts " ", " " part " ")
}
# qdisk is a disk only.
function has(b, part) {
    return b != "qdisk" || part == "" || part ~ /^(block|nvme)/
}
function ratio(a, b) {
    if (a == "" || b == "" || b + 0 == 0) return "-"
    return sprintf("%.2f", a / b)
}
function missing(what) {
    if (!(what in named)) print "bench-rig: no figures: " what > "/dev/stderr"
    named[what] = failed = 1
}

{
    split($1, part_of, ".")
    rest = substr($1, length(part_of[1]) + 2)
    value[part_of[1] " " rest] = $2
    unit[rest] = $3
    order[++count] = part_of[1] " " rest
}

END {
    nb = split(backends, backend, " ")
    np = split(parts, part, " ")
    printf "\n%-22s %-9s", "work", "figure"
    for (i = 1; i <= nb; i++) printf " %10s", backend[i]
    printf " %-8s %9s %9s\n", "", "to kernel", "to qdisk"
    for (p = 1; p <= np; p++) for (i = 1; i <= nb; i++)
        if (has(backend[i], part[p]) && value[backend[i] " verified" (part[p] ~ /^(nvme|wire)$/ ? "-devices" : "")] != 1)
            missing(backend[i] ", " part[p] ": not measured to the end or its data not verified")
    if (parts ~ /nvme|wire/) line("start-devices", "ready", "start-devices")
    if (parts ~ /block|ping|tcp|rr|udp/) {
        line("start", "ready", "start")
        line("", "idle", "start")
        line("", "memory", "start")
        if (parts ~ /ping|tcp|rr|udp/) line("", "used", "start")
    }
    for (p = 1; p <= np; p++) {
        nw = split(works_of(part[p]), work, " ")
        for (w = 1; w <= nw; w++) {
            n = split(shown(part[p], work[w]), what, " ")
            for (k = 1; k <= n; k++) line(k == 1 ? work[w] : "", what[k], work[w], part[p])
        }
    }
    write_json()
    exit failed
}

function line(title, what, work, part,    i, key, v) {
    key = work "." what
    printf "%-22s %-9s", title, what
    for (i = 1; i <= nb; i++) {
        v = value[backend[i] " " key]
        if (v == "" && has(backend[i], part) && (what != "used" || backend[i] != "qdisk"))
            missing(backend[i] " " work)
        printf " %10s", v == "" ? "-" : v
    }
    printf " %-8s %9s %9s\n", unit[key], ratio(value["drvdom " key], value["kernel " key]), ratio(value["drvdom " key], value["qdisk " key])
}

function write_json(    i, b, k, sep, name) {
    printf "{\n  \"machine\": \"QEMU TCG, icount: one instruction is one nanosecond\",\n" > json
    for (b = 1; b <= nb; b++) {
        printf "  \"%s\": {", backend[b] > json
        sep = ""
        for (i = 1; i <= count; i++) {
            k = index(order[i], " ")
            if (substr(order[i], 1, k - 1) != backend[b]) continue
            name = substr(order[i], k + 1)
            printf "%s\n    \"%s\": {\"value\": %s, \"unit\": \"%s\"}", sep, name, value[order[i]], unit[name] > json
            sep = ","
        }
        printf "\n  }%s\n", b < nb ? "," : "" > json
    }
    printf "}\n" > json
}
