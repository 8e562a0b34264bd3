# expect 4: d: "a b" cannot stand in a xenstore path
schema bad
summary Bad
dir d
    path ~/a b
    summary Dir
