# expect 6: path: said twice
schema bad
summary Bad
dir d
    path ~/d
    path ~/e
