/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves what the reader of the configuration makes of units, names, weights, labels and policies.d. */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "config/text.h"
#include "config/value.h"
#include "core/schedule.h"

static struct config *parse(const char *text)
{
	struct config_errors errors;
	struct config *config;
	int result = config_parse("test.yaml", text, strlen(text), &config, &errors);

	config_errors_print(stderr, &errors, 0);
	config_errors_free(&errors);
	assert_int_equal(result, 0);
	assert_non_null(config);
	return config;
}

/* The text has exactly one error, there, with these words in it. */
static void refuse(const char *text, unsigned int line, unsigned int column, const char *words)
{
	struct config_errors errors;
	struct config *config;

	assert_int_equal(config_parse("test.yaml", text, strlen(text), &config, &errors), -EINVAL);
	assert_null(config);
	if (errors.count != 1 || strstr(errors.items[0].message, words) == NULL)
		config_errors_print(stderr, &errors, 0);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.items[0].file, "test.yaml");
	assert_int_equal(errors.items[0].line, line);
	assert_int_equal(errors.items[0].column, column);
	assert_non_null(strstr(errors.items[0].message, words));
	assert_non_null(errors.items[0].hint);
	config_errors_free(&errors);
}

static char *print(const struct config *config)
{
	char *text = config_text(config);

	assert_non_null(text);
	return text;
}

static void reads_units(void **state)
{
	static const struct {
		const char *text;
		enum unit unit;
		uint64_t value;
	} fine[] = {
		{ "200ms", UNIT_TIME, 200 }, { "3s", UNIT_TIME, 3000 }, { "10m", UNIT_TIME, 600000 },
		{ "2h", UNIT_TIME, 7200000 }, { "7d", UNIT_TIME, 604800000 }, { "1.5s", UNIT_TIME, 1500 },
		{ "0.001s", UNIT_TIME, 1 }, { "3 s", UNIT_TIME, 3000 }, { "10 mbit", UNIT_RATE, 10000000 },
		{ "1 gbit", UNIT_RATE, 1000000000 }, { "500 kbit", UNIT_RATE, 500000 }, { "10mbit", UNIT_RATE, 10000000 },
		{ "7 bit", UNIT_RATE, 7 }, { "0.5 kbit", UNIT_RATE, 500 }, { "5%", UNIT_PERCENT, 50 },
		{ "0.5%", UNIT_PERCENT, 5 }, { "100 MB", UNIT_SIZE, 100000000 }, { "2.5GB", UNIT_SIZE, 2500000000 }, { "100 %", UNIT_PERCENT, 1000 }, { "0", UNIT_NONE, 0 }, { "65535", UNIT_NONE, 65535 },
	};
	uint64_t value;

	(void)state;
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		assert_int_equal(value_read(fine[i].text, fine[i].unit, &value), VALUE_FINE);
		assert_int_equal(value, fine[i].value);
	}
}

