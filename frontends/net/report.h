/* What drvdom-netfront prints: text for people, or one line of JSON. */
#ifndef DRVDOM_NETFRONT_REPORT_H
#define DRVDOM_NETFRONT_REPORT_H

#include "frontends/net/traffic.h"

void report_offer(const struct nf_conn *c, bool json);
void report_traffic(const struct nf_conn *c, const char *verb, const struct traffic_result *r,
                    bool json);
void report_failure(const struct nf_conn *c, const char *verb, int rc, bool json);

#endif
