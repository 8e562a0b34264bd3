# expect 4: d: $A stands twice in the path
schema bad
summary Bad
dir d
    path ~/$A/$A
    summary Dir
