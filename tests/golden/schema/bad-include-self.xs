# expect 4: the file includes itself
schema bad
summary Bad
include bad-include-self.xs
