# expect 9: dir d stands twice
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
dir d
