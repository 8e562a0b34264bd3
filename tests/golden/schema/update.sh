#!/bin/bash
# Writes the expected outputs again after a wanted change of schemac: read the diff before you commit.
set -euo pipefail
cd "$(dirname "$0")/../../.."
schemac=${SCHEMAC:-build/host/schemac}
golden=tests/golden/schema
"$schemac" c --header $golden/good.xs > $golden/good.h.out
"$schemac" c --source $golden/good.xs > $golden/good.c.out
"$schemac" table $golden/good.xs > $golden/good.table.out
for verb in keys md man; do
    "$schemac" $verb $golden/good-base.xs $golden/good.xs > $golden/good.$verb.out
done
