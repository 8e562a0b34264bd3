# expect 9: key k%u needs the largest index: index N
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k%u
    type bool
    optional
    summary K
