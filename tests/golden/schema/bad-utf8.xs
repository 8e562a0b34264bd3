# expect 3: byte 0xc3: only printable ASCII is allowed
schema bad
summary aä
