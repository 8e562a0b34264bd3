# expect 10: enum: needs two words or more
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type enum a
