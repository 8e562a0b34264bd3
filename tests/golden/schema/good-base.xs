schema good-base
summary What good.xs inherits

dir base_back
    path    /base/$KIND
    word    KIND
    owner   back
    perms   n$BACK
    summary Keys of every animal
key legs
    type     uint 0..1000
    default  4
    summary  Number of legs
key owner-name
    type     enum dom0 guest
    owner    toolstack
    required Initialising
    summary  Whose it is
