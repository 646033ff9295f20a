/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of conntrack.h on a real kernel: what is listed, and exactly what is deleted. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>

#include "kernel/conntrack.h"
#include "own_network.h"

#define LINK_MASK 0x3f

static struct netlink *netlink;

static void set_addresses(struct nf_conntrack *entry, enum family family, uint32_t number)
{
	uint8_t from[16] = { 0xfd, 1 }, to[16] = { 0xfd, 2 };
	uint32_t host = htonl(number);

	memcpy(from + 12, &host, sizeof(host));
	nfct_set_attr_u8(entry, ATTR_L3PROTO, family == IPV4 ? AF_INET : AF_INET6);
	if (family == IPV4) {
		nfct_set_attr_u32(entry, ATTR_IPV4_SRC, htonl(0x0a000000 + number));
		nfct_set_attr_u32(entry, ATTR_IPV4_DST, htonl(0xcb007109));
	} else {
		nfct_set_attr(entry, ATTR_IPV6_SRC, from);
		nfct_set_attr(entry, ATTR_IPV6_DST, to);
	}
}

static void set_protocol(struct nf_conntrack *entry, uint8_t protocol)
{
	nfct_set_attr_u8(entry, ATTR_L4PROTO, protocol);
	switch (protocol) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		nfct_set_attr_u8(entry, ATTR_ICMP_TYPE, protocol == IPPROTO_ICMP ? 8 : 128);
		nfct_set_attr_u8(entry, ATTR_ICMP_CODE, 0);
		nfct_set_attr_u16(entry, ATTR_ICMP_ID, htons(777));
		break;
	case IPPROTO_TCP:
	case IPPROTO_UDP:
		nfct_set_attr_u16(entry, ATTR_PORT_SRC, htons(5000));
		nfct_set_attr_u16(entry, ATTR_PORT_DST, htons(443));
		break;
	default:
		break;
	}
}

/* An entry from 10.0.0.NUMBER (or fd01::NUMBER) to 203.0.113.9 (or fd02::). */
static void add_whole(enum family family, uint8_t protocol, uint32_t number, uint32_t mark, uint32_t status,
	uint8_t tcp_state)
{
	uint8_t buffer[1024] __attribute__((aligned(8)));
	struct nf_conntrack *entry = nfct_new();
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	set_addresses(entry, family, number);
	set_protocol(entry, protocol);
	nfct_setobjopt(entry, NFCT_SOPT_SETUP_REPLY);
	nfct_set_attr_u32(entry, ATTR_TIMEOUT, 600);
	nfct_set_attr_u32(entry, ATTR_MARK, mark);
	nfct_set_attr_u32(entry, ATTR_STATUS, status);
	if (protocol == IPPROTO_TCP)
		nfct_set_attr_u8(entry, ATTR_TCP_STATE, tcp_state);
	request->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_NEW;
	request->nlmsg_flags = NLM_F_CREATE | NLM_F_EXCL;
	header->nfgen_family = family == IPV4 ? AF_INET : AF_INET6;
	assert_true(nfct_nlmsg_build(request, entry) >= 0);
	assert_int_equal(netlink_ask(netlink, request, NULL, NULL), 0);
	nfct_destroy(entry);
}

static void add_with_status(enum family family, uint8_t protocol, uint32_t number, uint32_t mark, uint32_t status)
{
	add_whole(family, protocol, number, mark, status, TCP_CONNTRACK_ESTABLISHED);
}

static void add_tcp(uint32_t number, uint32_t mark, uint8_t tcp_state)
{
	add_whole(IPV4, IPPROTO_TCP, number, mark, IPS_CONFIRMED | IPS_SEEN_REPLY, tcp_state);
}

/* One that was answered. */
static void add(enum family family, uint8_t protocol, uint32_t number, uint32_t mark)
{
	add_with_status(family, protocol, number, mark, IPS_CONFIRMED | IPS_SEEN_REPLY);
}

struct found {
	struct connection items[64];
	size_t count, limit;
};

static bool collect(const struct connection *connection, void *data)
{
	struct found *found = data;

	assert_true(found->count < 64);
	found->items[found->count++] = *connection;
	return found->limit == 0 || found->count < found->limit;
}

