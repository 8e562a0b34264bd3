# expect 2: dir before the schema line
dir d
