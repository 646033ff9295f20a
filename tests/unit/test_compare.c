/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that what differs between two configurations is told, key by key, and nothing else. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "config/compare.h"
#include "config/config.h"

#define LINKS "links:\n  fiber: { device: wan1 }\n  lte: { device: wwan0 }\n"

static struct config *parse(const char *text)
{
	struct config_errors errors;
	struct config *config;

	if (config_parse("test.yaml", text, strlen(text), &config, &errors) < 0)
		config_errors_print(stderr, &errors, 0);
	config_errors_free(&errors);
	assert_non_null(config);
	return config;
}

static void write_change(FILE *out, const struct config_change *change)
{
	static const char *const kinds[] = { "added", "removed", "changed", "moved" };

	fprintf(out, "%s %s %s", change->what, change->name, kinds[change->kind]);
	if (change->key != NULL)
		fprintf(out, " %s", change->key);
	if (change->kind == CHANGE_CHANGED || change->kind == CHANGE_MOVED)
		fprintf(out, " <%s> <%s>", change->before == NULL ? "" : change->before, change->after == NULL ? "" : change->after);
	if (change->more > 0 || change->less > 0)
		fprintf(out, " +%zu -%zu", change->more, change->less);
	fprintf(out, "%s\n", change->restart ? " restart" : "");
}

/* Both texts begin behind `version: 1'. The caller frees it. */
static char *difference(const char *before, const char *after)
{
	char text[2][4000], *told = NULL;
	struct config *configs[2];
	struct config_changes changes;
	size_t size;
	FILE *out = open_memstream(&told, &size);

	snprintf(text[0], sizeof(text[0]), "version: 1\n%s", before);
	snprintf(text[1], sizeof(text[1]), "version: 1\n%s", after);
	configs[0] = parse(text[0]);
	configs[1] = parse(text[1]);
	assert_int_equal(config_compare(configs[0], configs[1], &changes), 0);
	config_free(configs[0]);
	config_free(configs[1]);
	for (size_t i = 0; i < changes.count; i++)
		write_change(out, &changes.items[i]);
	config_changes_free(&changes);
	fclose(out);
	return told;
}

static void expect(const char *before, const char *after, const char *wanted)
{
	char *told = difference(before, after);

	assert_string_equal(told, wanted);
	free(told);
}

static void the_same_is_no_change(void **state)
{
	(void)state;
	expect(LINKS, LINKS, "");
	/* Nor is what is written in another way, or a default that is given. */
	expect(LINKS "kernel: { queues: 2 }\n", "links: { fiber: { device: wan1, gateway: auto }, lte: { device: \"wwan0\" } }\n", "");
	expect(LINKS "policies: [{ name: a, match: { protocol: tcp } }]\n",
		LINKS "policies: [{ name: a, match: { protocol: [6] }, action: allow }]\n", "");
}

static void links_come_go_and_change(void **state)
{
	(void)state;
	expect(LINKS, "links:\n  fiber: { device: wan1, weight: 7, check: { interval: 2s } }\n  dsl: { device: ppp0 }\n",
		"link fiber changed weight <1> <7>\nlink fiber changed check.interval <1s> <2s>\nlink dsl added\nlink lte removed\n");
	expect(LINKS, "links:\n  lte: { device: wwan0 }\n  fiber: { device: wan1 }\n", "");
}

static void a_name_that_is_no_more_the_same_thing(void **state)
{
	(void)state;
	expect("zones: { lan: { devices: [lan0] } }\n" LINKS, "zones: { lan: { networks: [10.0.0.0/8] } }\n" LINKS,
		"zone lan changed networks <> <[10.0.0.0/8]>\nzone lan changed devices <[lan0]> <>\n");
	expect(LINKS, "zones: { lan: { devices: [lan0] } }\n" LINKS, "zone lan added\n");
	expect(LINKS "qos: { classes: { voice: { min: 10% }, bulk: { max: 50% } }, default: bulk }\n",
		LINKS "qos: { classes: { voice: { min: 20% }, rest: { priority: 4 } }, default: voice }\n",
		"class voice changed min <10%> <20%>\nclass rest added\nclass bulk removed\nsetting qos.default changed <bulk> <voice>\n");
	expect(LINKS, LINKS "sets: { few: { networks: [192.0.2.0/24] } }\n", "set few added\n");
}