static void refuses_wrong_units(void **state)
{
	static const struct {
		const char *text;
		enum unit unit;
		enum value_error error;
	} wrong[] = {
		{ "200", UNIT_TIME, VALUE_NO_UNIT }, { "5", UNIT_PERCENT, VALUE_NO_UNIT }, { "100", UNIT_RATE, VALUE_NO_UNIT },
		{ "3sec", UNIT_TIME, VALUE_UNIT_UNKNOWN }, { "100", UNIT_SIZE, VALUE_NO_UNIT },
		{ "100 mb", UNIT_SIZE, VALUE_UNIT_UNKNOWN }, { "10 MBIT", UNIT_RATE, VALUE_UNIT_UNKNOWN },
		{ "10  mbit", UNIT_RATE, VALUE_UNIT_UNKNOWN }, { "10 mbit ", UNIT_RATE, VALUE_UNIT_UNKNOWN },
		{ "10m", UNIT_RATE, VALUE_UNIT_UNKNOWN }, { "1s", UNIT_NONE, VALUE_UNIT_NOT_WANTED },
		{ "", UNIT_NONE, VALUE_NOT_A_NUMBER }, { "-1s", UNIT_TIME, VALUE_NOT_A_NUMBER },
		{ "+1", UNIT_NONE, VALUE_NOT_A_NUMBER }, { ".5s", UNIT_TIME, VALUE_NOT_A_NUMBER },
		{ "1.s", UNIT_TIME, VALUE_NOT_A_NUMBER }, { "1.2345s", UNIT_TIME, VALUE_NOT_A_NUMBER },
		{ "0x10", UNIT_NONE, VALUE_UNIT_NOT_WANTED }, { "1e3", UNIT_NONE, VALUE_UNIT_NOT_WANTED },
		{ "010", UNIT_NONE, VALUE_LEADING_ZERO }, { "1.5", UNIT_NONE, VALUE_TOO_FINE },
		{ "0.05%", UNIT_PERCENT, VALUE_TOO_FINE }, { "0.1ms", UNIT_TIME, VALUE_TOO_FINE },
		{ "999999999999 gbit", UNIT_RATE, VALUE_TOO_LARGE }, { "99999999999999999999", UNIT_NONE, VALUE_TOO_LARGE },
	};
	uint64_t value = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		if (value_read(wrong[i].text, wrong[i].unit, &value) != wrong[i].error)
			fail_msg("`%s' was not refused as it should be", wrong[i].text);
		assert_int_equal(value, 42);
	}
}

/* What is printed reads back to the same number. */
static void prints_what_it_reads(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);
	char text[VALUE_TEXT_MAX];

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 100000; trial++) {
		enum unit unit = (enum unit)(trial % 4);
		uint64_t value = (uint64_t)rand() % 1000, back = 0;

		for (int i = rand() % 4; i > 0; i--)
			value *= (uint64_t)(1 + rand() % 1000);
		value %= unit == UNIT_NONE || unit == UNIT_PERCENT ? 1000000 : 1000000000000;
		assert_int_equal(value_read(value_format(value, unit, text), unit, &back), VALUE_FINE);
		assert_int_equal(back, value);
	}
	assert_string_equal(value_format(86400000, UNIT_TIME, text), "1d");
	assert_string_equal(value_format(90000, UNIT_TIME, text), "90s");
	assert_string_equal(value_format(1500000000, UNIT_RATE, text), "1500 mbit");
	assert_string_equal(value_format(25, UNIT_PERCENT, text), "2.5%");
}

static void finds_near_words(void **state)
{
	struct nearest nearest = nearest_to("wieght");

	(void)state;
	nearest_try(&nearest, "weights");
	nearest_try(&nearest, "weight");
	nearest_try(&nearest, "height");
	assert_string_equal(nearest.word, "weight");
	nearest = nearest_to("entirely-different");
	nearest_try(&nearest, "weight");
	assert_null(nearest.word);
	nearest = nearest_to("");
	nearest_try(&nearest, "x");
	assert_null(nearest.word);
}

static void cleans_text(void **state)
{
	char hostile[] = "a\x1b[31m\xc2\x85\xe2\x80\xae\xff\xc3\xa9\xed\xa0\x80";

	(void)state;
	assert_string_equal(text_clean(hostile), "a?[31m?????\?\xc3\xa9???");
}

