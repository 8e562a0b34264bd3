# expect 9: key "a b" cannot be a xenstore name
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key a b