static void lists_are_counted(void **state)
{
	(void)state;
	expect("zones: { lan: { networks: [10.1.0.0/16, 10.2.0.0/16] } }\n" LINKS,
		"zones: { lan: { networks: [10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16] } }\n" LINKS,
		"zone lan changed networks <[10.1.0.0/16, 10.2.0.0/16]> <[10.2.0.0/16, 10.3.0.0/16, 10.4.0.0/16]> +2 -1\n");
	expect(LINKS "policies: [{ name: a, balance: { links: [fiber, lte] } }]\n",
		LINKS "policies: [{ name: a, balance: { links: [lte, fiber], weights: { lte: 1, fiber: 1 } } }]\n",
		"policy a changed balance.links <[fiber, lte]> <[lte, fiber]>\n");
}

static void settings_and_restarts(void **state)
{
	(void)state;
	expect(LINKS, LINKS "kernel: { queues: 4, first-table: 8000 }\ncontrol: { socket: /run/x.sock }\n",
		"setting control.socket changed <" RUNSTATEDIR "/uplinkd/control.sock> </run/x.sock> restart\n"
		"setting kernel.first-table changed <7000> <8000>\n"
		"setting kernel.queues changed <2> <4> restart\n");
	expect(LINKS, LINKS "alerts: { mail: { server: \"smtp://a\", from: a@b, to: c@d } }\n",
		"setting alerts.mail.server changed <> <smtp://a>\nsetting alerts.mail.from changed <> <a@b>\n"
		"setting alerts.mail.to changed <> <[c@d]>\nsetting alerts.mail.reminder changed <> <never>\n"
		"setting alerts.mail.summary changed <> <none>\nsetting alerts.mail.summary-hour changed <> <7>\n"
		"setting alerts.mail.timeout changed <> <1m>\nsetting alerts.mail.tls changed <> <opportunistic>\n");
}

static void policies_by_name_and_order(void **state)
{
	(void)state;
	expect(LINKS "policies: [{ name: a }, { name: b }, { name: c }, { name: d }]\n",
		LINKS "policies: [{ name: d }, { name: a }, { name: x }, { name: c, action: drop }]\n",
		"policy d moved <c> <>\npolicy x added\npolicy c changed action <allow> <drop>\n"
		"policy c changed balance <{algorithm: round-robin, share: connections, links: [fiber, lte], weights: {fiber: 1, lte: 1}, if-none: next, "
		"on-failure: reset, on-recovery: keep}> <>\n"
		"policy b removed\n");
	expect(LINKS "policies: [{ name: a }, { name: b }, { name: c }, { name: d }]\n",
		LINKS "policies: [{ name: b }, { name: c }, { name: a }, { name: d }]\n", "policy a moved <> <c>\n");
	expect(LINKS, LINKS "policies: [{ name: a }]\n", "policy a added\n");
	expect(LINKS "policies: [{ name: a }]\n", LINKS, "policy a removed\n");
}

static void what_follows_from_links_is_told_once(void **state)
{
	(void)state;
	expect(LINKS "policies: [{ name: a }, { name: b, balance: { links: [lte, fiber] } }]\n",
		"links:\n  fiber: { device: wan1, weight: 4 }\n  lte: { device: wwan0 }\n  dsl: { device: ppp0 }\n"
		"policies: [{ name: a }, { name: b, balance: { links: [lte, fiber] } }]\n",
		"link fiber changed weight <1> <4>\nlink dsl added\n");
	expect(LINKS "policies: [{ name: a }]\n", LINKS "policies: [{ name: a, balance: { weights: { lte: 2 } } }]\n",
		"policy a changed balance.weights.lte <1> <2>\n");
}

