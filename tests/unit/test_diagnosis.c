/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of diagnosis.h: each row of the table, in both families, and evidence that contradicts itself. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/diagnosis.h"

/* A link with one ping target of that family, of which nothing is answered but the gateway; another link is able. */
static struct evidence black_hole(enum family family)
{
	struct evidence evidence = { .need = 1, .target_count = 1, .others_able = 1 };
	struct family_evidence *found = &evidence.families[family];

	evidence.targets[0] = (struct target_evidence){ .kind = TARGET_PING, .family = family, .here = ANSWER_NONE,
		.elsewhere = ANSWER_GOOD };
	found->has_address = found->has_gateway = found->names_gateway = found->destination_known = true;
	found->gateway = (struct address){ family, { 192, 0, 2, 1 } };
	found->neighbour = ANSWER_GOOD;
	found->gateway_echo = ANSWER_NONE;
	found->hop_count = 4;
	found->hops[0].heard = true;
	found->hops[0].address = found->gateway;
	found->echoes_sent = 3;
	return evidence;
}

/* Everything answers. */
static struct evidence healthy(enum family family)
{
	struct evidence evidence = black_hole(family);
	struct family_evidence *found = &evidence.families[family];

	evidence.targets[0].here = ANSWER_GOOD;
	found->gateway_echo = ANSWER_GOOD;
	found->hops[1].heard = true;
	found->hops[1].address = (struct address){ family, { 198, 51, 100, 1 } };
	found->echoes_heard = 3;
	found->mtu_device = found->mtu_heard = 1500;
	return evidence;
}

static void silence_gateway(struct family_evidence *found)
{
	found->neighbour = found->gateway_echo = ANSWER_NONE;
	found->hops[0].heard = false;
}

static struct target_evidence *add_target(struct evidence *evidence, enum target_kind kind, enum answer here,
	enum answer elsewhere)
{
	struct target_evidence *target = &evidence->targets[evidence->target_count++];

	*target = (struct target_evidence){ .kind = kind, .family = evidence->targets[0].family, .here = here,
		.elsewhere = elsewhere };
	return target;
}

static void expect(const struct evidence *evidence, enum finding finding)
{
	assert_string_equal(finding_name(diagnosis_find(evidence)), finding_name(finding));
}

static void the_ground_goes_first(void **state)
{
	static const struct {
		enum link_ground ground;
		enum finding finding;
	} grounds[] = { { GROUND_NO_DEVICE, FINDING_NO_DEVICE }, { GROUND_NO_CARRIER, FINDING_NO_CARRIER },
		{ GROUND_NO_ADDRESS, FINDING_NO_ADDRESS }, { GROUND_NO_GATEWAY, FINDING_NO_GATEWAY } };

	(void)state;
	for (size_t i = 0; i < sizeof(grounds) / sizeof(*grounds); i++) {
		struct evidence evidence = healthy(IPV4); /* answers of a moment ago change nothing */

		evidence.ground = grounds[i].ground;
		expect(&evidence, grounds[i].finding);
		assert_int_equal(diagnosis_of_ground(grounds[i].ground), grounds[i].finding);
	}
	assert_int_equal(diagnosis_of_ground(GROUND_READY), FINDING_NONE);
}

static void a_link_that_works_has_no_finding(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = healthy(family);

		expect(&evidence, FINDING_NONE);
		add_target(&evidence, TARGET_TCP, ANSWER_NONE, ANSWER_NONE); /* one of two is enough */
		expect(&evidence, FINDING_NONE);
		silence_gateway(&evidence.families[family]); /* some never answer, yet forward */
		expect(&evidence, FINDING_NONE);
		evidence.target_count = 0;
		expect(&evidence, FINDING_NONE);
	}
}

