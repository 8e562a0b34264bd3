# The report as Markdown.

function shown(c, r,    p) {
    if (what[c, r] == "text") return cell[c, r]
    if (!has(c, r)) return "- [" note(reason_of(c, r)) "]"
    p = c == "native" ? "" : percent(fraction(c, r))
    return number(cell[c, r]) (p == "" ? "" : " (" p ")")
}

END {
    for (i = 1; i <= columns; i++) line = line " " title[column[i]] " |"
    print "# The middle ground, measured\n"
    print "In parentheses: the fraction of native, higher is better. A number in brackets says why there is no figure.\n"
    print "| work | unit |" line
    printf "| --- | --- |"
    for (i = 1; i <= columns; i++) printf " --- |"
    printf "\n"
    for (k = 1; k <= rows; k++) {
        printf "| %s | %s |", name[row[k]], unit[row[k]]
        for (i = 1; i <= columns; i++) printf " %s |", shown(column[i], row[k])
        printf "\n"
    }
    printf "\n"
    for (i = 1; i <= notes; i++) printf "[%d] %s\n\n", i, reason[i]
}
