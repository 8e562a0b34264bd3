/* See pci.h. */
#include "driver-domain/image/pci.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Does the whole text match the scanf format?  %n must be its end. */
#define scan(text, end, ...) (sscanf(text, __VA_ARGS__) > 0 && (end) > 0 && text[end] == '\0')

int pci_parse(struct pci_device *d, enum pci_use use, const char *text)
{
    static const char driver[] = "driver:";
    int end = 0;

    *d = (struct pci_device){.use = use, .text = text};
    if (strncmp(text, driver, sizeof(driver) - 1) == 0) {
        const char *name = text + sizeof(driver) - 1;

        if (name[0] == '\0' || strlen(name) >= sizeof(d->driver) || strchr(name, '/'))
            return -EINVAL;
        memcpy(d->driver, name, strlen(name) + 1);
        d->kind = PCI_DRIVER;
        return 0;
    }
    /* sscanf would take signs and blanks; no form has any. */
    if (strspn(text, "0123456789abcdefABCDEF:.") != strlen(text))
        return -EINVAL;
    d->kind = PCI_ADDRESS;
    if (scan(text, end, "%4x:%2x:%2x.%1x%n", &d->domain, &d->bus, &d->slot, &d->function, &end))
        return d->function < 8 && d->slot < 32 ? 0 : -EINVAL;
    d->domain = 0;
    end = 0;
    if (scan(text, end, "%2x:%2x.%1x%n", &d->bus, &d->slot, &d->function, &end))
        return d->function < 8 && d->slot < 32 ? 0 : -EINVAL;
    d->kind = PCI_ID;
    end = 0;
    if (strlen(text) == 9 && scan(text, end, "%4x:%4x%n", &d->vendor, &d->device, &end))
        return 0;
    return -EINVAL;
}

static int read_sysfs(const struct pci_device *d, char *out)
{
    char path[96];
    ssize_t n;
    int fd;

    snprintf(path, sizeof(path), "/sys/bus/pci/devices/%04x:%02x:%02x.%x/modalias", d->domain,
             d->bus, d->slot, d->function);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = read(fd, out, PCI_MODALIAS_BYTES - 1);
    close(fd);
    if (n <= 0)
        return n < 0 ? -errno : -ENODATA;
    out[n] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return 1;
}

int pci_modalias(const struct pci_device *d, unsigned n, char *out)
{
    /* NVMe, AHCI, RAID and SAS controllers: base class, subclass, interface. */
    static const unsigned disk_classes[][3] = {{1, 8, 2}, {1, 6, 1}, {1, 4, 0}, {1, 7, 0}};
    unsigned cls[3] = {0, 0, 0};

    if (d->kind == PCI_DRIVER || (d->kind == PCI_ADDRESS && n > 0))
        return 0;
    if (d->kind == PCI_ADDRESS)
        return read_sysfs(d, out);
    if (n > 0 && (d->use != PCI_DISK || n > ARRAY_SIZE(disk_classes)))
        return 0;
    if (n > 0)
        memcpy(cls, disk_classes[n - 1], sizeof(cls));
    snprintf(out, PCI_MODALIAS_BYTES, "pci:v%08Xd%08Xsv00000000sd00000000bc%02Xsc%02Xi%02X",
             d->vendor, d->device, cls[0], cls[1], cls[2]);
    return 1;
}
