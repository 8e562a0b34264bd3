# expect 10: type uint: wrong number of words after it
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type uint 1..2 3
