/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of queue_message.h: exact bytes out, and nothing believed that comes in. */

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <libmnl/libmnl.h>

#include "kernel/queue_message.h"

#define PACKET_TYPE  (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET)
#define VERDICT_TYPE (NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_VERDICT)

static uint8_t buffer[512] __attribute__((aligned(8)));

static struct nlmsghdr *begin(uint16_t type)
{
	struct nlmsghdr *message;

	memset(buffer, 0, sizeof(buffer));
	message = mnl_nlmsg_put_header(buffer);
	message->nlmsg_type = type;
	mnl_nlmsg_put_extra_header(message, sizeof(struct nfgenmsg));
	return message;
}

static void put_id(struct nlmsghdr *message, uint32_t id)
{
	const struct nfqnl_msg_packet_hdr header = { .packet_id = htonl(id), .hook = 3 };

	mnl_attr_put(message, NFQA_PACKET_HDR, sizeof(header), &header);
}

static struct nlmsghdr *make_packet(void)
{
	struct nlmsghdr *message = begin(PACKET_TYPE);

	put_id(message, 0x01020304);
	mnl_attr_put_u32(message, NFQA_IFINDEX_INDEV, htonl(7));
	mnl_attr_put_u32(message, NFQA_MARK, htonl(0xab00cd));
	mnl_attr_put_u32(message, NFQA_SKB_INFO, htonl(1));
	mnl_attr_put(message, NFQA_PAYLOAD, 5, "hello");
	return message;
}

static void parses_a_packet(void **state)
{
	struct nlmsghdr *message = make_packet();
	struct queue_packet packet;

	(void)state;
	assert_true(queue_message_parse(buffer, message->nlmsg_len, &packet));
	assert_int_equal(packet.id, 0x01020304);
	assert_int_equal(packet.device_in, 7);
	assert_int_equal(packet.mark, 0xab00cd);
	assert_int_equal(packet.length, 5);
	assert_memory_equal(packet.payload, "hello", 5);
}

static void parses_what_little_there_is(void **state)
{
	struct nlmsghdr *message = begin(PACKET_TYPE);
	struct queue_packet packet;

	(void)state;
	put_id(message, 9);
	assert_true(queue_message_parse(buffer, message->nlmsg_len, &packet));
	assert_int_equal(packet.id, 9);
	assert_int_equal(packet.mark, 0);
	assert_int_equal(packet.device_in, 0);
	assert_int_equal(packet.length, 0);
	assert_non_null(packet.payload);
}

static void refuses_what_is_no_packet(void **state)
{
	struct nlmsghdr *message = begin(PACKET_TYPE);
	struct queue_packet packet = { .id = 77 };

	(void)state;
	mnl_attr_put_u32(message, NFQA_MARK, 1);
	assert_false(queue_message_parse(buffer, message->nlmsg_len, &packet)); /* no id */
	mnl_attr_put_u16(message, NFQA_PACKET_HDR, 1);
	assert_false(queue_message_parse(buffer, message->nlmsg_len, &packet)); /* half an id */
	message = make_packet();
	message->nlmsg_type = NLMSG_ERROR;
	assert_false(queue_message_parse(buffer, message->nlmsg_len, &packet));
	assert_false(queue_message_parse(buffer, 0, &packet));
	assert_int_equal(packet.id, 77);
}

/* Cut anywhere: the same id or nothing, and a payload that lies inside. */
static void survives_cuts(void **state)
{
	size_t whole = make_packet()->nlmsg_len;
	size_t known = 0;

	(void)state;
	for (size_t length = 0; length <= whole; length++) {
		/* Of exact size, so that a sanitizer sees every step too far. */
		uint8_t *copy = malloc(length + (length == 0));
		struct queue_packet packet;

		memcpy(copy, buffer, length);
		if (queue_message_parse(copy, length, &packet)) {
			known++;
			assert_int_equal(packet.id, 0x01020304);
			assert_true(packet.payload + packet.length <= copy + length);
			assert_true(packet.length == 0 || packet.length == 5);
		}
		free(copy);
	}
	assert_true(known > 0 && known < whole);
}

