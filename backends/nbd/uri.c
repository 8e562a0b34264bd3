/*
 * In place of libxml2.  libnbd needs it for one thing only, its parsing of URIs, which is not used
 * here (backends/blk/nbd_addr.c); and it would bring 36 MB of Unicode tables into a driver domain
 * of 96 MB. libnbd.a's other half does not call these: they say that no URI can be parsed.
 */
#include <stddef.h>

void *xmlParseURI(const char *text);
void xmlFreeURI(void *uri);
unsigned char *xmlSaveUri(void *uri);
char *xmlURIUnescapeString(const char *text, int len, char *to);

void *xmlParseURI(const char *text)
{
    (void)text;
    return NULL;
}

void xmlFreeURI(void *uri)
{
    (void)uri;
}

unsigned char *xmlSaveUri(void *uri)
{
    (void)uri;
    return NULL;
}

char *xmlURIUnescapeString(const char *text, int len, char *to)
{
    (void)text;
    (void)len;
    (void)to;
    return NULL;
}
