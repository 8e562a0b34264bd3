# expect 11: required: "Ready" is not Initialising, InitWait, Initialised or Connected
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type bool
    required Ready
    summary K
