# expect 9: key "/a" cannot be a xenstore name
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key /a