static void fills_in_defaults(void **state)
{
	struct config *config = parse("version: 1\nlinks: { wan: { device: eth0 } }\npolicies: [{ name: all }]\n");
	const struct link *link = &config->links[0];
	const struct policy *policy = &config->policies[0];

	(void)state;
	assert_int_equal(link->gateway.kind, GATEWAY_AUTO);
	assert_true(link->nat.kind[IPV4] == NAT_MASQUERADE && link->nat.kind[IPV6] == NAT_AUTO);
	assert_int_equal(link->weight, 1);
	assert_int_equal(link->check.need, 1);
	assert_int_equal(link->check.interval_ms, 1000);
	assert_int_equal(link->check.timeout_ms, 0);
	assert_int_equal(link->check.down_after, 3);
	assert_int_equal(link->check.up_after, 5);
	assert_int_equal(policy->action, ACTION_ALLOW);
	assert_true(policy->nat.kind[IPV4] == NAT_AUTO && policy->nat.kind[IPV6] == NAT_AUTO);
	assert_int_equal(policy->balance.algorithm, ALGORITHM_ROUND_ROBIN);
	assert_int_equal(policy->balance.if_none, IF_NONE_NEXT);
	assert_int_equal(policy->balance.on_failure, ON_FAILURE_RESET);
	assert_int_equal(policy->balance.sticky_by, KEY_NONE);
	assert_int_equal(config->kernel.first_table, 7000);
	assert_int_equal(config->kernel.rule_priority, 1000);
	assert_int_equal(config->kernel.first_queue, 200);
	assert_int_equal(config->kernel.queues, 2);
	assert_int_equal(config->kernel.queue_length, 256);
	assert_int_equal(config->sticky_entries, 65536);
	assert_false(config->syslog.enabled);
	assert_string_equal(config->syslog.facility_name, "daemon");
	assert_null(config->mail.server);
	config_free(config);
}

static void rounds_the_sticky_table(void **state)
{
	struct config *config = parse("version: 1\nlinks: { wan: { device: eth0 } }\nsticky: { entries: 1025 }\n");

	(void)state;
	assert_int_equal(config->sticky_entries, 2048);
	config_free(config);
}

static void check_weights(const char *links, const unsigned int *expected)
{
	char *text;
	struct config *config;

	assert_true(asprintf(&text, "version: 1\nlinks:\n%s", links) > 0);
	config = parse(text);
	for (size_t i = 0; i < config->link_count; i++)
		assert_int_equal(config->links[i].weight, expected[i]);
	config_free(config);
	free(text);
}

static void weighs_by_bandwidth(void **state)
{
	(void)state;
	check_weights("  a: { device: a, bandwidth: { download: 100 mbit } }\n"
		      "  b: { device: b, bandwidth: { download: 30 mbit, upload: 90 mbit } }\n",
		(const unsigned int[]){ 10, 3 });
	check_weights("  a: { device: a, bandwidth: { upload: 20 mbit } }\n"
		      "  b: { device: b, bandwidth: { download: 10 mbit } }\n"
		      "  c: { device: c }\n",
		(const unsigned int[]){ 2, 1, 1 });
	check_weights("  a: { device: a, bandwidth: { download: 940 mbit } }\n"
		      "  b: { device: b, bandwidth: { download: 57 mbit } }\n"
		      "  c: { device: c, bandwidth: { download: 1 mbit } }\n",
		(const unsigned int[]){ 100, 6, 1 });
	check_weights("  a: { device: a }\n  b: { device: b }\n", (const unsigned int[]){ 1, 1 });
	check_weights("  a: { device: a, weight: 7, bandwidth: { download: 50 mbit } }\n"
		      "  b: { device: b, bandwidth: { download: 50 mbit } }\n",
		(const unsigned int[]){ 7, 1 });
}

/* Also with as many links as there can be, the defaults make a cycle that the schedule takes. */
static void weighs_many_links(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 50; trial++) {
		uint16_t weights[CONFIG_LINKS_MAX];
		struct schedule *schedule;
		struct config *config;
		char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		fprintf(out, "version: 1\nlinks:\n");
		for (int i = 0; i < CONFIG_LINKS_MAX; i++)
			fprintf(out, "  l%d: { device: d%d, bandwidth: { download: %d kbit } }\n", i, i, 900000 + rand() % 100000);
		fclose(out);
		config = parse(text);
		for (size_t i = 0; i < CONFIG_LINKS_MAX; i++)
			weights[i] = (uint16_t)config->links[i].weight;
		schedule = schedule_new(weights, CONFIG_LINKS_MAX);
		assert_non_null(schedule);
		schedule_free(schedule);
		config_free(config);
		free(text);
	}
}

