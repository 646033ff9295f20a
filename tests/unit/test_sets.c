/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that sets follow their files: changes come in, what is wrong stays out and is told once. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "config/config.h"
#include "daemon/sets.h"

struct subject {
	char folder[64], file[96];
	struct config *config;
	struct events *events;
	struct sets *sets;
};

static void publish(void *data, const char *line)
{
	(void)data;
	(void)line;
}

static void write_text(const char *path, const char *text)
{
	FILE *out = fopen(path, "w");

	assert_non_null(out);
	fputs(text, out);
	fclose(out);
}

/* Whole, under another name first. */
static void replace_text(const struct subject *subject, const char *text)
{
	char path[128];

	snprintf(path, sizeof(path), "%s.new", subject->file);
	write_text(path, text);
	assert_int_equal(rename(path, subject->file), 0);
}

static void open_subject(struct subject *subject, const char *text)
{
	static const char yaml[] = "version: 1\n"
				   "sets: { it: { networks: 10.0.0.0/8, file: it.txt }, other: { networks: 'fd00::/8' } }\n"
				   "links: { fiber: { device: wan1 } }\n";
	struct config_errors errors;
	char path[96];

	snprintf(subject->folder, sizeof(subject->folder), "/tmp/uplinkd-sets-XXXXXX");
	assert_non_null(mkdtemp(subject->folder));
	snprintf(subject->file, sizeof(subject->file), "%s/it.txt", subject->folder);
	snprintf(path, sizeof(path), "%s/uplinkd.yaml", subject->folder);
	write_text(path, yaml);
	write_text(subject->file, text);
	assert_int_equal(config_load(path, &subject->config, &errors), 0);
	assert_string_equal(subject->config->sets[0].file, subject->file);
	unlink(path);
	subject->events = events_new(publish, NULL);
	subject->sets = sets_new(subject->config, subject->events);
	assert_non_null(subject->sets);
}

static void close_subject(struct subject *subject)
{
	sets_free(subject->sets);
	events_free(subject->events);
	config_free(subject->config);
	unlink(subject->file);
	assert_int_equal(rmdir(subject->folder), 0);
}

/* As text, with blanks between. */
static void assert_set(const struct subject *subject, size_t index, const char *expected)
{
	const struct networks *set = &sets_networks(subject->sets)[index];
	char all[1024] = "", one[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < set->count; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i == 0 ? "" : " ",
			network_format(&set->items[i], one, sizeof(one)));
	assert_string_equal(all, expected);
}

/* Events with these words in their text. */
static size_t told(const struct subject *subject, const char *words)
{
	json_t *list = events_list(subject->events, EVENTS_KEPT), *event;
	size_t count = 0, i;

	json_array_foreach(list, i, event)
		count += strstr(json_string_value(json_object_get(event, "text")), words) != NULL;
	json_decref(list);
	return count;
}

/* Looks as often as it takes until that is told, ten seconds at most. No look may change a set. */
static void look_until_told(const struct subject *subject, const char *words)
{
	time_t end = time(NULL) + 10;

	while (told(subject, words) == 0) {
		assert_false(sets_look(subject->sets));
		assert_true(time(NULL) < end);
		usleep(50000);
	}
}

static void joins_file_and_configuration(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "# ours\n192.0.2.0/24\n10.1.0.0/16\n2001:db8::/32\n");
	assert_set(&subject, 0, "10.0.0.0/8 192.0.2.0/24 2001:db8::/32");
	assert_set(&subject, 1, "fd00::/8");
	assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, ""), 0);
	close_subject(&subject);
}

static void follows_a_replaced_file(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "192.0.2.0/24\n");
	replace_text(&subject, "198.51.100.0/24\n");
	assert_true(sets_look(subject.sets));
	assert_set(&subject, 0, "10.0.0.0/8 198.51.100.0/24");
	assert_int_equal(told(&subject, "set it has 2 networks now"), 1);
	assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, ""), 1);
	close_subject(&subject);
}

/* Within one tick of the file system's clock, and of the same length. */
static void follows_quick_changes(void **state)
{
	struct subject subject;
	char text[32], expected[64];

	(void)state;
	open_subject(&subject, "192.0.2.0\n");
	for (int i = 1; i < 10; i++) {
		snprintf(text, sizeof(text), "192.0.2.%d\n", i);
		snprintf(expected, sizeof(expected), "10.0.0.0/8 192.0.2.%d/32", i);
		write_text(subject.file, text);
		assert_true(sets_look(subject.sets));
		assert_set(&subject, 0, expected);
	}
	close_subject(&subject);
}