static void what_needs_a_restart(void **state)
{
	struct config *plain = parse("version: 1\n" LINKS), *same = parse("version: 1\n" LINKS "kernel: { first-table: 9000 }\n");
	struct config *other = parse("version: 1\n" LINKS "sticky: { entries: 100 }\nkernel: { queue-length: 99 }\n");
	char path[64];

	(void)state;
	assert_false(config_needs_restart(plain, same, path, sizeof(path)));
	assert_true(config_needs_restart(plain, other, path, sizeof(path)));
	assert_string_equal(path, "kernel.queue-length");
	other->kernel.queue_length = plain->kernel.queue_length;
	assert_true(config_needs_restart(plain, other, path, sizeof(path)));
	assert_string_equal(path, "sticky.entries");
	other->sticky_entries = plain->sticky_entries;
	other->decision_records++;
	assert_true(config_needs_restart(plain, other, path, sizeof(path)));
	assert_string_equal(path, "decisions.record");
	other->decision_records--;
	other->kernel.mark_policy_bits--;
	assert_true(config_needs_restart(plain, other, path, sizeof(path)));
	assert_string_equal(path, "kernel.mark-policy-bits");
	config_free(plain);
	config_free(same);
	config_free(other);
}

/* Random orders: those that are not called moved, kept their order, and to move the others is enough. */
static void random_orders(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	printf("seed %u\n", seed);
	srand(seed);
	for (int round = 0; round < 50; round++) {
		char text[2000], *told, last = 'a' - 1;
		char order[] = "abcdefgh";
		int length = snprintf(text, sizeof(text), LINKS "policies: [");

		for (int i = 7; i > 0; i--) {
			int other = rand() % (i + 1);
			char letter = order[i];

			order[i] = order[other];
			order[other] = letter;
		}
		for (int i = 0; i < 8; i++)
			length += snprintf(text + length, sizeof(text) - (size_t)length, "%s{ name: %c }", i == 0 ? "" : ", ", order[i]);
		snprintf(text + length, sizeof(text) - (size_t)length, "]\n");
		told = difference(LINKS "policies: [{ name: a }, { name: b }, { name: c }, { name: d }, { name: e }, { name: f },"
			" { name: g }, { name: h }]\n", text);
		for (int i = 0; i < 8; i++) {
			char moved[32];

			snprintf(moved, sizeof(moved), "policy %c moved", order[i]);
			if (strstr(told, moved) != NULL)
				continue;
			assert_true(order[i] > last);
			last = order[i];
		}
		free(told);
	}
}

static void a_document_for_scripts(void **state)
{
	struct config *before = parse("version: 1\n" LINKS), *after = parse("version: 1\nlinks: { fiber: { device: wan1, weight: 3 } }\n"
		"kernel: { queues: 1 }\n");
	struct config_changes changes;
	json_t *document;
	char *text;

	(void)state;
	assert_int_equal(config_compare(before, after, &changes), 0);
	document = config_changes_document("/etc/x.yaml", &changes);
	text = json_dumps(document, JSON_COMPACT);
	assert_string_equal(text, "{\"file\":\"/etc/x.yaml\",\"changes\":["
		"{\"kind\":\"changed\",\"what\":\"setting\",\"name\":\"kernel.queues\",\"key\":null,\"before\":\"2\",\"after\":\"1\","
		"\"more\":0,\"less\":0,\"restart\":true},"
		"{\"kind\":\"changed\",\"what\":\"link\",\"name\":\"fiber\",\"key\":\"weight\",\"before\":\"1\",\"after\":\"3\","
		"\"more\":0,\"less\":0,\"restart\":false},"
		"{\"kind\":\"removed\",\"what\":\"link\",\"name\":\"lte\",\"key\":null,\"before\":null,\"after\":null,"
		"\"more\":0,\"less\":0,\"restart\":false}],\"restart\":[\"kernel.queues\"]}");
	free(text);
	json_decref(document);
	config_changes_free(&changes);
	config_free(before);
	config_free(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_same_is_no_change),
		cmocka_unit_test(links_come_go_and_change),
		cmocka_unit_test(a_name_that_is_no_more_the_same_thing),
		cmocka_unit_test(lists_are_counted),
		cmocka_unit_test(settings_and_restarts),
		cmocka_unit_test(policies_by_name_and_order),
		cmocka_unit_test(what_follows_from_links_is_told_once),
		cmocka_unit_test(what_needs_a_restart),
		cmocka_unit_test(random_orders),
		cmocka_unit_test(a_document_for_scripts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
