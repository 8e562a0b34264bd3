/*
 * The devices a driver domain is built for, as the user names them: "0000:00:04.0" or "00:04.0" (a
 * PCI address on this machine), "8086:10d3" (vendor and device id), "driver:e1000e".  PURE but for
 * pci_modalias().
 */
#ifndef DRVDOM_IMAGE_PCI_H
#define DRVDOM_IMAGE_PCI_H

#include <stddef.h>

#include "transport/base/arith.h"

enum pci_kind { PCI_ADDRESS, PCI_ID, PCI_DRIVER };
enum pci_use { PCI_NIC, PCI_DISK };

struct pci_device {
    enum pci_use use;
    enum pci_kind kind;
    const char *text; /* as given; the caller's */
    unsigned domain, bus, slot, function;
    unsigned vendor, device;
    char driver[64];
};

enum { PCI_MODALIAS_BYTES = 96 };

/* 0 or -EINVAL: `text` is none of the three forms. */
must_check int pci_parse(struct pci_device *d, enum pci_use use, const char *text);

/*
 * The n-th modalias to look for (PCI_MODALIAS_BYTES): the device's own, or for an id that has no
 * driver by number, one per device class a disk controller can have (most NVMe disks are known to
 * their driver only by class).  1; 0: no more; -errno: the address is not on this machine.
 * PCI_ADDRESS reads sysfs.
 */
must_check int pci_modalias(const struct pci_device *d, unsigned n, char *out);

#endif