static void other_words_for_the_same_are_no_change(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "192.0.2.0/25\n192.0.2.128/25\n");
	replace_text(&subject, "192.0.2.128/25 # second\n10.77.0.0/16\n192.0.2.0-192.0.2.127\n");
	assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, ""), 0);
	close_subject(&subject);
}

static void keeps_the_old_where_the_new_is_wrong(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "192.0.2.0/24\n");
	replace_text(&subject, "198.51.100.0/24\n  198.51.100.300\nnonsense\n");
	look_until_told(&subject, "it.txt:2:3: `198.51.100.300' is not a network");
	assert_set(&subject, 0, "10.0.0.0/8 192.0.2.0/24");
	for (int i = 0; i < 20; i++)
		assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, ""), 1);

	/* Right again, though nothing else: that is told, too. */
	replace_text(&subject, "192.0.2.0/24\n");
	assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, "set it has 2 networks now"), 1);
	assert_int_equal(told(&subject, ""), 2);
	close_subject(&subject);
}

static void keeps_the_old_where_the_file_is_gone(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "192.0.2.0/24\n");
	unlink(subject.file);
	assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, ""), 0); /* it may be on its way */
	look_until_told(&subject, "cannot be read: No such file or directory");
	for (int i = 0; i < 20; i++)
		assert_false(sets_look(subject.sets));
	assert_int_equal(told(&subject, ""), 1);
	assert_set(&subject, 0, "10.0.0.0/8 192.0.2.0/24");
	replace_text(&subject, "198.51.100.0/24\n");
	assert_true(sets_look(subject.sets));
	assert_set(&subject, 0, "10.0.0.0/8 198.51.100.0/24");
	close_subject(&subject);
}

static void starts_with_what_there_is(void **state)
{
	struct subject subject;

	(void)state;
	open_subject(&subject, "192.0.2.0/24\n");
	sets_free(subject.sets);
	replace_text(&subject, "nonsense\n");
	subject.sets = sets_new(subject.config, subject.events);
	assert_set(&subject, 0, "10.0.0.0/8");
	assert_int_equal(told(&subject, "it.txt:1:1: `nonsense' is not a network"), 1);
	replace_text(&subject, "192.0.2.0/24\n");
	assert_true(sets_look(subject.sets));
	assert_set(&subject, 0, "10.0.0.0/8 192.0.2.0/24");
	close_subject(&subject);
}

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Of both families, in no order. Far from the bound, so that a busy machine keeps it, too. */
static void loads_a_hundred_thousand_lines(void **state)
{
	struct subject subject;
	FILE *out;
	double start, took;

	(void)state;
	open_subject(&subject, "");
	out = fopen(subject.file, "w");
	assert_non_null(out);
	for (uint32_t i = 0; i < 100000; i++) {
		uint32_t scattered = (i * 2654435761u) >> 8;

		if (i % 2 == 0)
			fprintf(out, "%u.%u.%u.0/24\n", 11 + (scattered >> 16 & 127), scattered >> 8 & 255, scattered & 255);
		else
			fprintf(out, "2001:db8:%x:%x::/64 # %u\n", scattered >> 16 & 255, scattered & 65535, i);
	}
	fclose(out);
	start = now_s();
	assert_true(sets_look(subject.sets));
	took = now_s() - start;
	printf("100000 lines, %zu networks: %.0f ms\n", sets_networks(subject.sets)[0].count, took * 1000);
	assert_in_range(sets_networks(subject.sets)[0].count, 90000, 100001);
	assert_true(took < 2);
	close_subject(&subject);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(joins_file_and_configuration),
		cmocka_unit_test(follows_a_replaced_file),
		cmocka_unit_test(follows_quick_changes),
		cmocka_unit_test(other_words_for_the_same_are_no_change),
		cmocka_unit_test(keeps_the_old_where_the_new_is_wrong),
		cmocka_unit_test(keeps_the_old_where_the_file_is_gone),
		cmocka_unit_test(starts_with_what_there_is),
		cmocka_unit_test(loads_a_hundred_thousand_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
