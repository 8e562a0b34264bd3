# expect 11: default: "c" is not one of a, b
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type enum a b
    default c
    summary K
