# What every split device has, whatever its class.  FORMAT.md explains the directives.
schema device
summary Keys that every kind of split device has
text    A device is two directories, one in each domain, that point at each other. The toolstack
text    makes both; from then on each end writes only its own.

# --- the directories above the devices: for watches and listings ---

dir backends
    path    ~/backend
    owner   toolstack
    summary All backend directories of a driver domain; watched by drvdomd
dir backend_kind
    path    ~/backend/$KIND
    word    KIND
    summary The backends of one class, by guest
dir backend_guest
    path    ~/backend/$KIND/$GUEST
    word    KIND
    summary The backends of one class for one guest, by device number
dir devices
    path    ~/device
    summary All frontend directories of a guest
dir device_kind
    path    ~/device/$KIND
    word    KIND
    summary The frontends of one class, by device number

# --- the two ends ---

dir device_back
    path    ~/backend/$KIND/$GUEST/$DEVID
    word    KIND
    perms   n$BACK r$FRONT
    summary The backend's directory of any device
    text    Owned by the driver domain, readable by the guest. The only directory the backend may
    text    trust: which guest and which device it serves is in the path, made by the toolstack.

key frontend
    type     path 1..255
    owner    toolstack
    required Initialising
    summary  The frontend's directory, from the root
    spec     libxl, libxl__device_generic_add()
key frontend-id
    type     uint 0..32751
    owner    toolstack
    required Initialising
    summary  Domain id of the frontend
    text     Equals the guest in the path; drvdomd uses the path.
key online
    type     bool
    owner    toolstack
    default  1
    summary  1 while the device shall exist; 0 asks the backend to let it go
    text     With 0 and state 6 the backend removes its own directory, and the toolstack waits for
    text     that (10 s). Absence is no request: nothing is removed because a key is missing.
key state
    type     uint 0..8
    owner    back
    required Initialising
    summary  XenbusState of the backend: 1 Initialising to 6 Closed, 7 and 8 reconfiguration
    spec     xen/io/xenbus.h
    text     Made as 1 by the toolstack, which also writes 5 to ask for removal. Backends never
    text     write 3. libxl waits for exactly 2, at most 10 s.
key hotplug-status
    type     enum none= connected error online
    owner    back
    default
    summary  How opening the disk or bridge went
    text     libxl makes it empty for a vif. error goes with hotplug-error.
key hotplug-error
    type     text 512
    owner    back
    optional
    summary  Why hotplug-status is error: one line for the administrator
key error
    type     text 512
    owner    back
    optional
    summary  Why the backend closed the device: one line for the administrator
    since    drvdom 0.1

dir device_front
    path    /local/domain/$GUEST/device/$KIND/$DEVID
    word    KIND
    perms   n$FRONT r$BACK
    summary The frontend's directory of any device
    text    Owned by the guest: everything in it is untrusted, and so is its absence.

key backend
    type     path 1..255
    owner    toolstack
    required Initialising
    summary  The backend's directory, from the root
    text     The guest can rewrite it: no backend and no tool may follow it.
key backend-id
    type     uint 0..32751
    owner    toolstack
    required Initialising
    summary  Domain id of the backend
    text     The guest can rewrite it, too.
key state
    type     uint 0..8
    owner    front
    required Initialising
    summary  XenbusState of the frontend
    spec     xen/io/xenbus.h
key trusted
    type     bool
    owner    toolstack
    default  1
    summary  0: the frontend bounces, so that the backend sees only the data
    since    Xen 4.17 (XSA-403)

# --- dom0's own copy: the only one the tools trust for what exists ---

dir libxl_devices
    path    /libxl/$GUEST/device
    summary All devices of a guest, as the toolstack made them
dir libxl_kind
    path    /libxl/$GUEST/device/$KIND
    word    KIND
    summary The devices of one class of a guest, by device number
dir device_libxl
    path    /libxl/$GUEST/device/$KIND/$DEVID
    word    KIND
    owner   toolstack
    perms   n$DOM0
    summary The toolstack's own record of a device: no guest or driver domain can change it

key backend
    type     path 1..255
    required Initialising
    summary  The backend's directory, from the root
key frontend
    type     path 1..255
    required Initialising
    summary  The frontend's directory, from the root
key state
    type     uint 0..8
    optional
    summary  Copy of the state at creation; never changes