static struct found list(uint32_t mask)
{
	struct found found = { .count = 0 };

	assert_int_equal(conntrack_list(netlink, mask, collect, &found), 0);
	return found;
}

/* Whether the entry of that number is still there. */
static bool is_there(uint32_t number)
{
	struct found found = list(UINT32_MAX);

	for (size_t i = 0; i < found.count; i++) {
		const struct address *from = &found.items[i].flow.from;

		if (from->bytes[from->family == IPV4 ? 3 : 15] == number)
			return true;
	}
	return false;
}

static int empty_table(void **state)
{
	(void)state;
	return run("conntrack -F >/dev/null 2>&1") ? 0 : -1;
}

static void lists_what_is_marked(void **state)
{
	struct found found;
	const struct flow *flow;
	struct address from, to;

	(void)state;
	add(IPV4, IPPROTO_TCP, 1, 0x1001);
	add(IPV4, IPPROTO_UDP, 2, 0x2000);
	add(IPV4, IPPROTO_UDP, 3, 0);
	found = list(LINK_MASK);
	assert_int_equal(found.count, 1);
	assert_int_equal(list(UINT32_MAX).count, 2);
	assert_int_equal(list(0).count, 0);

	flow = &found.items[0].flow;
	assert_int_equal(found.items[0].mark, 0x1001);
	assert_int_equal(found.items[0].bytes, 0);
	assert_true(address_parse("10.0.0.1", &from) && address_parse("203.0.113.9", &to));
	assert_int_equal(flow->family, IPV4);
	assert_int_equal(flow->protocol, IPPROTO_TCP);
	assert_true(address_equal(&flow->from, &from) && address_equal(&flow->to, &to));
	assert_true(flow->ports && flow->from_port == 5000 && flow->to_port == 443);
}

static void lists_ipv6_and_icmp(void **state)
{
	struct found found;
	struct address from;

	(void)state;
	add(IPV6, IPPROTO_ICMPV6, 5, 1);
	found = list(1);
	assert_int_equal(found.count, 1);
	assert_true(address_parse("fd01::5", &from));
	assert_true(address_equal(&found.items[0].flow.from, &from));
	assert_int_equal(found.items[0].flow.protocol, IPPROTO_ICMPV6);
	assert_false(found.items[0].flow.ports);
	assert_int_equal(found.items[0].flow.from_port, 128 << 8);
	assert_int_equal(found.items[0].flow.to_port, 777);
}

/* Real ones, by a real packet and its answer. */
static void tells_bytes_and_answers(void **state)
{
	struct found found;

	(void)state;
	assert_true(run("sysctl -qw net.netfilter.nf_conntrack_acct=1 && nft 'add table inet track;"
			" add chain inet track out { type filter hook output priority -150; };"
			" add rule inet track out meta l4proto icmp ct mark set 9'"
			" && ping -q -c 1 -s 100 127.0.0.1 >/dev/null"));
	found = list(9);
	assert_true(found.count >= 1);
	assert_true(found.items[0].established);
	assert_int_equal(found.items[0].bytes, 2 * 128);
	run("nft delete table inet track");
}

static void ends_when_told(void **state)
{
	struct found found = { .limit = 3 };

	(void)state;
	for (uint32_t i = 0; i < 10; i++)
		add(IPV4, IPPROTO_UDP, i, 1);
	assert_int_equal(conntrack_list(netlink, 1, collect, &found), 0);
	assert_int_equal(found.count, 3);
	assert_int_equal(list(1).count, 10); /* and the socket is fit for more */
}

static void add_mixture(void)
{
	add(IPV4, IPPROTO_TCP, 1, 0x1001);
	add(IPV4, IPPROTO_UDP, 2, 0x2001);
	add(IPV4, IPPROTO_ICMP, 3, 0x3001);
	add(IPV4, 200, 4, 0x4001); /* a protocol without ports */
	add(IPV6, IPPROTO_TCP, 5, 0x5001);
	add(IPV6, IPPROTO_UDP, 6, 0x6001);
	add(IPV6, IPPROTO_ICMPV6, 7, 0x7001);
	add(IPV4, IPPROTO_TCP, 21, 0x1002);
	add(IPV4, IPPROTO_UDP, 22, 0x2002);
	add(IPV4, IPPROTO_UDP, 23, 0x2003); /* has the bit of link 1, and another */
	add(IPV6, IPPROTO_ICMPV6, 27, 0x7002);
	add(IPV4, IPPROTO_UDP, 30, 0x40); /* no bit of the mask */
}