static const char labelled[] =
	"version: 1\n"
	"links:\n"
	"  a: { device: a, labels: [fast] }\n"
	"  b: { device: b, weight: 3 }\n"
	"  c: { device: c, labels: [fast, cheap] }\n"
	"policies:\n"
	"  - { name: p, match: { from: [fast, b] }, balance: { algorithm: priority, links: [c, b, fast], weights: { fast: 9, a: 4 } } }\n"
	"  - { name: q, balance: { links: [cheap, internet] } }\n";

static void expands_labels(void **state)
{
	struct config *config = parse(labelled);
	const struct match *match = &config->policies[0].match;
	const struct balance *balance = &config->policies[0].balance;

	(void)state;
	assert_int_equal(match->from.count, 3);
	assert_int_equal(match->from.items[0].kind, END_LINK);
	assert_int_equal(match->from.items[0].index, 0);
	assert_int_equal(match->from.items[1].index, 2);
	assert_int_equal(match->from.items[2].index, 1);
	assert_int_equal(balance->count, 3);
	assert_int_equal(balance->choices[0].link, 2);
	assert_int_equal(balance->choices[0].weight, 9);
	assert_int_equal(balance->choices[1].link, 1);
	assert_int_equal(balance->choices[1].weight, 3);
	assert_int_equal(balance->choices[2].link, 0);
	assert_int_equal(balance->choices[2].weight, 4);
	balance = &config->policies[1].balance;
	assert_int_equal(balance->count, 3);
	assert_int_equal(balance->choices[0].link, 2);
	assert_int_equal(balance->choices[1].link, 0);
	assert_int_equal(balance->choices[2].link, 1);
	config_free(config);
}

static void loads_what_it_prints(void **state)
{
	struct config *first = parse(labelled), *second;
	char *text = print(first), *again;

	(void)state;
	second = parse(text);
	again = print(second);
	assert_string_equal(text, again);
	free(text);
	free(again);
	config_free(first);
	config_free(second);
}

#define LINK "version: 1\nlinks: { wan: { device: eth0 } }\n"

static void places_errors(void **state)
{
	(void)state;
	refuse("version: 1\nlinks: { wan: { device: eth0, wieght: 3 } }\n", 2, 31, "unknown key `wieght'");
	refuse("\xef\xbb\xbfversion: 1\nlinks: { wan: { device: eth0 } }\nnonsense: {}\n", 3, 1, "unknown key `nonsense'");
	refuse(LINK "policies: [{ name: \xc3\xa4\xc3\xb6, log: true }]\n", 3, 20, "is no name");
	refuse(LINK "policies: [{ name: a, match: { from: here } }]\n", 3, 38, "`here' is not a zone");
	refuse("version: 1\r\nlinks: { wan: { device: eth0 } }\r\npolicies: 5\r\n", 3, 11, "`policies' is a list");
	refuse(LINK "policies: [{ name: \"a\\e[31m\" }]\n", 3, 20, "`a?[31m' is no name");
	refuse("version: 1\nlinks: &a [*a]\n", 2, 12, "is a part of");
	refuse("", 0, 0, "empty");
	refuse("version: 1", 1, 1, "`links' is missing");
}

