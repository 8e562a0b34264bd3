# expect no schema line
summary Nothing
