/* See watchdog.h.
 * #syscalls: open ioctl(WDIOC_SETTIMEOUT, WDIOC_KEEPALIVE) */
#include "driver-domain/init/watchdog.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/watchdog.h>
#include <string.h>
#include <sys/ioctl.h>

#include "transport/base/log.h"

static struct {
    int fd; /* never closed: that would leave it running, with nobody to calm it */
    uint64_t every_ns, due_ns;
} dog = {.fd = -1};

void watchdog_start(unsigned seconds, uint64_t now_ns)
{
    int timeout = (int)seconds;

    if (seconds == 0)
        return;
    dog.fd = open("/dev/watchdog", O_WRONLY | O_CLOEXEC);
    if (dog.fd < 0 || ioctl(dog.fd, WDIOC_SETTIMEOUT, &timeout) < 0) {
        log_error("watchdog: %s: a domain that hangs will not be noticed", strerror(errno));
        return;
    }
    /* Two may be late before the third one is missed. */
    dog.every_ns = seconds * UINT64_C(1000000000) / 3;
    dog.due_ns = now_ns;
}

void watchdog_tick(uint64_t now_ns)
{
    if (dog.fd < 0 || now_ns < dog.due_ns)
        return;
    if (ioctl(dog.fd, WDIOC_KEEPALIVE, 0) < 0)
        log_error("watchdog: %s", strerror(errno));
    dog.due_ns = now_ns + dog.every_ns;
}

int watchdog_timeout_ms(uint64_t now_ns)
{
    if (dog.fd < 0)
        return -1;
    return dog.due_ns <= now_ns ? 0 : (int)((dog.due_ns - now_ns) / 1000000) + 1;
}
