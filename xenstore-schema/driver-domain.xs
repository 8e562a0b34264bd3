# A driver domain as dom0 sees it, and the little that is read of any domain.
schema driver-domain
summary Keys of a driver domain
text    libxl makes ~/data writable by the domain itself; drvdomd reports there. dom0 treats all of
text    it as untrusted.

dir drvdom
    path    ~/data/drvdom
    owner   back
    perms   n$BACK
    summary What drvdomd says of itself

key state
    type     enum starting ready failed stopping
    optional
    summary  ready: every disk and bridge that the image names is there, and guests are served
key version
    type     string 1..64
    optional
    summary  Version of drvdomd
key error
    type     text 512
    optional
    summary  Why state is failed: one line for the administrator
key start-usec
    type     uint 0..18446744073709551615
    optional
    summary  Microseconds from the start of the domain's kernel to the start of drvdomd
key ready-usec
    type     uint 0..18446744073709551615
    optional
    summary  Microseconds from the start of the domain's kernel to ready
key devices
    type     uint 0..4294967295
    default  0
    summary  How many devices are being served
key worker-restarts
    type     uint 0..4294967295
    default  0
    summary  How many workers have died and been replaced since drvdomd started

key adopted
    type     uint 0..4294967295
    optional
    summary  Devices taken over from a predecessor; there once all of them are served again

key test-kill
    type     string 1..64
    optional
    summary  For tests: what drvdomd shall kill; ignored without --allow-test-kill
    text     "workers COUNT MAX-MS": that many workers, one after the other, at random moments at
    text     most MAX-MS apart. "step NAME COUNT MAX-PASSES": that many workers, each when it has
    text     come to that step of a request's life (taken, copied, submitted, completed, answered,
    text     before-notify, after-notify) for the n-th time, n at random up to MAX-PASSES.
    text     "drvdomd": itself. "kernel": a kernel panic. "hang": nothing runs any more.

key upgrade
    type     string 1..255
    optional
    summary  What became of the last upgrade: "trying", "done", or "failed: " and why

dir guard
    path    ~/drvdom
    owner   toolstack
    perms   n$DOM0 r$BACK
    summary What drvdom-guard in dom0 gives to a driver domain

key blackbox
    type     uint 0..4294967295
    optional
    summary  Grant reference of the index page of the domain's blackbox
    text     A read-only page of dom0's that holds the references of all other pages.
key upgrade
    type     uint 0..4294967295
    optional
    summary  Grant reference of the index page of new programs, which drvdomd shall take
    text     There while drvdom upgrade runs.
key keep
    type     bool
    default  1
    summary  0: when this domain ends, drvdom-guard shall not bring it back

dir device_errors
    path    ~/error/backend
    owner   back
    summary Why devices failed, by their backend's path; cleared when drvdomd starts
dir device_errors_of_guest
    path    ~/error/backend/$KIND/$GUEST
    word    KIND
    owner   back
    perms   n$BACK
    summary The devices of one guest that failed
dir device_error
    path    ~/error/backend/$KIND/$GUEST/$DEVID
    word    KIND
    owner   back
    perms   n$BACK
    summary Why a device failed, kept after its directory is gone
    text    The place where Linux's own backends report (xenbus_dev_error). drvdomd keeps the last 32.

key error
    type     text 512
    optional
    summary  One line for the administrator: what, its value, the remedy

dir domains
    path    /local/domain
    summary All domains that the toolstack has introduced

dir domain
    path    /local/domain/$DOMID
    owner   toolstack
    perms   n$DOM0 r$DOMAIN
    summary The home of a domain

key name
    type     string 1..255
    required Initialising
    summary  The domain's name
key domid
    type     uint 0..32751
    required Initialising
    summary  The domain's own number: how a domain learns who it is
key vm
    type     path 1..255
    optional
    summary  The /vm directory of the domain
key control/shutdown
    type     enum none= poweroff reboot suspend halt crash
    perms    b$DOMAIN
    default
    summary  What the toolstack asks the domain to do; emptied by the domain to acknowledge

dir domain_libxl
    path    ~/libxl
    owner   toolstack
    summary Made by libxl for a domain with driver_domain=1, and for no other
    text    It stands in the domain's home, which dom0 owns: no guest can make it.
