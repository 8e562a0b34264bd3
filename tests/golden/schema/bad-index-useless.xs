# expect 9: key k has no %u for its index
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
    index 3
    summary K
