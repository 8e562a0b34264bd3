# The report as one HTML page: tables and bars, no script, nothing fetched.

# Apart from each other for the colour-blind, too (Paul Tol's bright scheme).
BEGIN {
    colours = split("#222222 #4477aa #66ccee #228833 #ccbb44 #ee6677 #aa3377", colour, " ")
    LABEL = 250; BAR = 420; HIGH = 16; GAP = 30
}

# Words of the table and of runs are text, never markup.
function text(s) {
    gsub(/&/, "\\&amp;", s)
    gsub(/</, "\\&lt;", s)
    gsub(/>/, "\\&gt;", s)
    gsub(/"/, "\\&quot;", s)
    return s
}

function head() {
    print "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
    print "<title>The middle ground, measured</title>\n<style>"
    print "body{font:15px/1.4 system-ui,sans-serif;margin:2em auto;max-width:80em;padding:0 1em;color:#222;background:#fff}"
    print "table{border-collapse:collapse}td,th{padding:.15em .6em;text-align:right;vertical-align:top}"
    print "th:first-child,td:first-child{text-align:left}tr+tr{border-top:1px solid #ddd}"
    print "td.none{color:#999}svg{max-width:100%;height:auto}svg text{font:12px system-ui,sans-serif;fill:#333}"
    print "</style></head><body>\n<h1>The middle ground, measured</h1>"
    print "<p>The same work on the same emulated machine, NVMe and e1000e with Linux's stock drivers. One instruction"
    print "takes one nanosecond there, so a cost is a number of instructions: of all who take part, hypervisor and"
    print "driver domain included. The percentage is the fraction of native, higher is better. A number in brackets"
    print "says why there is no figure. Method and limits: docs/middle-ground.md.</p>"
}

# ---- bars: the fraction of native, one block for each row ----

function bar(c, r, i, y,    f, wide) {
    f = fraction(c, r)
    printf "<text x=\"%d\" y=\"%d\" text-anchor=\"end\">%s</text>", LABEL - 8, y + 12, text(title[c])
    if (f == "") {
        printf "<text x=\"%d\" y=\"%d\">not measured</text>\n", LABEL, y + 12
        return
    }
    wide = BAR * (f > 1.25 ? 1.25 : f)
    printf "<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%.1f\" height=\"%d\" fill=\"%s\"><title>%s: %s</title></rect>", LABEL, y + 2,
        wide, HIGH - 4, colour[i], text(title[c]), percent(f)
    printf "<text x=\"%.1f\" y=\"%d\">%s</text>\n", LABEL + wide + 6, y + 12, percent(f)
}

function bars(g,    k, i, n, y) {
    for (k = 1; k <= rows; k++) n += group[row[k]] == g && comparable(row[k])
    if (!n) return
    printf "<svg viewBox=\"0 0 %d %d\" width=\"%d\" role=\"img\" aria-label=\"%s: fractions of native\">\n", LABEL + BAR * 1.25 + 60,
        n * (columns * HIGH + GAP), LABEL + BAR * 1.25 + 60, text(g)
    for (k = 1; k <= rows; k++) {
        if (group[row[k]] != g || !comparable(row[k])) continue
        printf "<text x=\"0\" y=\"%d\" font-weight=\"bold\">%s</text>\n", y + 16, text(name[row[k]])
        for (i = 1; i <= columns; i++) bar(column[i], row[k], i, y + 22 + (i - 1) * HIGH)
        printf "<line x1=\"%d\" x2=\"%d\" y1=\"%d\" y2=\"%d\" stroke=\"#999\" stroke-dasharray=\"2 3\"/>\n", LABEL + BAR, LABEL + BAR,
            y + 20, y + 22 + columns * HIGH
        y += columns * HIGH + GAP
    }
    print "</svg>"
}
function comparable(r) { return kind[r] == "cost" || kind[r] == "rate" }

# ---- the table of a group ----

function td(c, r,    p) {
    if (what[c, r] == "text") { printf "<td>%s</td>", text(cell[c, r]); return }
    if (!has(c, r)) { printf "<td class=\"none\">[%d]</td>", note(reason_of(c, r)); return }
    p = c == "native" ? "" : percent(fraction(c, r))
    printf "<td>%s%s</td>", number(cell[c, r]), p == "" ? "" : "<br>" p
}

function table(g,    k, i) {
    printf "<table><tr><th>%s</th>", text(g)
    for (i = 1; i <= columns; i++) printf "<th>%s</th>", text(title[column[i]])
    print "</tr>"
    for (k = 1; k <= rows; k++) {
        if (group[row[k]] != g) continue
        printf "<tr><td>%s, %s</td>", text(name[row[k]]), text(unit[row[k]])
        for (i = 1; i <= columns; i++) td(column[i], row[k])
        print "</tr>"
    }
    print "</table>"
}

END {
    head()
    for (k = 1; k <= rows; k++) {
        g = group[row[k]]
        if (g in done) continue
        done[g] = 1
        printf "<h2>%s</h2>\n", text(g)
        bars(g)
        table(g)
    }
    print "<h2>Why there is no figure</h2>"
    for (i = 1; i <= notes; i++) printf "<p>[%d] %s</p>\n", i, text(reason[i])
    print "</body></html>"
}
