#!/bin/bash
# No literal xenstore path or key name in C outside xenstore-schema: the generated accessors and
# NAME_KEY_ macros are the only spelling.  usage: xspath.sh [FILE...]; SCHEMAC names the compiler.
#
# A finding is a string literal (not a comment) that
#   - has a xenstore directory in it: /local/domain, /libxl/, backend/vbd, device/vif, data/drvdom
#   - is a key of the schema with a '-' or '/' in its name ("ring-ref"), or a queue directory
#   - joins a directory and a key: "%s/state"
#   - is the path argument of a store_ call (except "@releaseDomain" and its like)
# A line with a comment "xspath: why" is left alone.
# tests/ is not looked at: a test that took its paths from the generator could not find it wrong.
set -euo pipefail
cd "$(dirname "$0")/../.."
schemac=${SCHEMAC:-build/host/schemac}
[ -x "$schemac" ] || { echo "xspath: $schemac is not built: make $schemac" >&2; exit 2; }

keys=$("$schemac" keys xenstore-schema/*.xs | cut -d' ' -f2 | sort -u)
subs=$("$schemac" keys xenstore-schema/*.xs | cut -d' ' -f3 | sort -u | grep -v '^-$')

# Prints FILE:LINE: "literal" for each finding.
scan() {
    awk -v keys="$keys" -v subs="$subs" '
    BEGIN {
        n = split(keys, list, "\n")
        for (i = 1; i <= n; i++) {
            key[list[i]] = 1
            # A word such as "state" is also plain English; only a telling name counts by itself.
            if (list[i] ~ /[-\/]/) telling[list[i]] = 1
        }
        n = split(subs, list, "\n")
        for (i = 1; i <= n; i++) { sub_dir[list[i]] = 1; telling[list[i]] = 1 }
    }
    FNR == 1 { comment = 0; call = "" }
    # Is it a xenstore name?  tail: what follows the last "%s/" or "%u/" of a format.
    function is_path(s,    tail, cut) {
        if (s ~ /\/local\/domain|^\/libxl(\/|$)|data\/drvdom/) return 1
        if (s ~ /(^|[\/ "])(backend|device)\/(vbd3?|vif|qdisk|%[su])(\/|$|[^a-z0-9])/) return 1
        if (s in telling) return 1
        tail = s
        while (match(tail, /%[su]\//)) {
            tail = substr(tail, RSTART + RLENGTH)
            if ((tail in key) || (tail in sub_dir)) return 1
        }
        # "queue-%u/ring-ref"
        cut = index(s, "/")
        return cut && (substr(s, 1, cut - 1) in sub_dir) && (substr(s, cut + 1) in key)
    }
    # Does the text of a call up to here say that the next literal is its path argument?
    function is_path_arg(c) {
        return c ~ /store_(watch|unwatch) *\([^,"]*,[ ]*$/ ||
               c ~ /store_(read|write|rm|exists|each|set_perms) *\([^,"]*,[^,"]*,[ ]*$/
    }
    {
        line = $0; out = ""
        if (line ~ /^[ \t]*#[ \t]*include/) next
        while (line != "") {
            if (comment) {
                if (!(p = index(line, "*/"))) break
                line = substr(line, p + 2); comment = 0; continue
            }
            if (!match(line, /\/\*|\/\/|"|\047/)) { call = call line; break }
            call = call substr(line, 1, RSTART - 1)
            mark = substr(line, RSTART, RLENGTH); line = substr(line, RSTART + RLENGTH)
            if (mark == "/*") { comment = 1; continue }
            if (mark == "//") break
            # A literal ends at the first quote that is not escaped.
            if (mark == "\"") match(line, /^([^"\\]|\\.)*"/)
            else match(line, /^([^\047\\]|\\.)*\047/)
            if (RSTART == 0) break
            lit = substr(line, 1, RLENGTH - 1); line = substr(line, RLENGTH + 1)
            if (mark == "\"" && $0 !~ /xspath: / &&
                (is_path(lit) || (is_path_arg(call) && lit !~ /^@/)))
                printf "%s:%d: \"%s\"\n", FILENAME, FNR, lit
            call = call mark mark
        }
        if (call ~ /;[ \t]*$|[{}][ \t]*$/) call = ""
        else call = call " "
    }' "$@"
}

# A lint that finds nothing proves nothing: it must find each BAD line of the sample, and only those.
sample=tests/lint/xspath.sample
want=$(grep -n 'BAD \*/$' "$sample" | cut -d: -f1)
got=$(scan "$sample" | cut -d: -f2 | uniq)
if [ "$want" != "$got" ]; then
    echo "xspath: the self test fails: lines of $sample that differ:" >&2
    diff <(echo "$want") <(echo "$got") >&2 || true
    exit 2
fi

if [ $# -gt 0 ]; then
    files=("$@")
else
    mapfile -t files < <(find transport backends frontends driver-domain dom0-tools \
        -name '*.[ch]' 2>/dev/null | sort)
fi
[ ${#files[@]} -gt 0 ] || { echo "xspath: no files" >&2; exit 2; }
found=$(scan "${files[@]}")
if [ -n "$found" ]; then
    echo "$found"
    echo "xspath: a literal xenstore path or key: use the accessors of build/gen/schema/*.h" >&2
    exit 1
fi
