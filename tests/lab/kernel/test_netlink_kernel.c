/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of netlink.h on a real kernel: answers, errors with words, and whose they are. */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "kernel/netlink.h"
#include "own_network.h"

static struct netlink *route, *filter;

static int count_up(const struct nlmsghdr *message, void *data)
{
	int *count = data;

	(void)message;
	(*count)++;
	return MNL_CB_OK;
}

static int stop_at_once(const struct nlmsghdr *message, void *data)
{
	count_up(message, data);
	return MNL_CB_STOP;
}

static int refuse(const struct nlmsghdr *message, void *data)
{
	count_up(message, data);
	errno = E2BIG;
	return MNL_CB_ERROR;
}

static int dump_links(mnl_cb_t callback, int *count)
{
	uint8_t buffer[64] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);

	request->nlmsg_type = RTM_GETLINK;
	request->nlmsg_flags = NLM_F_DUMP;
	mnl_nlmsg_put_extra_header(request, sizeof(struct ifinfomsg));
	return netlink_ask(route, request, callback, count);
}

static void gives_every_message(void **state)
{
	int count = 0;

	(void)state;
	assert_int_equal(dump_links(count_up, &count), 0);
	assert_int_equal(count, count_lines("ip -o link"));
	assert_int_equal(dump_links(NULL, NULL), 0);
}

/* A dump of several datagrams whose reader lost interest: the next one is not disturbed. */
static void reads_to_the_end(void **state)
{
	int count = 0, all;

	(void)state;
	assert_true(run("seq 1 100 | sed 's/.*/link add many& type veth peer name more&/' | ip -batch -"));
	all = count_lines("ip -o link");
	assert_int_equal(dump_links(stop_at_once, &count), 0);
	assert_int_equal(count, 1);
	count = 0;
	assert_int_equal(dump_links(refuse, &count), -E2BIG);
	assert_int_equal(count, 1);
	count = 0;
	assert_int_equal(dump_links(count_up, &count), 0);
	assert_int_equal(count, all);
}

