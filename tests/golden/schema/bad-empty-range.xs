# expect 10: the range 5..4 is empty
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type uint 5..4
