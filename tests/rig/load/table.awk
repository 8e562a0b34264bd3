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
}
# Which figures of a kind of work are shown; all go into the JSON.
function shown(part) {
    if (part == "block-qd32" ) return "mean p99 p99.9 iops cpu.dd cpu.g1 cpu.dom0"
    if (part ~ /^block-seq/) return "mean p99 rate cpu.dd cpu.g1 cpu.dom0"
    if (part ~ /^block/) return "mean p50 p99 p99.9 iops cpu.dd cpu.g1 cpu.dom0"
    if (part == "ping") return "mean p99"
    if (part == "tcp") return "rate cpu.dd cpu.g1 cpu.g2"
    if (part == "rr") return "mean p50 p99 p99.9 rate cpu.dd cpu.g1"
    return "rate lost cpu.dd cpu.g1 cpu.g2"
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
    printf "\n%-18s %-9s", "work", "figure"
    for (i = 1; i <= nb; i++) printf " %10s", backend[i]
    printf " %-8s %9s %9s\n", "", "to kernel", "to qdisk"
    for (i = 1; i <= nb; i++)
        if (value[backend[i] " verified"] != 1 && (backend[i] != "qdisk" || parts ~ /block/))
            missing(backend[i] ", not measured to the end or its data not verified")
    np = split(parts, part, " ")
    for (p = 1; p <= np; p++) {
        nw = split(works_of(part[p]), work, " ")
        for (w = 1; w <= nw; w++) rows(part[p], work[w])
    }
    write_json()
    exit failed
}

function rows(part, work,    i, k, n, what, key, v, drv) {
    n = split(shown(part), what, " ")
    for (k = 1; k <= n; k++) {
        key = work "." what[k]
        if (what[k] == "cpu.g2" && work !~ /guest$|guest-guest/) continue
        printf "%-18s %-9s", k == 1 ? work : "", what[k]
        for (i = 1; i <= nb; i++) {
            v = value[backend[i] " " key]
            if (v == "" && (backend[i] != "qdisk" || part ~ /^block/)) missing(backend[i] " " work)
            printf " %10s", v == "" ? "-" : v
        }
        drv = value["drvdom " key]
        printf " %-8s %9s %9s\n", unit[key], ratio(drv, value["kernel " key]), ratio(drv, value["qdisk " key])
    }
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
