# Virtual block devices.  Protocol: xen/io/blkif.h.
schema vbd
summary Keys of a virtual block device (blkif)
include device.xs
text    Everything the backend says is there before it enters InitWait: NetBSD, OpenBSD and
text    Unikraft read features when they attach, and do not look again.

dir vbd_back
    path    ~/backend/vbd/$GUEST/$DEVID
    perms   n$BACK r$FRONT
    like    device_back
    owner   back
    summary The backend's directory of one virtual disk

# --- from the toolstack ---

key params
    type     string 0..1024
    owner    toolstack
    required Initialising
    summary  What to serve: a block device or file in the driver domain, or another target
    text     As the administrator wrote it (target=), see drvdomd(8). Empty: a CD-ROM drive without
    text     a medium. Of a CD-ROM or removable disk it may be changed at any time: another medium.
key type
    type     enum phy file tap qdisk standalone
    owner    toolstack
    required Initialising
    demanded OpenBSD
    summary  Backend type that libxl chose; phy for the disks drvdom serves
key dev
    type     string 1..64
    owner    toolstack
    required Initialising
    demanded OpenBSD, GRUB
    summary  Name of the disk in the guest's configuration (xvda)
key mode
    type     enum r w
    owner    toolstack
    required Initialising
    demanded Mini-OS, Unikraft, Mirage
    summary  r: writes and discards are refused; w: read and write
    spec     xen/io/blkif.h
key device-type
    type     enum disk cdrom
    owner    toolstack
    required Initialising
    summary  What the guest shall see
key removable
    type     bool
    owner    toolstack
    default  0
    summary  1: the medium can be taken out
key bootable
    type     bool
    owner    toolstack
    default  0
    summary  1: may be booted from
key script
    type     string 0..255
    owner    toolstack
    optional
    summary  libxl's hotplug script; drvdomd opens the target itself and runs none
key discard-enable
    type     bool
    owner    toolstack
    default  1
    summary  0: the administrator forbids discard; Windows looks here as well
key direct-io-safe
    type     bool
    owner    toolstack
    default  0
    summary  1: the target may be opened with O_DIRECT
    text     drvdom uses O_DIRECT wherever the target can do it, in either case: what is written is a
    text     private copy, so that no guest's page is lent to a network or file system underneath.
key specification
    type     enum xen virtio
    owner    toolstack
    default  xen
    summary  Which protocol the guest speaks; drvdom serves xen
    since    Xen 4.17
key physical-device
    type     string 0..32
    optional
    summary  MAJOR:MINOR in hexadecimal of the block device; hotplug scripts write it
key physical-device-path
    type     string 0..1024
    optional
    summary  Path of the block device; hotplug scripts write it

key limit-iops
    type     uint 0..1000000000
    owner    toolstack
    default  0
    summary  Most requests per second, over all queues; 0: no limit
    text     The three limits may be changed while the disk is in use; what a guest asks for beyond
    text     them waits in its ring.
key limit-bytes
    type     uint 0..1152921504606846976
    owner    toolstack
    default  0
    summary  Most bytes per second, read and written together; 0: no limit
key limit-burst
    type     uint 0..60000
    owner    toolstack
    default  100
    summary  Milliseconds of unused allowance that may be saved up

key resize
    type     uint 0..18014398509481983
    owner    toolstack
    optional
    summary  drvdom resize asks: look at the size again; not 0: make the file so many sectors first
    text     The backend removes it when that is done, whether or not it worked.
key medium
    type     string 0..1024
    owner    back
    optional
    summary  What is in the drive now, as params named it; empty: nothing
    text     Of a CD-ROM or removable disk only. drvdom media waits for it.
key resize-error
    type     string 0..255
    owner    back
    optional
    summary  Why it did not work

# --- the disk ---

key sectors
    type     uint 0..18014398509481983
    required InitWait
    demanded all
    summary  Size of the disk in units of 512 bytes, whatever sector-size says
    spec     xen/io/blkif.h, changed by Xen 221f2748e8
    text     Times 512 fits a signed 64-bit offset. Written again at Connected: Linux and Mini-OS
    text     read it then. Resizing: write it and the state again, in one transaction.
key sector-size
    type     uint 512..65536 pow2
    required InitWait
    demanded all
    summary  Logical sector size in bytes
    text     512 is the only value all frontends agree about (units of sectors and sector_number).
key physical-sector-size
    type     uint 512..1048576 pow2
    optional
    summary  Hint: size of the disk's own sectors
    text     Nanos refuses a disk whose value is not 512: target=512n:PATH leaves it out.
key info
    type     uint 0..7
    required InitWait
    demanded NetBSD, FreeBSD
    summary  Flags: 1 CD-ROM, 2 removable, 4 read-only (VDISK_* of blkif.h)

