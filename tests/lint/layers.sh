#!/bin/bash
# The order of the house: a file may include its own room and the rooms its room `uses` in the Makefile.
# usage: layers.sh [FILE...]   (default: every C file of every room)
set -euo pipefail
cd "$(dirname "$0")/../.."

table=$(make -s print-layers) # lines: room dir used-room...
mapfile -t files < <(if [ $# -gt 0 ]; then printf '%s\n' "$@"; else
    awk '{print $2}' <<<"$table" | while read -r d; do find "$d" -maxdepth 1 -name '*.[ch]' 2>/dev/null; done; fi)

awk -v table="$table" '
BEGIN {
    n = split(table, row, "\n")
    for (i = 1; i <= n; i++) {
        m = split(row[i], f, " ")
        dir[f[1]] = f[2]; room[f[2]] = f[1]
        for (j = 3; j <= m; j++) uses[f[1], f[j]] = 1
    }
    room["schema"] = "schema"; room["xenstore-schema"] = "schema" # generated headers: "schema/x.h"
}
function dirname(p) { sub(/\/[^\/]*$/, "", p); return p }
/^[ \t]*#[ \t]*include[ \t]*"/ {
    split($0, q, "\""); to = dirname(q[2]); from = dirname(FILENAME)
    mine = room[from]
    if (to == q[2]) { printf "%s:%d: include \"%s\" must name its room\n", FILENAME, FNR, q[2]; bad = 1; next }
    if (!(to in room)) { printf "%s:%d: \"%s\" is in no room of the Makefile\n", FILENAME, FNR, q[2]; bad = 1; next }
    if (room[to] != mine && !((mine, room[to]) in uses)) {
        printf "%s:%d: room %s must not include %s (room %s): see the table in the Makefile\n", FILENAME, FNR, mine, q[2], room[to]; bad = 1
    }
}
END { exit bad }' "${files[@]}"
