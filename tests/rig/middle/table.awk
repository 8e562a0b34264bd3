# What the pages have in common: reads columns, rows and cells; md.awk and html.awk say how it looks.
# ARGV: columns, rows, cells, told apart by their number.

FNR == 1 { file++ }
file == 1 { split($0, f, "|"); column[++columns] = f[1]; title[f[1]] = f[2]; next }
file == 2 {
    split($0, f, "|")
    row[++rows] = f[1]
    kind[f[1]] = f[2]; group[f[1]] = f[3]; name[f[1]] = f[4]; unit[f[1]] = f[5]
    next
}
{
    split($0, f, "\t")
    ran[f[1]] = 1
    what[f[1], f[2]] = f[3]
    cell[f[1], f[2]] = f[4]
}

function has(c, r) { return what[c, r] == "value" }

# As a fraction of native: below 1 is worse.  "" when there is nothing to compare.
function fraction(c, r,    a, b) {
    if (!has(c, r) || !has("native", r)) return ""
    a = cell["native", r]; b = cell[c, r]
    if (kind[r] == "rate") { a = b; b = cell["native", r] }
    else if (kind[r] != "cost") return ""
    return b > 0 ? a / b : ""
}
function percent(x) { return x == "" ? "" : sprintf(x < 0.0995 ? "%.1f %%" : "%.0f %%", 100 * x) }

# 12345.6 as "12 346"
function number(x,    s, t) {
    if (x < 0) return "-" number(-x)
    if (x < 100 && x != int(x)) return sprintf("%.2f", x)
    s = sprintf("%.0f", x)
    while (length(s) > 3) { t = " " substr(s, length(s) - 2) t; s = substr(s, 1, length(s) - 3) }
    return s t
}
# Notes collect the reasons: equal ones once.
function note(text) {
    if (!(text in noted)) { noted[text] = ++notes; reason[notes] = text }
    return noted[text]
}
function reason_of(c, r) {
    if (!ran[c]) return "the column has not been run"
    if ((c, r) in what) return cell[c, r]
    return "this column's scenario does not measure it"
}
