# expect 10: enum: "a" stands twice
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type enum a b a
