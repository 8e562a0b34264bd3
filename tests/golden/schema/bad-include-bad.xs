# expect 4: dir d has no path
schema bad
summary Bad
include bad-no-path.xs
