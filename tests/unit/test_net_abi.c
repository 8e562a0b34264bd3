/* Our netif structs against Xen's own header. */
#include <check.h>
#include <stdlib.h>

#include <xen/xen.h>
#include <xen/io/netif.h>

#include "backends/net/netif_abi.h"
#include "tests/unit/suite.h"

#define SAME_FIELD(ours, field, theirs, their_field)                                               \
    do {                                                                                           \
        ck_assert_uint_eq(offsetof(struct ours, field), offsetof(struct theirs, their_field));     \
        ck_assert_uint_eq(sizeof(((struct ours *)0)->field),                                       \
                          sizeof(((struct theirs *)0)->their_field));                              \
    } while (0)

START_TEST(layouts)
{
    SAME_FIELD(netif_tx_req, gref, netif_tx_request, gref);
    SAME_FIELD(netif_tx_req, offset, netif_tx_request, offset);
    SAME_FIELD(netif_tx_req, flags, netif_tx_request, flags);
    SAME_FIELD(netif_tx_req, id, netif_tx_request, id);
    SAME_FIELD(netif_tx_req, size, netif_tx_request, size);
    SAME_FIELD(netif_tx_rsp, id, netif_tx_response, id);
    SAME_FIELD(netif_tx_rsp, status, netif_tx_response, status);
    SAME_FIELD(netif_rx_req, id, netif_rx_request, id);
    SAME_FIELD(netif_rx_req, gref, netif_rx_request, gref);
    SAME_FIELD(netif_rx_rsp, id, netif_rx_response, id);
    SAME_FIELD(netif_rx_rsp, offset, netif_rx_response, offset);
    SAME_FIELD(netif_rx_rsp, flags, netif_rx_response, flags);
    SAME_FIELD(netif_rx_rsp, status, netif_rx_response, status);
    SAME_FIELD(netif_extra, type, netif_extra_info, type);
    SAME_FIELD(netif_extra, flags, netif_extra_info, flags);
    SAME_FIELD(netif_extra, u.gso.size, netif_extra_info, u.gso.size);
    SAME_FIELD(netif_extra, u.gso.type, netif_extra_info, u.gso.type);
    SAME_FIELD(netif_extra, u.gso.features, netif_extra_info, u.gso.features);
    SAME_FIELD(netif_extra, u.mcast, netif_extra_info, u.mcast.addr);
    SAME_FIELD(netif_extra, u.hash.type, netif_extra_info, u.hash.type);
    SAME_FIELD(netif_extra, u.hash.algorithm, netif_extra_info, u.hash.algorithm);
    SAME_FIELD(netif_extra, u.hash.value, netif_extra_info, u.hash.value);
    ck_assert_uint_eq(sizeof(union netif_tx_sring_entry), NETIF_TX_SLOT);
    ck_assert_uint_eq(sizeof(union netif_rx_sring_entry), NETIF_RX_SLOT);
}
END_TEST

START_TEST(numbers)
{
    ck_assert_int_eq(NETIF_TXF_CSUM_BLANK, NETTXF_csum_blank);
    ck_assert_int_eq(NETIF_TXF_DATA_VALIDATED, NETTXF_data_validated);
    ck_assert_int_eq(NETIF_TXF_MORE_DATA, NETTXF_more_data);
    ck_assert_int_eq(NETIF_TXF_EXTRA_INFO, NETTXF_extra_info);
    ck_assert_int_eq(NETIF_RXF_CSUM_BLANK, NETRXF_csum_blank);
    ck_assert_int_eq(NETIF_RXF_DATA_VALIDATED, NETRXF_data_validated);
    ck_assert_int_eq(NETIF_RXF_MORE_DATA, NETRXF_more_data);
    ck_assert_int_eq(NETIF_RXF_EXTRA_INFO, NETRXF_extra_info);
    ck_assert_int_eq(NETIF_EXTRA_GSO, XEN_NETIF_EXTRA_TYPE_GSO);
    ck_assert_int_eq(NETIF_EXTRA_MCAST_ADD, XEN_NETIF_EXTRA_TYPE_MCAST_ADD);
    ck_assert_int_eq(NETIF_EXTRA_MCAST_DEL, XEN_NETIF_EXTRA_TYPE_MCAST_DEL);
    ck_assert_int_eq(NETIF_EXTRA_HASH, XEN_NETIF_EXTRA_TYPE_HASH);
    ck_assert_int_eq(NETIF_EXTRA_MORE, XEN_NETIF_EXTRA_FLAG_MORE);
    ck_assert_int_eq(NETIF_GSO_TCPV4, XEN_NETIF_GSO_TYPE_TCPV4);
    ck_assert_int_eq(NETIF_GSO_TCPV6, XEN_NETIF_GSO_TYPE_TCPV6);
    ck_assert_int_eq(NETIF_STATUS_DROPPED, NETIF_RSP_DROPPED);
    ck_assert_int_eq(NETIF_STATUS_ERROR, NETIF_RSP_ERROR);
    ck_assert_int_eq(NETIF_STATUS_OKAY, NETIF_RSP_OKAY);
    ck_assert_int_eq(NETIF_STATUS_NULL, NETIF_RSP_NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("net abi");
    TCase *t = tcase_create("net abi");

    tcase_add_test(t, layouts);
    tcase_add_test(t, numbers);
    suite_add_tcase(s, t);
    return run_suite(s);
}