static void tells_the_kernels_words(void **state)
{
	uint8_t buffer[128] __attribute__((aligned(8)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct rtmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	(void)state;
	request->nlmsg_type = RTM_NEWROUTE;
	request->nlmsg_flags = NLM_F_CREATE;
	header->rtm_family = AF_INET;
	header->rtm_dst_len = 33;
	assert_int_equal(netlink_ask(route, request, NULL, NULL), -EINVAL);
	assert_string_equal(netlink_reason(route), "Invalid prefix length");
	assert_int_equal(dump_links(NULL, NULL), 0);
	assert_string_equal(netlink_reason(route), "");
}

/* An nftables message of a batch; the number that it got. */
static uint32_t put(uint8_t **at, uint16_t type, uint16_t flags, const char *table)
{
	struct nlmsghdr *message = mnl_nlmsg_put_header(*at);
	struct nfgenmsg *header = mnl_nlmsg_put_extra_header(message, sizeof(*header));

	message->nlmsg_type = type;
	message->nlmsg_flags = NLM_F_REQUEST | flags;
	message->nlmsg_seq = netlink_sequence(filter);
	if (table == NULL) {
		header->res_id = htons(NFNL_SUBSYS_NFTABLES);
	} else {
		message->nlmsg_type |= NFNL_SUBSYS_NFTABLES << 8;
		header->nfgen_family = NFPROTO_INET;
		mnl_attr_put_strz(message, NFTA_TABLE_NAME, table);
	}
	*at += message->nlmsg_len;
	return message->nlmsg_seq;
}

static void takes_a_batch_whole(void **state)
{
	uint8_t buffer[1024] __attribute__((aligned(8))), *at = buffer;
	uint32_t last, failed = 0;

	(void)state;
	put(&at, NFNL_MSG_BATCH_BEGIN, 0, NULL);
	put(&at, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, "one");
	last = put(&at, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, "two");
	put(&at, NFNL_MSG_BATCH_END, 0, NULL);
	assert_int_equal(netlink_batch(filter, buffer, (size_t)(at - buffer), last, &failed), 0);
	assert_int_equal(failed, 0);
	assert_int_equal(count_lines("nft list tables"), 2);
	assert_true(run("nft flush ruleset"));
}

/* The last one went well, one before it did not: so nothing did. */
static void names_the_first_that_failed(void **state)
{
	uint8_t buffer[1024] __attribute__((aligned(8))), *at = buffer;
	uint32_t last, bad, failed = 0;

	(void)state;
	put(&at, NFNL_MSG_BATCH_BEGIN, 0, NULL);
	put(&at, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, "one");
	bad = put(&at, NFT_MSG_DELTABLE, 0, "nosuch");
	put(&at, NFT_MSG_DELTABLE, 0, "nosuch2");
	last = put(&at, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, "two");
	put(&at, NFNL_MSG_BATCH_END, 0, NULL);
	assert_int_equal(netlink_batch(filter, buffer, (size_t)(at - buffer), last, &failed), -ENOENT);
	assert_int_equal(failed, bad);
	assert_int_equal(count_lines("nft list tables"), 0);
}

/* A batch that is refused as a whole never answers its last request: it must not be waited for. */
static void does_not_wait_in_vain(void **state)
{
	uint8_t buffer[1024] __attribute__((aligned(8))), *at = buffer;
	uint32_t first, last, failed = 0;
	double start = now_s();

	(void)state;
	first = put(&at, NFNL_MSG_BATCH_BEGIN, 0, NULL);
	/* A generation that is not the present one. */
	mnl_attr_put_u32((struct nlmsghdr *)buffer, NFNL_BATCH_GENID, htonl(0x7fffffff));
	at = buffer + ((struct nlmsghdr *)buffer)->nlmsg_len;
	last = put(&at, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_ACK, "one");
	put(&at, NFNL_MSG_BATCH_END, 0, NULL);
	assert_int_equal(netlink_batch(filter, buffer, (size_t)(at - buffer), last, &failed), -ERESTART);
	assert_int_equal(failed, first);
	assert_true(now_s() - start < 1);
	assert_int_equal(netlink_batch(filter, buffer, 3, last, &failed), -EINVAL);
}

/* Nobody answers a request that no acknowledgement was asked for. */
static void gives_up_in_the_end(void **state)
{
	uint8_t buffer[1024] __attribute__((aligned(8))), *at = buffer;
	double start = now_s();
	uint32_t last;

	(void)state;
	put(&at, NFNL_MSG_BATCH_BEGIN, 0, NULL);
	last = put(&at, NFT_MSG_NEWTABLE, NLM_F_CREATE, "one");
	put(&at, NFNL_MSG_BATCH_END, 0, NULL);
	assert_int_equal(netlink_batch(filter, buffer, (size_t)(at - buffer), last, NULL), -ETIMEDOUT);
	assert_true(now_s() - start < 5);
	assert_true(run("nft flush ruleset"));
}

/* The port of our newest netlink socket: the descriptor with the highest number. */
static struct sockaddr_nl own_port(void)
{
	struct sockaddr_nl port = { 0 };
	socklen_t length = sizeof(port);
	int newest = -1;

	for (int fd = 3; fd < 64; fd++) {
		struct sockaddr_nl address = { 0 };

		length = sizeof(address);
		if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
			address.nl_family == AF_NETLINK && fd > newest) {
			newest = fd;
			port = address;
		}
	}
	return port;
}

/* Another process says "refused" with the right number before the kernel can say anything. */
static void does_not_believe_others(void **state)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
	} lie = { .header = { .nlmsg_len = sizeof(lie), .nlmsg_type = NLMSG_ERROR }, .error = { .error = -EPERM } };
	struct netlink *other = route;
	struct sockaddr_nl to;
	int liar, count = 0;

	(void)state;
	assert_int_equal(netlink_open(NETLINK_ROUTE, &route), 0);
	to = own_port();
	liar = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	lie.header.nlmsg_seq = netlink_sequence(route) + 1;
	assert_int_equal(sendto(liar, &lie, sizeof(lie), 0, (struct sockaddr *)&to, sizeof(to)), sizeof(lie));
	assert_int_equal(dump_links(count_up, &count), 0);
	assert_true(count > 0);
	close(liar);
	netlink_close(route);
	netlink_close(NULL);
	route = other;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(gives_every_message),
		cmocka_unit_test(reads_to_the_end),
		cmocka_unit_test(tells_the_kernels_words),
		cmocka_unit_test(takes_a_batch_whole),
		cmocka_unit_test(names_the_first_that_failed),
		cmocka_unit_test(does_not_wait_in_vain),
		cmocka_unit_test(gives_up_in_the_end),
		cmocka_unit_test(does_not_believe_others),
	};
	int failed;

	if (!own_network_enter())
		return TEST_SKIPPED;
	if (netlink_open(NETLINK_ROUTE, &route) < 0 || netlink_open(NETLINK_NETFILTER, &filter) < 0)
		return 1;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	netlink_close(route);
	netlink_close(filter);
	return failed;
}
