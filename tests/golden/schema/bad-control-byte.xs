# expect 3: byte 0x1b: only printable ASCII is allowed
schema bad
summary a[2Jb
