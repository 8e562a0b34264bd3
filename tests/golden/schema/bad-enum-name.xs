# expect 10: enum: "8086" needs a name: NAME=VALUE
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type enum a 8086
