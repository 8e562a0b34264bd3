#!/bin/bash
# Files over 500 lines are named, over 800 fail: split them.  No TODO without an issue number.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
while read -r f; do
    n=$(wc -l <"$f")
    if [ "$n" -gt 800 ]; then
        echo "$f: $n lines: more than 800, split it"
        bad=1
    elif [ "$n" -gt 500 ]; then
        echo "note: $f has $n lines"
    fi
    if grep -nE '\b(TODO|FIXME|XXX)\b' "$f" | grep -vE '(TODO|FIXME|XXX)\(#[0-9]+\)'; then
        echo "$f: a TODO without an issue number"
        bad=1
    fi
done < <(git ls-files '*.c' '*.h')
exit $bad
