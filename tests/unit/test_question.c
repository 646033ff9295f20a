/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Imagined connections in words: what is understood, and what is refused with which words. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/question.h"

static struct asked read_well(const struct question *question)
{
	struct question_problem problem;
	struct asked asked;

	if (!question_read(question, &asked, &problem))
		fail_msg("%s", problem.text);
	return asked;
}

static void refused(const struct question *question, const char *text)
{
	struct question_problem problem;
	struct asked asked;

	assert_false(question_read(question, &asked, &problem));
	assert_string_equal(problem.text, text);
	assert_string_not_equal(problem.hint, "");
}

static void test_understands(void **state)
{
	struct question question = { .from = "10.0.0.5", .to = "192.0.2.1", .protocol = "udp", .from_port = "1024",
		.to_port = "5060", .dscp = "ef" };
	struct asked asked = read_well(&question);

	(void)state;
	assert_int_equal(asked.flow.family, IPV4);
	assert_int_equal(asked.flow.protocol, 17);
	assert_true(asked.flow.ports);
	assert_int_equal(asked.flow.from_port, 1024);
	assert_int_equal(asked.flow.to_port, 5060);
	assert_int_equal(asked.flow.dscp, 46);
	assert_false(asked.from_router || asked.to_router || asked.timed);
	question = (struct question){ .from = "router", .to = "2001:db8::1", .protocol = "47", .at = "sun 23:59" };
	asked = read_well(&question);
	assert_true(asked.from_router);
	assert_int_equal(asked.flow.family, IPV6);
	assert_int_equal(asked.flow.from.family, IPV6);
	assert_false(asked.flow.ports);
	assert_true(asked.timed);
	assert_int_equal(asked.minute, MINUTES_OF_WEEK - 1);
}

/* What a ping of each family is; people say icmp for both. */
static void test_icmp(void **state)
{
	static const struct {
		const char *from, *to, *protocol, *type;
		unsigned int number, ports;
	} rows[] = {
		{ "10.0.0.5", "192.0.2.1", "icmp", NULL, 1, 8 << 8 },
		{ "fd00::5", "2001:db8::1", "icmp", NULL, 58, 128 << 8 },
		{ "fd00::5", "2001:db8::1", "ipv6-icmp", "packet-too-big", 58, 2 << 8 },
		{ "10.0.0.5", "192.0.2.1", "icmp", "echo-reply", 1, 0 },
		{ "10.0.0.5", "192.0.2.1", "icmp", "13", 1, 13 << 8 },
		{ "10.0.0.5", "192.0.2.1", "icmp", "3/4", 1, 3 << 8 | 4 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct question question = { .from = rows[i].from, .to = rows[i].to, .protocol = rows[i].protocol,
			.icmp_type = rows[i].type };
		struct asked asked = read_well(&question);

		assert_int_equal(asked.flow.protocol, rows[i].number);
		assert_int_equal(asked.flow.from_port, rows[i].ports);
		assert_int_equal(asked.flow.to_port, 0);
	}
}

static void test_refuses(void **state)
{
	static const struct {
		struct question question;
		const char *text;
	} rows[] = {
		{ { .to = "::1", .protocol = "tcp" }, "from is missing" },
		{ { .from = "10.0.0.5", .to = "example.net", .protocol = "tcp" }, "to: `example.net' is no address" },
		{ { .from = "10.0.0.0/8", .to = "192.0.2.1", .protocol = "tcp" }, "from: `10.0.0.0/8' is no address" },
		{ { .from = "10.0.0.5", .to = "::1", .protocol = "tcp" }, "from and to are of different families" },
		{ { .from = "router", .to = "router", .protocol = "tcp" }, "from and to are both this machine" },
		{ { .from = "router", .to = "::1" }, "protocol is missing" },
		{ { .from = "router", .to = "::1", .protocol = "256" }, "protocol: `256' is not known" },
		{ { .from = "router", .to = "::1", .protocol = "" }, "protocol: `' is not known" },
		{ { .from = "router", .to = "::1", .protocol = "tcp", .to_port = "65536" }, "to-port: `65536' is no port" },
		{ { .from = "router", .to = "::1", .protocol = "tcp", .from_port = "+1" }, "from-port: `+1' is no port" },
		{ { .from = "router", .to = "::1", .protocol = "gre", .to_port = "1" },
			"to-port: this protocol has no ports" },
		{ { .from = "router", .to = "::1", .protocol = "tcp", .icmp_type = "8" },
			"icmp-type: the protocol is not ICMP" },
		{ { .from = "router", .to = "192.0.2.1", .protocol = "icmp", .icmp_type = "packet-too-big" },
			"icmp-type: `packet-too-big' is not known" },
		{ { .from = "router", .to = "::1", .protocol = "icmp", .icmp_type = "3/256" },
			"icmp-type: `3/256' is not known" },
		{ { .from = "router", .to = "::1", .protocol = "tcp", .dscp = "64" }, "dscp: `64' is not known" },
		{ { .from = "router", .to = "::1", .protocol = "tcp", .at = "soon" }, "at: `soon' is no time" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		refused(&rows[i].question, rows[i].text);
}

static void test_minutes(void **state)
{
	static const struct {
		const char *text;
		int minute; /* -1: no time */
	} rows[] = {
		{ "mon 00:00", 0 }, { "mon 22:30", 22 * 60 + 30 }, { "sun 0:05", 6 * 1440 + 5 },
		{ "2026-11-23T22:30", 22 * 60 + 30 }, /* a Monday */
		{ "2026-11-22 00:00", 6 * 1440 }, { "2024-02-29T12:00", 3 * 1440 + 720 },
		{ "2000-02-29T00:00", 1440 }, { "1970-01-01T00:00", 3 * 1440 },
		{ "2026-02-29T12:00", -1 }, { "2100-02-29T12:00", -1 }, { "2026-13-01T12:00", -1 }, { "2026-11-31T12:00", -1 },
		{ "2026-11-00T12:00", -1 }, { "mon 24:00", -1 }, { "mon 12:60", -1 }, { "mon 12:5", -1 }, { "mon", -1 },
		{ "mon12:00", -1 }, { "22:30", -1 }, { "", -1 }, { "mon 12:000", -1 }, { "monday 12:00", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint16_t minute = 0;

		if (question_minute(rows[i].text, &minute) != (rows[i].minute >= 0))
			fail_msg("`%s'", rows[i].text);
		if (rows[i].minute >= 0)
			assert_int_equal(minute, rows[i].minute);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_understands),
		cmocka_unit_test(test_icmp),
		cmocka_unit_test(test_refuses),
		cmocka_unit_test(test_minutes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
