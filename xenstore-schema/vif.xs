# Virtual network interfaces.  Protocol: xen/io/netif.h.
schema vif
summary Keys of a virtual network interface (netif)
include device.xs
text    Flags are exactly 0 or 1: Windows parses them in base 2.

dir vif_back
    path    ~/backend/vif/$GUEST/$DEVID
    perms   n$BACK r$FRONT
    like    device_back
    owner   back
    summary The backend's directory of one virtual interface

# --- from the toolstack ---

key handle
    type     uint 0..4294967295
    owner    toolstack
    required Initialising
    summary  Number of the interface; equals the device number
key mac
    type     mac
    owner    toolstack
    required Initialising
    demanded OpenBSD
    summary  MAC address that the guest shall have
key bridge
    type     string 0..15
    owner    toolstack
    optional
    summary  Bridge in the driver domain to attach to
    text     Empty or absent: none; the interface is left for routing.
key script
    type     string 0..255
    owner    toolstack
    optional
    summary  libxl's hotplug script; drvdomd attaches the interface itself and runs none
key type
    type     enum vif vif_ioemu
    owner    toolstack
    default  vif
    summary  What libxl was asked for
key vifname
    type     string 0..15
    owner    toolstack
    optional
    summary  Name for the interface in the driver domain, instead of vifGUEST.DEVID
key ip
    type     string 0..255
    owner    toolstack
    optional
    demanded Mini-OS, Unikraft
    summary  Addresses of the guest, blank-separated
key gatewaydev
    type     string 0..15
    owner    toolstack
    optional
    summary  Interface to route through
key rate
    type     rate
    owner    toolstack
    optional
    summary  Most bytes that the guest may send each so many microseconds
    text     Watched: a dom0 tool may change it while the device runs.
key rate-rx
    type     rate
    owner    toolstack
    optional
    summary  Most bytes that the guest is sent each so many microseconds
    text     Watched. libxl does not know it: a dom0 tool writes it.
key mtu
    type     uint 68..65517
    owner    toolstack
    default  1500
    summary  Largest packet in bytes, without the Ethernet header
    since    Xen 4.15
key vlan
    type     string 0..64
    owner    toolstack
    optional
    summary  VLANs of the port on a bridge that filters them: 10p/20/30-39
    text     p: untagged, what the guest sends without a tag; the others carry tags.

# --- features ---

key feature-rx-copy
    type     bool
    required InitWait
    demanded all
    summary  Received packets are copied into the guest's pages
key feature-rx-flip
    type     bool
    default  0
    summary  Received packets come in exchanged pages; nobody does that any more
key feature-sg
    type     bool
    default  0
    summary  A packet to the backend may have several slots
key feature-gso-tcpv4
    type     bool
    default  0
    summary  Takes TCP/IPv4 packets for the backend to segment
key feature-gso-tcpv6
    type     bool
    default  0
    summary  Takes TCP/IPv6 packets for the backend to segment
key feature-no-csum-offload
    type     bool
    default  0
    summary  1: does not take packets without an IPv4 TCP/UDP checksum
key feature-ipv6-csum-offload
    type     bool
    default  0
    summary  Takes packets without an IPv6 TCP/UDP checksum
key feature-multicast-control
    type     bool
    default  0
    summary  Filters multicast on request
key feature-dynamic-multicast-control
    type     bool
    default  0
    summary  The request may be made and withdrawn while connected
key feature-split-event-channels
    type     bool
    default  0
    summary  Separate event channels for sending and receiving
key multi-queue-max-queues
    type     uint 1..64
    default  1
    demanded Windows, Unikraft
    summary  Most queues the frontend may use
    text     Windows fails on 0.
key feature-ctrl-ring
    type     bool
    default  0
    summary  Serves the control ring (hash and mapping)
key feature-xdp-headroom
    type     bool
    default  0
    summary  Can leave room in front of received packets
key carrier
    type     bool
    default  1
    summary  Is there a link outside the bridge? No known frontend reads it

