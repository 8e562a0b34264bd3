# expect 4: d: a path begins with '/' or "~/"
schema bad
summary Bad
dir d
    path d
    summary Dir
