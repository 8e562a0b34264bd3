# Every directive and type once.
schema good
summary A schema for the golden test
include good-base.xs
text    First paragraph, "quoted" and with a back\slash,
text    on two lines.
text
text    .Second paragraph: begins with a dot.

dir cat_back
    path    ~/backend/cat/$GUEST/$DEVID
    owner   back
    perms   n$BACK r$FRONT
    like    base_back
    sub     paw-%u 3
    summary A cat
    text    It purrs.

key whiskers
    type     uint 1..64 pow2
    required InitWait
    demanded mice
    since    forever
    spec     cats.h
    summary  How many
    text     An even number.
key claw-ref%u
    type     uint 0..18446744073709551615
    index    4
    required Connected
    only-if  whiskers
    unless   mood
    in       paw-%u
    summary  Large number
key mood
    type     enum none= happy x86=x86_32-abi
    owner    toolstack
    default
    in       paw-%u
    summary  Enum with an empty word
key awake
    type     bool
    default  1
    perms    b$FRONT
    summary  Flag
key name/full
    type     string 1..8
    optional
    summary  String
key note
    type     text 40
    optional
    summary  Text
key bed
    type     path 1..100
    optional
    summary  Path
key chip
    type     mac
    optional
    summary  Address
key food
    type     rate
    optional
    summary  Rate

dir cats
    path    ~/backend/cat
    summary No keys, no parameters
dir cat_front
    path    /local/domain/$GUEST/device/$KIND/$DEVID
    word    KIND
    owner   front
    perms   n$FRONT
    like    base_back toolstack
    summary Both forms, and a word
