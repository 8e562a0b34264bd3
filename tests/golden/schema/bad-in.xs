# expect 10: in: d has no sub queue-%u
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    in queue-%u
