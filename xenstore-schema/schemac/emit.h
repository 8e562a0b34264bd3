/* Pieces of generated C that both the header and the source need.  See schemac.h. */
#ifndef DRVDOM_SCHEMAC_EMIT_H
#define DRVDOM_SCHEMAC_EMIT_H

#include "xenstore-schema/schemac/schemac.h"

/* ", unsigned guest, unsigned devid"; out: as pointers. */
const char *param_list(const struct form *f, bool out);
/* ", unsigned index" or "". */
const char *index_param(const struct key *k);
/* vbd_back_sectors */
const char *full_name(const struct key *k);
/* "uint64_t *v", "char *buf, size_t size", ... */
const char *value_param(const struct key *k, bool out);
bool is_string(const struct key *k);
const char *sub_name(const struct dir *d);

#endif