static void expect_others_there(void)
{
	assert_true(is_there(21));
	assert_true(is_there(22));
	assert_true(is_there(23));
	assert_true(is_there(27));
	assert_true(is_there(30));
}

static void flushes_exactly(void **state)
{
	(void)state;
	add_mixture();
	assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, false), 0);
	expect_others_there();
	assert_int_equal(list(UINT32_MAX).count, 5);
	assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, false), 0);
}

static void flushes_all_but_tcp(void **state)
{
	(void)state;
	add_mixture();
	assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, true), 0);
	expect_others_there();
	assert_true(is_there(1));
	assert_true(is_there(5));
	assert_int_equal(list(UINT32_MAX).count, 7);
	assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, true), 0);
	assert_int_equal(list(UINT32_MAX).count, 7);
}

/* A SYN that nobody answered shall find another link when it is sent again. */
static void flushes_tcp_without_an_answer(void **state)
{
	(void)state;
	add(IPV4, IPPROTO_TCP, 1, 1);
	add_with_status(IPV4, IPPROTO_TCP, 2, 1, IPS_CONFIRMED);
	add_with_status(IPV6, IPPROTO_TCP, 3, 1, IPS_CONFIRMED);
	add_with_status(IPV4, IPPROTO_TCP, 4, 2, IPS_CONFIRMED);
	assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, true), 0);
	assert_true(is_there(1));
	assert_false(is_there(2));
	assert_false(is_there(3));
	assert_true(is_there(4));
}

/* One that was reset keeps its entry for ten seconds: a SYN with the same ports must not meet it. */
static void flushes_tcp_that_was_reset(void **state)
{
	(void)state;
	add_tcp(1, 1, TCP_CONNTRACK_ESTABLISHED);
	add_tcp(2, 1, TCP_CONNTRACK_CLOSE);
	add_tcp(3, 2, TCP_CONNTRACK_CLOSE);
	assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, true), 0);
	assert_true(is_there(1));
	assert_false(is_there(2));
	assert_true(is_there(3));
}

/* Unmarked ones can be meant, too: the mask says so. */
static void flushes_a_value_of_zero(void **state)
{
	(void)state;
	add_mixture();
	assert_int_equal(conntrack_flush(netlink, 0, LINK_MASK, true), 0);
	assert_false(is_there(30));
	assert_int_equal(list(UINT32_MAX).count, 11);
}

static void refuses_to_flush_everything(void **state)
{
	(void)state;
	add_mixture();
	assert_int_equal(conntrack_flush(netlink, 0, 0, false), -EINVAL);
	assert_int_equal(conntrack_flush(netlink, 0x101, LINK_MASK, true), -EINVAL);
	assert_int_equal(list(UINT32_MAX).count, 12);
}

/* More than one chunk of requests, for a protocol that goes one by one, and for UDP. */
static bool is_of_policy_2(uint32_t mark, void *data)
{
	(void)data;
	return mark >> 12 == 2;
}

/* Of an address and of a network: what is answered there, and what came to it; of all protocols. */
static void forgets_who_lost_an_address(void **state)
{
	struct network one, all, inbound;
	unsigned int count;

	(void)state;
	assert_true(network_parse("10.0.0.1", &one) && network_parse("10.0.0.0/24", &all) && network_parse("203.0.113.9", &inbound));
	add_mixture();
	assert_int_equal(conntrack_forget(netlink, 1, LINK_MASK, &one, is_of_policy_2, NULL, &count), 0);
	assert_int_equal(count, 1);
	assert_false(is_there(1));
	assert_int_equal(conntrack_forget(netlink, 1, LINK_MASK, &all, is_of_policy_2, NULL, &count), 0);
	assert_int_equal(count, 2); /* ICMP and the one without ports; of policy 2 are the others */
	assert_true(is_there(2) && is_there(5) && is_there(6));
	expect_others_there();
	assert_int_equal(conntrack_forget(netlink, 2, LINK_MASK, &inbound, is_of_policy_2, NULL, &count), 0);
	assert_int_equal(count, 1);
	assert_false(is_there(21));
	assert_true(is_there(22));
}

