# expect 4: d: $Guest: a parameter is upper case letters
schema bad
summary Bad
dir d
    path ~/$Guest
    summary Dir
