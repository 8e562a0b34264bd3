# expect 6: owner "guest" is not toolstack, back or front
schema bad
summary Bad
dir d
    path ~/d
    owner guest
