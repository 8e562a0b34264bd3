# expect 7: key k has no owner, and its dir has none
schema bad
summary Bad
dir d
    path ~/d
    summary Dir
key k
    type bool
    optional
    perms n$X
    summary K
