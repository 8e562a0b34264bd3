# What the victim saw beside each row of the catalogue.   awk -v windows=FILE -f beside.awk ROWS
# FILE: "END P99" for every short window of the victim's time; ROWS: "NAME RESULT BEGAN ENDED ...", the
# first of them a polite neighbour, who is the measure.  Prints for each row the median of the windows in
# it, as so many times the polite one's; fails when there is a row beside which nothing was served.
function median(v, n,    i, j, t) {
    for (i = 2; i <= n; i++)
        for (j = i; j > 1 && v[j - 1] > v[j]; j--) { t = v[j]; v[j] = v[j - 1]; v[j - 1] = t }
    return v[int((n + 1) / 2)]
}
BEGIN {
    while ((getline line < windows) > 0) {
        split(line, f, " ")
        end[++w] = f[1]
        p99[w] = f[2]
    }
}
{
    n = 0
    for (i = 1; i <= w; i++)
        if (end[i] > $3 && end[i - 1] < $4) v[++n] = p99[i]
    if (n == 0) { print $1 ": the victim was not served"; bad = 1; next }
    m = median(v, n)
    if (NR == 1) { base = m; printf "polite neighbour: p99 %d us\n", m; next }
    all[++rows] = m / base
    if (m / base > worst) { worst = m / base; who = $1 }
    line_of_rows = line_of_rows sprintf(" %s=%.2f", $1, m / base)
    if (rows % 12 == 0) { print line_of_rows; line_of_rows = "" }
}
END {
    if (line_of_rows != "") print line_of_rows
    if (rows) printf "p99 beside a row, median of rows: %.2f times; highest: %.2f (%s)\n", median(all, rows), worst, who
    exit bad
}