static void a_gateway_that_answers_nothing_is_silent(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = black_hole(family);

		silence_gateway(&evidence.families[family]);
		expect(&evidence, FINDING_GATEWAY_SILENT);
		evidence.targets[0].elsewhere = ANSWER_NONE; /* who is dead elsewhere, too, does not speak for the gateway */
		expect(&evidence, FINDING_GATEWAY_SILENT);
		evidence.target_count = 0;
		expect(&evidence, FINDING_GATEWAY_SILENT);
		/* The other family works, but its targets are not those that fail. */
		evidence = black_hole(family);
		silence_gateway(&evidence.families[family]);
		evidence.families[!family] = healthy(!family).families[!family];
		expect(&evidence, FINDING_GATEWAY_SILENT);
	}
}

static void any_sign_of_the_gateway_clears_it(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = black_hole(family);
		struct family_evidence *found = &evidence.families[family];

		expect(&evidence, FINDING_BEYOND_GATEWAY);
		silence_gateway(found);
		found->gateway_echo = ANSWER_GOOD;
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		silence_gateway(found);
		found->hops[0].heard = true;
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		/* Answered by another of its addresses, or once more at the second hop: still it alone. */
		found->hops[0].address.bytes[3] = 77;
		found->hops[1] = (struct hop_evidence){ .heard = true, .address = found->gateway };
		expect(&evidence, FINDING_BEYOND_GATEWAY);
	}
}

static void a_dead_target_is_told_from_a_dead_link(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = black_hole(family);

		/* Nothing beyond is heard, but other links do not reach it either. */
		evidence.targets[0].elsewhere = ANSWER_NONE;
		expect(&evidence, FINDING_TARGET_ONLY);
		add_target(&evidence, TARGET_PING, ANSWER_NONE, ANSWER_NONE); /* several are dead nowhere but on a shared way */
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		evidence.target_count = 1;
		evidence.others_able = 0; /* who has no gateway himself proves nothing */
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		/* Without other links: somebody else is heard. */
		evidence.targets[0].elsewhere = ANSWER_NOT_ASKED;
		evidence.families[family].others = ANSWER_GOOD;
		expect(&evidence, FINDING_TARGET_ONLY);
		evidence.families[family].others = ANSWER_NOT_ASKED;
		evidence.families[family].hops[1] = (struct hop_evidence){ .heard = true, .address = { family, { 9 } } };
		expect(&evidence, FINDING_TARGET_ONLY);
		/* It refuses, here as everywhere. */
		evidence = black_hole(family);
		evidence.targets[0].here = evidence.targets[0].elsewhere = ANSWER_REFUSED;
		expect(&evidence, FINDING_TARGET_ONLY);
		/* A page that is the wrong one everywhere. */
		evidence = healthy(family);
		evidence.targets[0].kind = TARGET_HTTP;
		evidence.targets[0].here = evidence.targets[0].elsewhere = ANSWER_OTHER;
		expect(&evidence, FINDING_TARGET_ONLY);
	}
}

static void a_part_of_the_world_that_is_missing_is_beyond_the_gateway(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = black_hole(family);

		evidence.families[family].others = ANSWER_REFUSED;
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		silence_gateway(&evidence.families[family]); /* contradicts itself: who is beyond was heard */
		expect(&evidence, FINDING_BEYOND_GATEWAY);
	}
}

static void names_alone(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = healthy(family);
		struct target_evidence *dns;

		evidence.need = 2;
		dns = add_target(&evidence, TARGET_DNS, ANSWER_NONE, ANSWER_GOOD);
		expect(&evidence, FINDING_DNS_ONLY);
		dns->here = ANSWER_REFUSED;
		expect(&evidence, FINDING_DNS_ONLY);
		dns->elsewhere = ANSWER_NOT_ASKED;
		expect(&evidence, FINDING_DNS_ONLY);
		dns->elsewhere = ANSWER_NONE; /* the server is dead for all */
		expect(&evidence, FINDING_TARGET_ONLY);
		/* A page whose name is not found. */
		*dns = (struct target_evidence){ .kind = TARGET_HTTP, .by_name = true, .here = ANSWER_NO_NAME,
			.elsewhere = ANSWER_GOOD };
		expect(&evidence, FINDING_DNS_ONLY);
		/* More than names fail. */
		evidence.targets[0].here = ANSWER_NONE;
		evidence.targets[0].elsewhere = ANSWER_GOOD;
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		/* A server that is all that was asked says nothing of the rest. */
		evidence = black_hole(family);
		evidence.targets[0].kind = TARGET_DNS;
		expect(&evidence, FINDING_BEYOND_GATEWAY);
	}
}