static void flushes_many(void **state)
{
	static const uint8_t protocols[] = { IPPROTO_UDP, 200 };

	(void)state;
	for (size_t at = 0; at < 2; at++) {
		double start;

		for (uint32_t i = 0; i < 5000; i++)
			add(i % 2 ? IPV4 : IPV6, protocols[at], i, i % 5 == 0 ? 2 : 1);
		start = now_s();
		assert_int_equal(conntrack_flush(netlink, 1, LINK_MASK, true), 0);
		print_message("4000 of 5000 of protocol %u in %.1f ms\n", protocols[at], 1000 * (now_s() - start));
		assert_int_equal(count_lines("conntrack -L 2>/dev/null"), 1000 * (at + 1));
	}
}

struct choosing {
	uint32_t seen, wanted; /* bits of numbers */
};

static bool choose(const struct connection *connection, void *data)
{
	const struct address *from = &connection->flow.from;
	uint32_t number = 1u << from->bytes[from->family == IPV4 ? 3 : 15];
	struct choosing *choosing = data;

	assert_in_range(connection->expires_in_s, 590, 600);
	assert_int_not_equal(connection->id, 0);
	choosing->seen |= number;
	return (choosing->wanted & number) != 0;
}

/* Those of link 1 are looked at, living TCP too, and of them the chosen ones go. */
static void sweeps_what_is_chosen(void **state)
{
	struct choosing choosing = { .wanted = 1u << 1 | 1u << 3 | 1u << 6 | 1u << 21 };
	size_t deleted;

	(void)state;
	add_mixture();
	assert_int_equal(conntrack_sweep(netlink, 1, LINK_MASK, 100, choose, &choosing, &deleted), 0);
	assert_int_equal(choosing.seen, 0xfe);
	assert_int_equal(deleted, 3);
	assert_false(is_there(1) || is_there(3) || is_there(6));
	assert_true(is_there(2) && is_there(4) && is_there(5) && is_there(7));
	expect_others_there();
	assert_int_equal(conntrack_sweep(netlink, 1, LINK_MASK, 100, choose, &choosing, &deleted), 0);
	assert_int_equal(deleted, 0);
}

static void sweeps_so_many_at_once(void **state)
{
	struct choosing choosing = { .wanted = UINT32_MAX };
	size_t deleted;

	(void)state;
	add_mixture();
	assert_int_equal(conntrack_sweep(netlink, 1, LINK_MASK, 4, choose, &choosing, &deleted), 1);
	assert_int_equal(deleted, 4);
	assert_int_equal(list(UINT32_MAX).count, 5 + 3);
	assert_int_equal(conntrack_sweep(netlink, 1, LINK_MASK, 4, choose, &choosing, &deleted), 0);
	assert_int_equal(deleted, 3);
	expect_others_there();
}

int main(void)
{
#define EMPTIED(test) cmocka_unit_test_setup(test, empty_table)
	static const struct CMUnitTest tests[] = {
		EMPTIED(lists_what_is_marked),
		EMPTIED(lists_ipv6_and_icmp),
		EMPTIED(tells_bytes_and_answers),
		EMPTIED(ends_when_told),
		EMPTIED(flushes_exactly),
		EMPTIED(flushes_all_but_tcp),
		EMPTIED(flushes_tcp_without_an_answer),
		EMPTIED(flushes_tcp_that_was_reset),
		EMPTIED(flushes_a_value_of_zero),
		EMPTIED(refuses_to_flush_everything),
		EMPTIED(forgets_who_lost_an_address),
		EMPTIED(flushes_many),
		EMPTIED(sweeps_what_is_chosen),
		EMPTIED(sweeps_so_many_at_once),
	};
	int failed;

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (netlink_open(NETLINK_NETFILTER, &netlink) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netlink_close(netlink);
	return failed;
}
