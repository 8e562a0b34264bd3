# A picture of build/bench/rig.json (one figure a line, as table.awk writes it): SVG to standard output.  For each work
# its latency, its rate and the driver domain's processor time, each relative to the first backend's.

function panel(title, what,    i, b, v, base, shown, y0) {
    y += 34
    y0 = y
    body = body sprintf("<text x=\"10\" y=\"%d\" class=\"t\">%s, relative to %s</text>\n", y, title, backend[1])
    y += 8
    for (i = 1; i <= works; i++) {
        base = value[backend[1], work[i] "." what]
        if (base + 0 == 0) continue
        body = body sprintf("<text x=\"10\" y=\"%d\">%s</text>\n", y + 12, work[i])
        for (b = 1; b <= backends; b++) {
            v = value[backend[b], work[i] "." what]
            if (v == "") continue
            bar(b, v / base, v " " unit[work[i] "." what])
        }
        y += 6
    }
    body = body sprintf("<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"#000\" stroke-dasharray=\"3 3\"/>\n", \
        LEFT + ONE, LEFT + ONE, y0 + 6, y)
}
function bar(b, r, label,    w) {
    w = r > MOST ? MOST * ONE : r * ONE
    body = body sprintf("<rect x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"11\" fill=\"%s\"/>", LEFT, y + 3, w, COLOUR[b])
    body = body sprintf("<text x=\"%.1f\" y=\"%d\">%.2f (%s)</text>\n", LEFT + w + 4, y + 13, r, label)
    y += 14
}

/^  "[a-z].*": \{$/ { split($0, part, "\""); backend[++backends] = part[2]; next }
/"value":/ {
    split($0, part, "\"")
    name = part[2]
    match($0, /"value": [-0-9.e+]*/)
    value[backend[backends], name] = substr($0, RSTART + 9, RLENGTH - 9)
    unit[name] = part[8]
    w = substr(name, 1, index(name, ".") - 1)
    if (w != "start" && !(w in seen)) { seen[w] = 1; work[++works] = w }
}
END {
    LEFT = 170; ONE = 150; MOST = 4; y = 20
    split("#888 #d95f02 #1b9e77 #7570b3 #e7298a", COLOUR, " ")
    for (b = 1; b <= backends; b++)
        body = body sprintf("<rect x=\"%d\" y=\"8\" width=\"11\" height=\"11\" fill=\"%s\"/><text x=\"%d\" y=\"18\">%s</text>\n", \
            10 + 110 * (b - 1), COLOUR[b], 25 + 110 * (b - 1), backend[b])
    panel("Latency, mean (shorter is better)", "mean")
    panel("Rate (longer is better)", "rate")
    panel("Processor time of the driver domain, per operation (shorter is better)", "cpu.dd")
    printf "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" font-family=\"sans-serif\" font-size=\"11\">\n", \
        LEFT + MOST * ONE + 160, y + 20
    print "<style>.t { font-weight: bold; font-size: 13px }</style><rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>"
    printf "%s</svg>\n", body
}
