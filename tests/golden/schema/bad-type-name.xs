# expect 10: type "int" is unknown
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type int 0..3
