# expect 7: sub: needs NAME-%u and the largest index
schema bad
summary Bad
dir d
    path ~/d
    summary Dir
    sub queue
