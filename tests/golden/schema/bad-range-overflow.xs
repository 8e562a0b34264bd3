# expect 10: "18446744073709551616" is not a number
schema bad
summary Bad
dir d
    path ~/d
    owner back
    perms n$BACK
    summary Dir
key k
    type uint 0..18446744073709551616