# --- features ---

key feature-flush-cache
    type     bool
    required InitWait
    demanded Unikraft
    summary  BLKIF_OP_FLUSH_DISKCACHE is served
    text     0 where every answered write is durable already.
key feature-barrier
    type     bool
    required InitWait
    demanded Unikraft
    summary  BLKIF_OP_WRITE_BARRIER is served
key feature-persistent
    type     bool
    default  0
    summary  The backend keeps grants mapped when the frontend asks for it
key feature-max-indirect-segments
    type     uint 0..4096
    default  0
    summary  Most segments of an indirect request; 0: none are served
    text     NetBSD uses indirect requests only from 17 on.
key feature-discard
    type     bool
    default  0
    summary  BLKIF_OP_DISCARD is served
key discard-granularity
    type     uint 0..4294967295
    optional
    summary  Size in bytes of what can be discarded
key discard-alignment
    type     uint 0..4294967295
    default  0
    summary  Offset in bytes of the first discardable unit
key discard-secure
    type     bool
    default  0
    summary  BLKIF_DISCARD_SECURE is served
key feature-large-sector-size
    type     bool
    default  0
    summary  Deprecated: sector units follow sector-size
key multi-queue-max-queues
    type     uint 1..64
    default  1
    demanded Unikraft
    summary  Most queues the frontend may use
key max-ring-page-order
    type     uint 0..4
    default  0
    summary  Largest ring of a queue: 2 to this power pages
    text     4 is the largest value in use by any peer.
key max-ring-pages
    type     uint 1..16 pow2
    default  1
    summary  The same as a number of pages, for old FreeBSD and OpenBSD

dir vbd_front
    path    /local/domain/$GUEST/device/vbd/$DEVID
    perms   n$FRONT r$BACK
    like    device_front
    owner   front
    sub     queue-%u 63
    summary The frontend's directory of one virtual disk
    text    With one queue the ring keys stand here; with more, in queue-N. Windows and Unikraft
    text    write multi-queue-num-queues = 1 as well and keep them here.

key virtual-device
    type     uint 0..4294967295
    owner    toolstack
    required Initialising
    summary  Device number the guest shall use (51712 is xvda)
key device-type
    type     enum disk cdrom
    owner    toolstack
    default  disk
    summary  What the guest shall see
key protocol
    type     enum x86_32=x86_32-abi x86_64=x86_64-abi arm=arm-abi
    optional
    summary  Layout of the ring entries
    spec     xen/io/protocols.h
    text     When absent the backend must guess; Unikraft does not write it. drvdom takes its own.
key multi-queue-num-queues
    type     uint 1..64
    default  1
    summary  How many queues the frontend uses; at most multi-queue-max-queues
key ring-page-order
    type     uint 0..4
    default  0
    summary  Ring size of every queue: 2 to this power pages
key num-ring-pages
    type     uint 1..16 pow2
    optional
    summary  The same as a number of pages, from old FreeBSD and OpenBSD
key ring-ref
    type     uint 1..4294967295
    required Initialised
    unless   ring-ref%u
    in       queue-%u
    summary  Grant of the ring, when it is one page
key ring-ref%u
    type     uint 1..4294967295
    index    15
    required Initialised
    only-if  ring-page-order num-ring-pages
    unless   ring-ref
    in       queue-%u
    summary  Grants of the ring's pages, when there are more
key event-channel
    type     uint 1..131071
    required Initialised
    in       queue-%u
    summary  Unbound port that the backend shall bind
key feature-persistent
    type     bool
    default  0
    summary  Grants stay valid after the response: the backend may keep them mapped
key feature-large-sector-size
    type     bool
    default  0
    summary  The frontend understands sector-size other than 512 in the old units (Windows)
key feature-surprise-remove
    type     bool
    default  0
    summary  The frontend survives removal while in use (Windows)
key feature-online-resize
    type     bool
    default  0
    summary  The frontend follows changes of sectors (Windows)
key target-id
    type     uint 0..4294967295
    optional
    summary  SCSI target number that Windows chose
key feature-stamps
    type     bool
    default  0
    summary  Slots carry time stamps (transport/xen/stamp.h)
    text     Only drvdom-blkfront writes it, when it is asked to measure.

dir vbd_libxl
    path    /libxl/$GUEST/device/vbd/$DEVID
    perms   n$DOM0
    like    vbd_back toolstack
    owner   toolstack
    summary The toolstack's own record of a virtual disk
key backend
    type     path 1..255
    required Initialising
    summary  The backend's directory, from the root
key state
    type     uint 0..8
    optional
    summary  Copy of the state at creation; never changes
