/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of syslog_format.h: every line keeps to the grammar of RFC 5424, whatever others put into it. */

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include <cmocka.h>

#include "service/syslog_format.h"

/* --- a reader of RFC 5424, section 6, that knows nothing of the writer --- */

struct parsed {
	unsigned int priority;
	char host[256], program[49], process[129], kind[33], id[33];
	char names[SYSLOG_FIELDS_MAX][33], values[SYSLOG_FIELDS_MAX][SYSLOG_LINE_MAX];
	size_t count;
	const char *text;
};

static const char *expect(const char *at, char c)
{
	return at != NULL && *at == c ? at + 1 : NULL;
}

static const char *digits(const char *at, size_t least, size_t most)
{
	size_t count = 0;

	while (at != NULL && count < most && isdigit((unsigned char)*at)) {
		at++;
		count++;
	}
	return count >= least ? at : NULL;
}

/* PRINTUSASCII, 1 to most, none of without. */
static const char *word(const char *at, const char *without, size_t most, char *ret_word)
{
	size_t count = 0;

	while (at != NULL && at[count] > ' ' && at[count] <= '~' && strchr(without, at[count]) == NULL)
		count++;
	if (at == NULL || count == 0 || count > most)
		return NULL;
	memcpy(ret_word, at, count);
	ret_word[count] = '\0';
	return at + count;
}

/* TIMESTAMP as we write it; that it may be "-" is not for us. */
static const char *timestamp(const char *at)
{
	static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";

	for (const char *c = form; *c != '\0' && at != NULL; c++)
		at = *c == 'd' ? digits(at, 1, 1) : expect(at, *c);
	return at;
}

static const char *value(const char *at, char *ret_value)
{
	while (at != NULL && *at != '"') {
		if (*at == '\0' || *at == ']' || (unsigned char)*at < ' ')
			return NULL;
		if (*at == '\\' && *++at != '"' && *at != '\\' && *at != ']')
			return NULL;
		*ret_value++ = *at++;
	}
	*ret_value = '\0';
	return at;
}

static const char *data(const char *at, struct parsed *parsed)
{
	if (at != NULL && *at == '-')
		return at + 1;
	at = word(expect(at, '['), "=]\"", 32, parsed->id);
	while (at != NULL && *at == ' ' && parsed->count < SYSLOG_FIELDS_MAX) {
		at = word(at + 1, "=]\"", 32, parsed->names[parsed->count]);
		at = expect(expect(at, '='), '"');
		at = expect(value(at, parsed->values[parsed->count]), '"');
		parsed->count++;
	}
	return expect(at, ']');
}

static bool parse(const char *line, struct parsed *parsed)
{
	const char *at = digits(expect(line, '<'), 1, 3);

	memset(parsed, 0, sizeof(*parsed));
	parsed->priority = (unsigned int)atoi(line + 1);
	at = expect(expect(expect(at, '>'), '1'), ' ');
	at = expect(timestamp(at), ' ');
	at = expect(word(at, "", 255, parsed->host), ' ');
	at = expect(word(at, "", 48, parsed->program), ' ');
	at = expect(word(at, "", 128, parsed->process), ' ');
	at = expect(word(at, "", 32, parsed->kind), ' ');
	at = data(at, parsed);
	if (at == NULL || parsed->priority > 191)
		return false;
	if (*at == '\0')
		return true;
	parsed->text = expect(at, ' ');
	for (const char *c = parsed->text; c != NULL && *c != '\0'; c++) {
		if (*c < ' ' || *c > '~')
			return false;
	}
	return parsed->text != NULL;
}

/* The length that is told is that of the line. */
static void format(const struct syslog_message *message, char *line)
{
	size_t length = syslog_format(message, line);

	assert_int_equal(length, strlen(line));
}

/* --- what it proves --- */

static struct syslog_message sample(const struct syslog_field *fields, size_t count, const char *text)
{
	return (struct syslog_message){ .facility = LOG_LOCAL3, .severity = LOG_WARNING,
		.when = { .tv_sec = 1790000000, .tv_nsec = 123456789 }, .host = "gw", .process = 42, .kind = "link",
		.fields = fields, .field_count = count, .text = text };
}

static void writes_a_line(void **state)
{
	struct syslog_field fields[] = { { "link", "fiber" }, { "state", NULL }, { "device", "wan1" } };
	struct syslog_message message = sample(fields, 3, "link fiber down");
	char line[SYSLOG_LINE_MAX];

	(void)state;
	format(&message, line);
	assert_string_equal(line, "<156>1 2026-09-21T14:13:20.123456Z gw uplinkd 42 link "
		"[uplinkd@32473 link=\"fiber\" device=\"wan1\"] link fiber down");
	message.field_count = 0;
	message.host = "";
	syslog_format(&message, line);
	assert_string_equal(line, "<156>1 2026-09-21T14:13:20.123456Z - uplinkd 42 link - link fiber down");
}

