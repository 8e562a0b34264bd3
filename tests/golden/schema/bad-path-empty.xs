# expect 4: d: empty component in the path
schema bad
summary Bad
dir d
    path ~/a//b
    summary Dir