static void portals(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = healthy(family);
		struct target_evidence *page = add_target(&evidence, TARGET_HTTP, ANSWER_OTHER, ANSWER_GOOD);

		expect(&evidence, FINDING_CAPTIVE_PORTAL); /* also where pings pass, and the check with them */
		page->elsewhere = ANSWER_NOT_ASKED;
		expect(&evidence, FINDING_CAPTIVE_PORTAL);
		page->elsewhere = ANSWER_OTHER;
		expect(&evidence, FINDING_NONE);
		page->elsewhere = ANSWER_GOOD;
		page->by_name = true;
		evidence.targets[0].here = ANSWER_NONE;
		silence_gateway(&evidence.families[family]);
		evidence.families[family].echoes_heard = 0;
		expect(&evidence, FINDING_CAPTIVE_PORTAL);
	}
}

static void large_packets(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = healthy(family);
		struct family_evidence *found = &evidence.families[family];

		found->mtu_heard = 1400;
		expect(&evidence, FINDING_MTU_BLACK_HOLE);
		found->mtu_elsewhere = ANSWER_GOOD;
		expect(&evidence, FINDING_MTU_BLACK_HOLE);
		found->mtu_elsewhere = ANSWER_NONE; /* its host answers nobody who asks so much */
		expect(&evidence, FINDING_NONE);
		found->mtu_elsewhere = ANSWER_NOT_ASKED;
		add_target(&evidence, TARGET_HTTP, ANSWER_NONE, ANSWER_GOOD);
		evidence.need = 2;
		expect(&evidence, FINDING_MTU_BLACK_HOLE);
		found->mtu_told = 1400; /* somebody says so: that is how it ought to be */
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		evidence = healthy(family);
		evidence.families[family].mtu_heard = 1400;
		evidence.families[family].echoes_heard = 2; /* loss explains it as well */
		expect(&evidence, FINDING_NONE);
		evidence.families[family].mtu_heard = 0;
		expect(&evidence, FINDING_NONE);
	}
}

static void a_neighbour_is_not_beyond(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = black_hole(family);
		struct target_evidence *neighbour;

		evidence.need = 2;
		neighbour = add_target(&evidence, TARGET_NEIGHBOUR, ANSWER_GOOD, ANSWER_NOT_ASKED);
		expect(&evidence, FINDING_BEYOND_GATEWAY);
		/* It alone fails: the gateway forwards, and does not answer. */
		evidence.targets[0].here = ANSWER_GOOD;
		neighbour->here = ANSWER_NONE;
		silence_gateway(&evidence.families[family]);
		expect(&evidence, FINDING_TARGET_ONLY);
		/* It is all that was asked. */
		evidence.targets[0] = *neighbour;
		evidence.target_count = evidence.need = 1;
		evidence.families[family].destination_known = false;
		expect(&evidence, FINDING_GATEWAY_SILENT);
		evidence.families[family].gateway_echo = ANSWER_GOOD;
		expect(&evidence, FINDING_UNKNOWN);
	}
}

static void a_family_without_a_way(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = healthy(family);

		evidence.need = 2;
		add_target(&evidence, TARGET_PING, ANSWER_NONE, ANSWER_GOOD)->family = !family;
		expect(&evidence, FINDING_NO_ADDRESS);
		evidence.families[!family].has_address = true;
		expect(&evidence, FINDING_NO_GATEWAY);
		/* What can be used counts where both fail. */
		evidence.targets[0].here = ANSWER_NONE;
		evidence.families[family] = black_hole(family).families[family];
		expect(&evidence, FINDING_BEYOND_GATEWAY);
	}
}

