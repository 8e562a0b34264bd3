# expect 4: dir d has no path
schema bad
summary Bad
dir d
    summary Dir