static void writes_a_line_for_the_local_daemon(void **state)
{
	struct syslog_field fields[] = { { "bytes", "7" } };
	struct syslog_message message = sample(NULL, 0, "link fiber down");
	char line[SYSLOG_LINE_MAX];

	(void)state;
	setenv("TZ", "UTC", 1);
	tzset();
	syslog_format_local(&message, line);
	assert_string_equal(line, "<156>Sep 21 14:13:20 uplinkd[42]: link fiber down");
	message.fields = fields;
	message.field_count = 1;
	syslog_format_local(&message, line);
	assert_string_equal(line, "<156>Sep 21 14:13:20 uplinkd[42]: link fiber down [uplinkd@32473 bytes=\"7\"]");
}

static void escapes_what_the_standard_names(void **state)
{
	struct syslog_field fields[] = { { "link", "a\"b\\c]d" }, { "device", "x\n<13>1 - evil - - - - y\x80\x7f" } };
	struct syslog_message message = sample(fields, 2, "one\ntwo\r\0three");
	struct parsed parsed;
	char line[SYSLOG_LINE_MAX];

	(void)state;
	syslog_format(&message, line);
	assert_non_null(strstr(line, "link=\"a\\\"b\\\\c\\]d\""));
	assert_true(parse(line, &parsed));
	assert_string_equal(parsed.values[0], "a\"b\\c]d");
	assert_string_equal(parsed.values[1], "x?<13>1 - evil - - - - y??");
	assert_string_equal(parsed.text, "one?two?");
	assert_null(strchr(line, '\n'));
}

/* What does not fit is left out whole, or cut where it is text; never is a bracket left open. */
static void keeps_to_its_room(void **state)
{
	static char large[4 * SYSLOG_LINE_MAX];
	struct syslog_field fields[] = { { "a", "1" }, { "b", large }, { "c", "3" } };
	struct syslog_message message = sample(fields, 3, large);
	struct parsed parsed;
	char line[SYSLOG_LINE_MAX];

	(void)state;
	memset(large, ']', sizeof(large) - 1);
	assert_int_equal(syslog_format(&message, line), SYSLOG_LINE_MAX - 1);
	assert_true(parse(line, &parsed));
	assert_int_equal(parsed.count, 2);
	assert_string_equal(parsed.names[1], "c");
	message.host = large;
	assert_true(syslog_format(&message, line) < SYSLOG_LINE_MAX);
	assert_true(parse(line, &parsed));
	assert_int_equal(strlen(parsed.host), 255);
	for (size_t length = SYSLOG_LINE_MAX - 120; length < SYSLOG_LINE_MAX; length++) {
		large[length] = '\0';
		message.host = "gw";
		fields[1].value = large + length / 2;
		assert_true(syslog_format(&message, line) < SYSLOG_LINE_MAX);
		assert_true(parse(line, &parsed));
		large[length] = ']';
	}
}

/* xorshift32 (Marsaglia 2003). */
static uint32_t next(uint32_t *chance)
{
	*chance ^= *chance << 13;
	*chance ^= *chance >> 17;
	*chance ^= *chance << 5;
	return *chance;
}

static void make_random(uint32_t *seed, char *text, size_t size)
{
	size_t length = next(seed) % size;

	for (size_t i = 0; i < length; i++) {
		static const char likely[] = "\"]\\[= \n\r<>1@-";
		uint32_t chance = next(seed);

		text[i] = chance % 3 == 0 ? likely[chance / 3 % (sizeof(likely) - 1)] : (char)(chance >> 8);
	}
	text[length] = '\0';
}

static void keeps_to_the_grammar_whatever_comes(void **state)
{
	static char texts[SYSLOG_FIELDS_MAX + 2][900];
	struct syslog_field fields[SYSLOG_FIELDS_MAX];
	uint32_t seed = 5424;
	struct parsed parsed;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		size_t count = next(&seed) % SYSLOG_FIELDS_MAX;
		struct syslog_message message = sample(fields, count, texts[SYSLOG_FIELDS_MAX]);
		char line[SYSLOG_LINE_MAX];

		for (size_t j = 0; j < SYSLOG_FIELDS_MAX + 2; j++)
			make_random(&seed, texts[j], j % 4 == 0 ? sizeof(texts[j]) : 20);
		for (size_t j = 0; j < count; j++)
			fields[j] = (struct syslog_field){ "field", texts[j] };
		message.host = texts[SYSLOG_FIELDS_MAX + 1];
		message.severity = (int)(next(&seed) % 8);
		format(&message, line);
		if (!parse(line, &parsed))
			fail_msg("not RFC 5424: %s", line);
		assert_int_equal(parsed.priority, message.facility | message.severity);
		assert_true(syslog_format_local(&message, line) < SYSLOG_LINE_MAX);
		for (const char *c = line; *c != '\0'; c++)
			assert_in_range(*c, ' ', '~');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_a_line),
		cmocka_unit_test(writes_a_line_for_the_local_daemon),
		cmocka_unit_test(escapes_what_the_standard_names),
		cmocka_unit_test(keeps_to_its_room),
		cmocka_unit_test(keeps_to_the_grammar_whatever_comes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
