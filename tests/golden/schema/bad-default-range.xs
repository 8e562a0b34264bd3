# expect 11: default: "9" is not a number in 0..8
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type uint 0..8
    default 9
    summary K
