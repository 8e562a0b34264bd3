# expect 5: "colour" is not known in a dir
schema bad
summary Bad
dir d
    colour red
