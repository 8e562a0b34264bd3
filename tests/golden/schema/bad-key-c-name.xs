# expect 13: keys a-b and a/b have the same name in C
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key a-b
    type bool
    optional
    summary K
key a/b
    type bool
    optional
    summary K
