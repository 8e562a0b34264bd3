#!/bin/bash
# Every verb of drvdom and every directive of drvdom.conf has its place in the manual, and the manual
# has no others; groff finds no fault in the pages.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
# differ WHAT HAVE WANT
differ() {
    if ! diff <(sort -u <<<"$2") <(sort -u <<<"$3") >/tmp/man.$$; then
        echo "$1: < in the manual only, > missing there:"
        grep '^[<>]' /tmp/man.$$
        bad=1
    fi
    rm -f /tmp/man.$$
}
differ docs/man/drvdom.8 \
    "$(sed -n '/^\.SH VERBS/,/^\.SH DEVICES/p' docs/man/drvdom.8 | grep -A1 '^\.TP' | grep -oP '\\fB\K[a-z]+(?=[\\ ])' |
       grep -vxE 'disk|vif|insert|eject')" \
    "$(sed -n 's/^    {"\([a-z]*\)".*/\1/p' dom0-tools/main.c)"
differ docs/man/drvdom.conf.5 \
    "$(sed -n '/^\.SH DIRECTIVES/,/^\.SH EXAMPLE/p' docs/man/drvdom.conf.5 | grep -A1 '^\.TP' | grep -oP '^\\fB\K[a-z]+')" \
    "$(sed -n 's/^    {"\([a-z]*\)", "[a-z]*[ "].*/\1/p' driver-domain/image/conf.c)"
if command -v groff >/dev/null; then
    for f in docs/man/*; do
        out=$(groff -man -ww -Tutf8 -z "$f" 2>&1)
        [ -z "$out" ] || { echo "$out"; bad=1; }
    done
fi
exit $bad
