# expect 4: dir "D" is not a name of a-z, 0-9 and _
schema bad
summary Bad
dir D
