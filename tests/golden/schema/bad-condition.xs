# expect 12: unless: d has no key z
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type bool
    required Connected
    unless z
    summary K
