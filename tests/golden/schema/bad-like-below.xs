# expect 7: like: there is no dir e above
schema bad
summary Bad
dir d
    path ~/d
    summary Dir
    like e
dir e
    path ~/e
    summary Dir
