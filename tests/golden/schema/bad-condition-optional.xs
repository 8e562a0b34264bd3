# expect 12: only-if: k is not required
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type bool
    optional
    only-if k
    summary K
