# expect 9: key k: say required STATE, optional or default VALUE
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type bool
    summary K
