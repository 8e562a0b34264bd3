#!/bin/bash
# Every header compiles alone, and every C file of a room with a header of its name includes it first.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
while read -r h; do
    if ! gcc -std=gnu11 -D_GNU_SOURCE -I. -Ibuild/gen -Wall -Wextra -Werror -fsyntax-only -x c \
        -include "$h" /dev/null 2>/tmp/headers.$$; then
        echo "$h: does not compile alone:"
        head -5 /tmp/headers.$$
        bad=1
    fi
    c=${h%.h}.c
    if [ -f "$c" ]; then
        first=$(grep -m1 '^#include' "$c" || true)
        if [ "$first" != "#include \"$h\"" ]; then
            echo "$c: its first include must be its own header \"$h\", not: $first"
            bad=1
        fi
    fi
done < <(git ls-files '*.h' | grep -v '^tests/')
rm -f /tmp/headers.$$
exit $bad
