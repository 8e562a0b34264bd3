# expect 11: default: "yes" is not 0 or 1
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type bool
    default yes
    summary K