dir vif_front
    path    /local/domain/$GUEST/device/vif/$DEVID
    perms   n$FRONT r$BACK
    like    device_front
    owner   front
    sub     queue-%u 63
    summary The frontend's directory of one virtual interface
    text    With one queue the ring keys stand here; with more, in queue-N.

key handle
    type     uint 0..4294967295
    owner    toolstack
    required Initialising
    summary  Number of the interface
key mac
    type     mac
    owner    toolstack
    required Initialising
    demanded all but OpenBSD
    summary  MAC address that the guest shall have
key mtu
    type     uint 68..65517
    owner    toolstack
    default  1500
    perms    n$BACK r$FRONT
    summary  Largest packet in bytes; Windows reads it here
key multi-queue-num-queues
    type     uint 1..64
    default  1
    summary  How many queues the frontend uses; at most multi-queue-max-queues
key tx-ring-ref
    type     uint 1..4294967295
    required Connected
    in       queue-%u
    summary  Grant of the ring for packets from the guest
key rx-ring-ref
    type     uint 1..4294967295
    required Connected
    in       queue-%u
    summary  Grant of the ring for packets to the guest
key event-channel
    type     uint 1..131071
    required Connected
    unless   event-channel-tx
    in       queue-%u
    summary  Unbound port for both rings
key event-channel-tx
    type     uint 1..131071
    required Connected
    unless   event-channel
    in       queue-%u
    summary  Unbound port of the ring for packets from the guest
key event-channel-rx
    type     uint 1..131071
    required Connected
    only-if  event-channel-tx
    in       queue-%u
    summary  Unbound port of the ring for packets to the guest
key request-rx-copy
    type     bool
    default  0
    summary  Must be 1: packets to the guest are copied
key feature-rx-notify
    type     bool
    default  0
    summary  The frontend tells when it has posted receive buffers
    text     Unikraft does not write it.
key feature-sg
    type     bool
    default  0
    summary  A packet to the guest may have several slots
key feature-gso-tcpv4
    type     bool
    default  0
    summary  Takes TCP/IPv4 packets that were not segmented
key feature-gso-tcpv6
    type     bool
    default  0
    summary  Takes TCP/IPv6 packets that were not segmented
key feature-no-csum-offload
    type     bool
    default  0
    summary  1: does not take packets without an IPv4 TCP/UDP checksum
key feature-ipv6-csum-offload
    type     bool
    default  0
    summary  Takes packets without an IPv6 TCP/UDP checksum
key feature-persistent
    type     bool
    default  0
    summary  Written by Mini-OS; means nothing
key request-multicast-control
    type     bool
    default  0
    summary  Asks for multicast filtering; watched when dynamic
key ctrl-ring-ref
    type     uint 1..4294967295
    required Connected
    only-if  event-channel-ctrl
    summary  Grant of the control ring
key event-channel-ctrl
    type     uint 1..131071
    required Connected
    only-if  ctrl-ring-ref
    summary  Unbound port of the control ring
key xdp-headroom
    type     uint 0..32767
    default  0
    summary  Bytes to leave free in front of each received packet; read at state 7
key vifname
    type     string 0..63
    optional
    summary  The interface's name in the guest (NetBSD, Nanos)
key disconnect
    type     bool
    owner    toolstack
    default  0
    summary  1: Windows shows the cable as pulled
key speed
    type     string 0..32
    owner    toolstack
    optional
    summary  Link speed that Windows shows

dir vif_libxl
    path    /libxl/$GUEST/device/vif/$DEVID
    perms   n$DOM0
    like    vif_back toolstack
    owner   toolstack
    summary The toolstack's own record of a virtual interface
key backend
    type     path 1..255
    required Initialising
    summary  The backend's directory, from the root
key state
    type     uint 0..8
    optional
    summary  Copy of the state at creation; never changes
key hotplug-status
    type     enum none= connected error online
    optional
    summary  Copy of the value at creation; never changes
