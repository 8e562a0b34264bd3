# expect 6: "type" is not known in a dir
schema bad
summary Bad
dir d
    path ~/d
    type bool
