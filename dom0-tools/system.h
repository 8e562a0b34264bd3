/*
 * What is there: domains, and the devices that driver domains serve.  Which devices exist comes
 * from /libxl alone, which only dom0 writes; everything else was written by a driver domain or a
 * guest and passes the schema's accessors (bounded, range-checked, escaped) or counts as absent.
 */
#ifndef DRVDOM_TOOLS_SYSTEM_H
#define DRVDOM_TOOLS_SYSTEM_H

#include "schema/device.h"
#include "schema/driver-domain.h"
#include "schema/vbd.h"
#include "transport/xen/store.h"

struct domain_info {
    unsigned id;
    char name[DOMAIN_SIZE_NAME];
    bool driver_domain; /* driver_domain=1 in its config: libxl's mark, a guest cannot make it */
    /* From here on: what the domain says of itself. */
    bool has_drvdomd;
    enum drvdom_state state;
    char version[DRVDOM_SIZE_VERSION];
    char error[DRVDOM_SIZE_ERROR];
    uint32_t worker_restarts;
};

struct device_info {
    /* From /libxl. */
    char kind[8]; /* "vbd" or "vif" */
    unsigned guest, devid;
    unsigned back;                     /* domain id of the backend */
    char label[VBD_BACK_SIZE_DEV];     /* "xvda"; "vif0"; "" as long as it is bare */
    char target[VBD_BACK_SIZE_PARAMS]; /* target= of a disk, bridge= of a vif, or "" */
    /* From the driver domain. */
    bool has_back, has_back_state; /* the directory; a well-formed state in it */
    uint32_t back_state;
    bool online;
    /* Not asked for where drvdomd runs and both ends are Connected: taken for connected. */
    enum device_back_hotplug_status hotplug;
    char error[DEVICE_BACK_SIZE_ERROR]; /* of the device's directory, hotplug-error before error */
    char record[DEVICE_ERROR_SIZE_ERROR]; /* the driver domain's record, which may be older */
    /* From the guest. */
    bool has_front;
    uint32_t front_state; /* 0: absent or malformed */
};

/* A driver domain's record of a device that is no more: `xl create` failed and took the guest
 * away, or a hot attach failed. */
struct failure_info {
    bool guest_gone;
    char kind[8];
    unsigned back, guest, devid;
    char text[DEVICE_ERROR_SIZE_ERROR];
};

struct system {
    struct store *store;
    bool bare; /* devices without label and target */
    struct domain_info *domains;
    size_t ndomains;
    struct device_info *devices; /* only those whose backend is not dom0 */
    size_t ndevices;
    struct failure_info *failures;
    size_t nfailures;
};

/* Reads everything: five questions to xenstored per device that works, three when bare.  0 or
 * -errno, which has been logged with the remedy.  store must outlive *sys. */
int system_read(struct system *sys, struct store *store) must_check;
void system_fini(struct system *sys);
/* For system_read(): asks xenstored for most of it at once; see transport/xen/store_ahead.h. */
void system_read_ahead(struct store *store, bool bare);

/* Opens xenstore and reads; for verbs.  The store is closed by system_close. */
int system_open(struct system *sys) must_check;
/* The same with bare devices, and what is missing of one of them. */
int system_open_bare(struct system *sys) must_check;
void system_label(const struct system *sys, struct device_info *d);
/* The same without devices and failures. */
int system_open_domains(struct system *sys) must_check;
void system_close(struct system *sys);

/* The device's states and texts again. */
void system_refresh(struct store *store, struct device_info *d);

/* By name, or by id when text is a number and no domain has that name.  NULL: there is none. */
const struct domain_info *system_domain(const struct system *sys, const char *text);
const struct domain_info *system_domain_id(const struct system *sys, unsigned id);

/* The guest's device, both as the user names them; NULL, said on stderr. */
const struct device_info *system_device(const struct system *sys, const char *guest,
                                        const char *device);
/* The same, of a disk only. */
const struct device_info *system_disk(const struct system *sys, const char *guest,
                                      const char *device);

/* Does `text` mean this device?  "xvda", "51712", "vbd/51712"; "vif0", "eth0", "vif/0". */
bool system_device_is(const struct device_info *d, const char *text);

#endif
