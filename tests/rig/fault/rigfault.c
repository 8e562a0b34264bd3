/*
 * rigfault: what a broken driver does, on demand, inside the stock drivers: for the scenarios
 * driver-dies-*. It may be loaded before them.
 *
 *   a frame of OOPS_LENGTH bytes that e1000e is to send (ping -s 1000): e1000_xmit_frame() oopses
 *   a request at sector HANG_SECTOR that nvme is to do: nvme_queue_rq() never returns
 *
 * Only in a kernel that has run for AFTER_S: a guest asks the driver domain that comes next for the
 * same again.
 */
#include <linux/blk-mq.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/skbuff.h>

enum { OOPS_LENGTH = 14 + 20 + 8 + 1000, HANG_SECTOR = 1337 * 8 };

static unsigned int after = 6;
module_param(after, uint, 0444);

static bool due(void)
{
    return ktime_get_seconds() >= after;
}

static int before_xmit(struct kprobe *p, struct pt_regs *regs)
{
    const struct sk_buff *skb = (const void *)regs->di;

    BUG_ON(skb->len == OOPS_LENGTH && due());
    return 0;
}

static int before_queue(struct kprobe *p, struct pt_regs *regs)
{
    const struct blk_mq_queue_data *bd = (const void *)regs->si;

    if (blk_rq_pos(bd->rq) == HANG_SECTOR && due()) {
        pr_emerg("rigfault: nvme_queue_rq hangs\n");
        /* not cpu_relax(): the emulated machine takes very long for it */
        for (;;)
            barrier();
    }
    return 0;
}

static struct fault {
    const char *module;
    struct kprobe probe;
} faults[] = {
    {"e1000e", {.symbol_name = "e1000e:e1000_xmit_frame", .pre_handler = before_xmit}},
    {"nvme", {.symbol_name = "nvme:nvme_queue_rq", .pre_handler = before_queue}},
};

static void arm(struct fault *f)
{
    int rc = register_kprobe(&f->probe);

    if (rc == 0)
        pr_info("rigfault: in %s\n", f->probe.symbol_name);
    else if (rc != -ENOENT)
        pr_err("rigfault: %s: %d\n", f->probe.symbol_name, rc);
}

static int module_event(struct notifier_block *nb, unsigned long state, void *data)
{
    const struct module *m = data;

    for (unsigned int i = 0; state == MODULE_STATE_LIVE && i < ARRAY_SIZE(faults); i++)
        if (strcmp(m->name, faults[i].module) == 0)
            arm(&faults[i]);
    return NOTIFY_DONE;
}

static struct notifier_block notifier = {.notifier_call = module_event};

static int __init rigfault_init(void)
{
    for (unsigned int i = 0; i < ARRAY_SIZE(faults); i++)
        arm(&faults[i]);
    return register_module_notifier(&notifier);
}
module_init(rigfault_init);

MODULE_DESCRIPTION("faults in drivers, on demand");
MODULE_LICENSE("GPL");