static void of_two_families_the_nearer_trouble(void **state)
{
	struct evidence evidence = black_hole(IPV4);

	(void)state;
	evidence.families[IPV6] = black_hole(IPV6).families[IPV6];
	add_target(&evidence, TARGET_PING, ANSWER_NONE, ANSWER_GOOD)->family = IPV6;
	expect(&evidence, FINDING_BEYOND_GATEWAY);
	silence_gateway(&evidence.families[IPV6]);
	expect(&evidence, FINDING_GATEWAY_SILENT);
}

static void what_nobody_tells_is_unknown(void **state)
{
	(void)state;
	for (enum family family = IPV4; family <= IPV6; family++) {
		struct evidence evidence = black_hole(family);
		struct family_evidence *found = &evidence.families[family];

		/* Point to point: there is nobody to ask. */
		found->names_gateway = found->hops[0].heard = false;
		found->neighbour = found->gateway_echo = ANSWER_NOT_ASKED;
		expect(&evidence, FINDING_UNKNOWN);
		evidence.target_count = 0;
		found->neighbour = ANSWER_GOOD;
		found->destination_known = false;
		expect(&evidence, FINDING_UNKNOWN);
	}
}

static void every_finding_has_words(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < FINDINGS; i++) {
		assert_int_equal(finding_name(i)[0] == '\0', i == FINDING_NONE);
		assert_int_equal(finding_meaning(i)[0] == '\0', i == FINDING_NONE);
		assert_int_equal(finding_advice(i)[0] == '\0', i == FINDING_NONE);
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(finding_name(i), finding_name(j));
	}
	for (unsigned int i = ANSWER_NOT_ASKED; i <= ANSWER_NO_NAME; i++)
		assert_true(answer_name(i)[0] != '\0');
}

static void expect_public(const char *page, const char *address)
{
	char text[ADDRESS_TEXT_MAX];
	struct address found;

	assert_int_equal(diagnosis_public_address(page, strlen(page), &found), address != NULL);
	if (address != NULL)
		assert_string_equal(address_format(&found, text, sizeof(text)), address);
}

static void the_address_in_a_page(void **state)
{
	char far[200];

	(void)state;
	expect_public("203.0.113.7", "203.0.113.7");
	expect_public("203.0.113.7\n", "203.0.113.7");
	expect_public("{\"ip\":\"2001:db8::7\"}", "2001:db8::7");
	expect_public("<html><body>Current IP Address: 203.0.113.7</body></html>", "203.0.113.7");
	expect_public("HTTP/1.1 :: 0.0.0.0 1.2.3 300.1.1.1 198.51.100.1", "198.51.100.1");
	expect_public("", NULL);
	expect_public("nothing of it here: dead", NULL);
	memset(far, '1', sizeof(far));
	assert_false(diagnosis_public_address(far, sizeof(far), &(struct address){ 0 }));
	assert_true(diagnosis_public_address("a\0b 192.0.2.1", 13, &(struct address){ 0 }));
	assert_true(diagnosis_public_address("192.0.2.10", 9, &(struct address){ 0 })); /* no further than told */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_ground_goes_first),
		cmocka_unit_test(a_link_that_works_has_no_finding),
		cmocka_unit_test(a_gateway_that_answers_nothing_is_silent),
		cmocka_unit_test(any_sign_of_the_gateway_clears_it),
		cmocka_unit_test(a_dead_target_is_told_from_a_dead_link),
		cmocka_unit_test(a_part_of_the_world_that_is_missing_is_beyond_the_gateway),
		cmocka_unit_test(names_alone),
		cmocka_unit_test(portals),
		cmocka_unit_test(large_packets),
		cmocka_unit_test(a_neighbour_is_not_beyond),
		cmocka_unit_test(a_family_without_a_way),
		cmocka_unit_test(of_two_families_the_nearer_trouble),
		cmocka_unit_test(what_nobody_tells_is_unknown),
		cmocka_unit_test(every_finding_has_words),
		cmocka_unit_test(the_address_in_a_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