static void tells_all_errors_in_order(void **state)
{
	static const char text[] = "policies: [{ name: a, log: 1 }]\nlinks: { wan: { device: eth0, weight: 0 } }\nversion: 2\nx: y\n";
	struct config_errors errors;
	struct config *config;

	(void)state;
	assert_int_equal(config_parse("t", text, sizeof(text) - 1, &config, &errors), -EINVAL);
	assert_int_equal(errors.count, 4);
	for (unsigned int i = 0; i < 4; i++)
		assert_int_equal(errors.items[i].line, i + 1);
	assert_string_equal(errors.items[3].source, "x: y");
	config_errors_free(&errors);
	config_errors_free(&errors);
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[4096];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	out = fopen(path, "w");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

static void remove_tree(const char *folder)
{
	char command[4200];

	snprintf(command, sizeof(command), "rm -r '%s'", folder);
	assert_int_equal(system(command), 0);
}

static void reads_policies_beside_the_file(void **state)
{
	char folder[] = "/tmp/uplinkd-test-XXXXXX", inner[64], path[128];
	struct config_errors errors;
	struct config *config;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(inner, sizeof(inner), "%s/policies.d", folder);
	snprintf(path, sizeof(path), "%s/uplinkd.yaml", folder);
	write_file(folder, "uplinkd.yaml", LINK "policies: [{ name: first }]\n");
	assert_int_equal(config_load(path, &config, &errors), 0);
	assert_int_equal(config->policy_count, 1);
	config_free(config);

	assert_int_equal(mkdir(inner, 0700), 0);
	write_file(inner, "b.yaml", "policies: [{ name: fourth }]\n");
	write_file(inner, "B.yaml", "version: 1\npolicies: [{ name: second }, { name: third }]\n");
	write_file(inner, "c.yaml", "# nothing yet\n");
	write_file(inner, ".d.yaml", "broken: [\n");
	write_file(inner, "#d.yaml", "broken: [\n");
	write_file(inner, "~d.yaml", "broken: [\n");
	write_file(inner, "d.yaml~", "broken: [\n");
	write_file(inner, "d.txt", "broken: [\n");
	snprintf(path, sizeof(path), "%s/e.yaml", inner);
	assert_int_equal(mkfifo(path, 0600), 0);
	snprintf(path, sizeof(path), "%s/uplinkd.yaml", folder);
	assert_int_equal(config_load(path, &config, &errors), 0);
	assert_int_equal(config->policy_count, 4);
	assert_string_equal(config->policies[0].name, "first");
	assert_string_equal(config->policies[1].name, "second");
	assert_string_equal(config->policies[2].name, "third");
	assert_string_equal(config->policies[3].name, "fourth");
	assert_int_equal(config_policy(config, "third"), 2);
	config_free(config);
	remove_tree(folder);
}

static void says_what_it_cannot_read(void **state)
{
	char folder[] = "/tmp/uplinkd-test-XXXXXX", path[64];
	struct config_errors errors;
	struct config *config;

	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/missing.yaml", folder);
	assert_int_equal(config_load(path, &config, &errors), -EINVAL);
	assert_null(config);
	assert_int_equal(errors.count, 1);
	assert_int_equal(errors.items[0].line, 0);
	assert_string_equal(errors.items[0].message, "cannot be read: No such file or directory");
	config_errors_free(&errors);
	assert_int_equal(config_load(folder, &config, &errors), -EINVAL);
	assert_string_equal(errors.items[0].message, "cannot be read: Is a directory");
	config_errors_free(&errors);
	remove_tree(folder);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_units),
		cmocka_unit_test(refuses_wrong_units),
		cmocka_unit_test(prints_what_it_reads),
		cmocka_unit_test(finds_near_words),
		cmocka_unit_test(cleans_text),
		cmocka_unit_test(fills_in_defaults),
		cmocka_unit_test(rounds_the_sticky_table),
		cmocka_unit_test(weighs_by_bandwidth),
		cmocka_unit_test(weighs_many_links),
		cmocka_unit_test(expands_labels),
		cmocka_unit_test(loads_what_it_prints),
		cmocka_unit_test(places_errors),
		cmocka_unit_test(tells_all_errors_in_order),
		cmocka_unit_test(reads_policies_beside_the_file),
		cmocka_unit_test(says_what_it_cannot_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
