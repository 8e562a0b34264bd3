# expect 13: key k stands twice in d
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
    summary K
key k
