/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of templates of mails: every placeholder, nothing unknown, no value that breaks a line. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/alert_template.h"

static const struct alert_link links[] = {
	{ "fiber", "wan1", LINK_DOWN, "no carrier", 0, 1000, 1700000000 },
	{ "lte", "wwan0", LINK_UP, "", 48300, 5, 1699990000 },
};

static struct alert down_alert(const char *template)
{
	static const char *const details[] = { "policy voice: reset", "policy web: reset" };

	return (struct alert){
		.kind = NOTICE_DOWN,
		.host = "gw",
		.link = "fiber",
		.when = 1700000000,
		.reason = "no carrier",
		.state = "down",
		.text = "link fiber is down",
		.traffic_on = "lte",
		.latency_us = 12340,
		.loss_permille = 15,
		.outage_s = 252,
		.consequences = details,
		.consequence_count = 2,
		.links = links,
		.link_count = 2,
		.message_id = "1@gw",
		.template = template,
	};
}

static void assert_expands(const char *template, const char *expected)
{
	struct alert alert = down_alert(NULL);
	char *text = alert_template_expand(template, strlen(template), &alert);

	assert_non_null(text);
	assert_string_equal(text, expected);
	free(text);
}

static void every_placeholder_has_its_value(void **state)
{
	(void)state;
	assert_expands("", "");
	assert_expands("${host}/${link}/${device}/${kind}/${state}", "gw/fiber/wan1/DOWN/down");
	assert_expands("${cause}/${text}/${traffic}", "no carrier/link fiber is down/lte");
	assert_expands("${latency}/${loss}/${duration}", "12.3 ms/1.5 %/4 min 12 s");
	assert_expands("${when-utc}", "2023-11-14 22:13:20 UTC");
	assert_expands("${details}\n", "policy voice: reset\npolicy web: reset\n");
	assert_expands("${subject}", "[gw] link fiber DOWN: traffic on lte");
	assert_expands("$$5, $6, $", "$5, $6, $");
	assert_expands("$${host}", "${host}");
	for (enum template_word word = 0; word < TEMPLATE_WORDS; word++) {
		struct alert alert = down_alert(NULL);
		char template[32], *text;

		snprintf(template, sizeof(template), "${%s}", template_word_name(word));
		text = alert_template_expand(template, strlen(template), &alert);
		assert_non_null(text);
		assert_true(strlen(text) > 0);
		assert_null(strchr(text, '$'));
		free(text);
	}
}

static void a_message_takes_subject_and_text_from_it(void **state)
{
	struct alert alert = down_alert("Help: ${link} at ${host}\n\nDear all,\n${cause}.\n");
	const char *to[] = { "noc@example.net" };
	char *message = alert_message(&alert, "gw@example.net", to, 1);

	(void)state;
	assert_non_null(message);
	assert_non_null(strstr(message, "\r\nSubject: Help: fiber at gw\r\n"));
	assert_non_null(strstr(message, "\r\n\r\nDear all,\r\nno carrier.\r\n"));
	assert_null(strstr(message, "All links now"));
	free(message);
}

/* Names and causes hold what an attacker would write, in subject and text. */
static void values_cannot_break_out(void **state)
{
	static const char evil[] = "x\r\nBcc: all@example.net\r\n\r\n${host} \x1b[31m\xe2\x80\xa8";
	struct alert alert = down_alert("${host} ${link} ${cause} ${details} ${links}\n${text}\n${traffic}\n");
	const char *to[] = { "noc@example.net" }, *details[] = { evil, evil };
	struct alert_link table[] = { { evil, evil, LINK_UP, evil, 1, 1, 1 } };
	char *message, *head_end;

	(void)state;
	alert.host = alert.link = alert.reason = alert.text = alert.traffic_on = alert.state = evil;
	alert.consequences = details;
	alert.links = table;
	alert.link_count = 1;
	message = alert_message(&alert, "gw@example.net", to, 1);
	assert_non_null(message);
	assert_null(strstr(message, "\nBcc:"));
	assert_null(strchr(message, '\x1b'));
	head_end = strstr(message, "\r\n\r\n");
	assert_non_null(head_end);
	*head_end = '\0';
	assert_non_null(strstr(message, "Auto-Submitted:"));
	for (const char *line = message; line != NULL; line = strstr(line, "\r\n") == NULL ? NULL : strstr(line, "\r\n") + 2)
		assert_true(strcspn(line, "\r\n") <= 998);
	free(message);
}

static void pieces_tell_what_is_wrong(void **state)
{
	static const char text[] = "a ${lnik} ${} ${host\n$";
	struct template_piece piece;
	const char *at = text;

	(void)state;
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_LITERAL && piece.length == 2);
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_UNKNOWN && memcmp(piece.text, "lnik", piece.length) == 0);
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_LITERAL && piece.length == 1);
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_UNKNOWN && piece.length == 0);
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_LITERAL);
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_UNCLOSED && piece.text - text == 16);
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_LITERAL && piece.text[0] == '\n');
	assert_true(template_next(&at, &piece) && piece.kind == TEMPLATE_LITERAL && piece.text[0] == '$');
	assert_false(template_next(&at, &piece));
}

static void write_file(const char *folder, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void files_are_read_and_bad_ones_passed_over(void **state)
{
	char folder[] = "/tmp/uplinkd-templates-XXXXXX", command[64];
	struct alert_templates templates = { { NULL } };

	(void)state;
	assert_non_null(mkdtemp(folder));
	write_file(folder, "down.txt", "a ${link}\nb\n");
	write_file(folder, "up.txt", "a ${nobody}\nb\n");
	write_file(folder, "quota.txt", "no text");
	write_file(folder, "other.txt", "x\ny\n");
	assert_int_equal(alert_templates_read(folder, &templates), 2);
	assert_string_equal(templates.texts[NOTICE_DOWN], "a ${link}\nb\n");
	for (enum notice notice = NOTICE_UP; notice < NOTICES; notice++)
		assert_null(templates.texts[notice]);
	assert_int_equal(alert_templates_read(NULL, &templates), 0);
	assert_null(templates.texts[NOTICE_DOWN]);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	assert_int_equal(system(command), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_placeholder_has_its_value),
		cmocka_unit_test(a_message_takes_subject_and_text_from_it),
		cmocka_unit_test(values_cannot_break_out),
		cmocka_unit_test(pieces_tell_what_is_wrong),
		cmocka_unit_test(files_are_read_and_bad_ones_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
