# expect 10: "-1" is not a number
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type uint -1..4