static void survives_noise(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 200000; trial++) {
		size_t length = make_packet()->nlmsg_len;
		uint8_t *copy = malloc(length);
		struct queue_packet packet;

		for (int i = rand() % 4; i >= 0; i--)
			buffer[(size_t)rand() % length] = (uint8_t)rand();
		memcpy(copy, buffer, length);
		if (queue_message_parse(copy, length, &packet)) {
			assert_true(packet.payload >= copy);
			assert_true(packet.payload + packet.length <= copy + length);
		}
		free(copy);
	}
}

static void builds_verdicts(void **state)
{
	static const uint32_t mark = 0x123456;
	const struct nlmsghdr *message = (const void *)buffer;
	const struct nfqnl_msg_verdict_hdr *verdict = (const void *)(buffer + 24);

	(void)state;
	assert_int_equal(queue_message_verdict(buffer, 300, NF_ACCEPT, 0x01020304, &mark), QUEUE_VERDICT_MAX);
	assert_int_equal(message->nlmsg_len, QUEUE_VERDICT_MAX);
	assert_int_equal(message->nlmsg_type, VERDICT_TYPE);
	assert_int_equal(message->nlmsg_flags, NLM_F_REQUEST);
	assert_memory_equal(buffer + 16, "\0\0\x01\x2c", 4); /* family, version, queue 300 */
	assert_int_equal(ntohl(verdict->verdict), NF_ACCEPT);
	assert_int_equal(ntohl(verdict->id), 0x01020304);
	assert_memory_equal(buffer + 36, "\x00\x12\x34\x56", 4);
	assert_int_equal(queue_message_verdict(buffer, 300, NF_DROP, 5, NULL), QUEUE_VERDICT_MIN);
	assert_int_equal(message->nlmsg_len, QUEUE_VERDICT_MIN);
	assert_int_equal(ntohl(verdict->verdict), NF_DROP);
}

static int keep(const struct nlattr *attribute, void *data)
{
	const struct nlattr **found = data;

	found[mnl_attr_get_type(attribute)] = attribute;
	return MNL_CB_OK;
}

/* Bind and copy mode in one message: in two, the kernel drops what comes between them. */
static void configures_all_at_once(void **state)
{
	uint8_t config[QUEUE_MESSAGE_MAX] __attribute__((aligned(8)));
	const struct nlattr *found[NFQA_CFG_MAX + 1] = { 0 };
	const struct nfqnl_msg_config_params *params;
	size_t size = queue_message_config(config, 40, 4096, NFQA_CFG_F_GSO);

	(void)state;
	assert_int_equal(mnl_attr_parse((const void *)config, sizeof(struct nfgenmsg), keep, found), MNL_CB_OK);
	assert_int_equal(size, ((const struct nlmsghdr *)config)->nlmsg_len);
	assert_non_null(found[NFQA_CFG_CMD]);
	assert_int_equal(*(uint8_t *)mnl_attr_get_payload(found[NFQA_CFG_CMD]), NFQNL_CFG_CMD_BIND);
	params = mnl_attr_get_payload(found[NFQA_CFG_PARAMS]);
	assert_int_equal(ntohl(params->copy_range), QUEUE_COPY_RANGE);
	assert_int_equal(params->copy_mode, NFQNL_COPY_PACKET);
	assert_int_equal(ntohl(mnl_attr_get_u32(found[NFQA_CFG_QUEUE_MAXLEN])), 4096);
	assert_int_equal(ntohl(mnl_attr_get_u32(found[NFQA_CFG_FLAGS])), NFQA_CFG_F_GSO);
	assert_int_equal(ntohl(mnl_attr_get_u32(found[NFQA_CFG_MASK])), NFQA_CFG_F_GSO);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_a_packet),
		cmocka_unit_test(parses_what_little_there_is),
		cmocka_unit_test(refuses_what_is_no_packet),
		cmocka_unit_test(survives_cuts),
		cmocka_unit_test(survives_noise),
		cmocka_unit_test(builds_verdicts),
		cmocka_unit_test(configures_all_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
