/*
 * fakexenctl: the small part of xl the tests need, on a fakexen session.
 */
#ifndef DRVDOM_FAKEXEN_CTL_H
#define DRVDOM_FAKEXEN_CTL_H

/* A verb: arguments after its name; returns the exit status. */
typedef int verb_fn(int argc, char **argv);

verb_fn v_create, v_destroy, v_list, v_usage, v_limit, v_fault, v_flip, v_introduce, v_attach_vbd;
verb_fn v_attach_qdisk, v_attach_vif, v_cycle_vbd, v_detach, v_devices_gone, v_forget, v_xs, v_hold;

#endif
