/* drvdom-netback: serves one vif.  Started by drvdomd, which hands it everything it needs. */
#include "backends/net/io.h"

int main(void)
{
    return worker_run(&net_worker_ops);
}
