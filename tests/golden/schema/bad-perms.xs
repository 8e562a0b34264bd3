# expect 6: perms: "x$BACK" is not r, w, b or n and a $DOMAIN
schema bad
summary Bad
dir d
    path ~/d
    perms n$BACK x$BACK
