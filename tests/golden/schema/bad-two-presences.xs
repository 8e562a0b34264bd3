# expect 12: default: only one of required, optional and default
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
    default 1
    summary K
