# expect 3: a C comment mark: the text stands in C comments
schema bad
summary a */ #include
