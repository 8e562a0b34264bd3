# One column of the report as JSON, from the rows' table and the lines "ROW VALUE UNIT" of its run.
# -v column, title, result (the rig's result line), revision.  A row without a figure says why.

function quoted(s) {
    gsub(/\\/, "\\\\", s)
    gsub(/"/, "\\\"", s)
    gsub(/[\001-\037]/, " ", s)
    return "\"" s "\""
}
function rest(    s) {
    s = $0
    sub(/^[^ ]+ [^ ]+ /, "", s)
    return s
}

NR == FNR {
    split($0, field, "|")
    wanted[field[1]] = 1
    order[++rows] = field[1]
    next
}
$2 == "missing" || $2 == "text" {
    kind[$1] = $2
    value[$1] = rest()
    if (!($1 in wanted)) order[++rows] = $1
    next
}
{
    if (!($1 in wanted) && !($1 in value)) order[++rows] = $1
    value[$1] = $2
    unit[$1] = rest()
}

function row(name) {
    if (!(name in value))
        return "{\"missing\": " quoted(result ~ /^PASS/ ? "this column's scenario does not measure it" : "not measured: " result) "}"
    if (kind[name] == "missing") return "{\"missing\": " quoted(value[name]) "}"
    if (kind[name] == "text") return "{\"text\": " quoted(value[name]) "}"
    return "{\"value\": " value[name] ", \"unit\": " quoted(unit[name]) "}"
}

END {
    printf "{\n  \"column\": %s,\n  \"title\": %s,\n  \"result\": %s,\n  \"revision\": %s,\n  \"rows\": {", quoted(column),
        quoted(title), quoted(result), quoted(revision)
    for (i = 1; i <= rows; i++)
        printf "%s\n    %s: %s", (i > 1 ? "," : ""), quoted(order[i]), row(order[i])
    printf "\n  }\n}\n"
}
