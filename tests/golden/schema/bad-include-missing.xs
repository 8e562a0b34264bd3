# expect nosuch.xs: No such file or directory
schema bad
summary Bad
include nosuch.xs
