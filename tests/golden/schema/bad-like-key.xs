# expect 17: key k is already in d
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
dir e
    path ~/e
    like d
    summary Dir
key k
    type bool
    optional
    owner back
    perms n$X
    summary K
