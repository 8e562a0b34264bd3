/*
 * What drvdom-init and drvdomd say to each other: text messages over a SOCK_SEQPACKET pair (msg.h),
 * which drvdomd finds at descriptor KEEPER_FD when KEEPER_ENV names it.
 *
 *   drvdomd -> init   "ready"         every device that was adopted is served
 *                     "upgrade DIR"   take the programs in DIR instead
 *   init -> drvdomd   "done"          you are the new version and the old one is let go
 *                     "failed: WHY"   a new version was tried and is not used
 *
 * A new version runs beside the old one until it has opened all it needs; then it ends the process
 * that KEEPER_OLD_ENV names.
 */
#ifndef DRVDOM_BASE_KEEPER_H
#define DRVDOM_BASE_KEEPER_H

#define KEEPER_ENV     "DRVDOM_KEEPER_FD"
#define KEEPER_OLD_ENV "DRVDOM_PREDECESSOR"
#define KEEPER_DIR_ENV "DRVDOM_UPGRADES" /* where drvdomd unpacks new programs */

#define KEEPER_READY   "ready"
#define KEEPER_UPGRADE "upgrade "
#define KEEPER_DONE    "done"

enum { KEEPER_FD = 899, KEEPER_TEXT_MAX = 256 };

#endif
