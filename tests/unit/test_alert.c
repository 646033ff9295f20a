/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promises of alert.h: what mails say, and that no name, host or reason adds a line to them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "service/alert.h"
#include "service/alert_body.h"
#include "service/alert_text.h"

static const char *const noc[] = { "noc@example.net" };

static const struct alert_link links[] = {
	{ "fiber", "wan1", LINK_DOWN, "no carrier", 0, 1000, 1700000000 },
	{ "lte", "wwan0", LINK_UP, "", 48300, 5, 1699990000 },
};

static struct alert down_alert(void)
{
	static const char *const consequences[] = {
		"Policies that used fiber now use lte: voice, everything-else.",
		"1204 connections were reset.",
	};

	return (struct alert){
		.kind = NOTICE_DOWN,
		.host = "gw.example.net",
		.link = "fiber",
		.when = 1700000000,
		.reason = "no carrier",
		.traffic_on = "lte",
		.latency_us = 12340,
		.loss_permille = 1000,
		.consequences = consequences,
		.consequence_count = 2,
		.links = links,
		.link_count = 2,
		.message_id = "1.down@gw.example.net",
	};
}

static void assert_subject(const struct alert *alert, const char *expected)
{
	char text[200];

	assert_string_equal(alert_subject(alert, text, sizeof(text)), expected);
}

static void subjects_are_as_promised(void **state)
{
	struct alert alert = down_alert();

	(void)state;
	assert_subject(&alert, "[gw.example.net] link fiber DOWN: traffic on lte");
	alert.traffic_on = "no link";
	assert_subject(&alert, "[gw.example.net] link fiber DOWN: traffic on no link");
	alert.traffic_on = NULL;
	assert_subject(&alert, "[gw.example.net] link fiber DOWN: traffic on no link");
	alert.kind = NOTICE_UP;
	alert.outage_s = 252;
	assert_subject(&alert, "[gw.example.net] link fiber UP: after 4 min 12 s");
	alert.kind = NOTICE_DEGRADED;
	alert.reason = "latency";
	assert_subject(&alert, "[gw.example.net] link fiber DEGRADED: latency");
	alert.kind = NOTICE_RECOVERED;
	assert_subject(&alert, "[gw.example.net] link fiber RECOVERED: after 4 min 12 s");
	alert.kind = NOTICE_TEST;
	alert.link = NULL;
	assert_subject(&alert, "[gw.example.net] TEST: mail works");
	alert.kind = NOTICE_ATTACK;
	alert.attack = "syn-flood from 198.51.100.7";
	alert.answer = "blocked until 14:05";
	assert_subject(&alert, "[gw.example.net] attack syn-flood from 198.51.100.7: blocked until 14:05");
	alert.attack = "syn-flood\nBcc: everybody";
	alert.answer = NULL;
	assert_subject(&alert, "[gw.example.net] attack syn-flood?Bcc: everybody: ");
}

static void durations_read_well(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0 s" },
		{ 59, "59 s" },
		{ 60, "1 min" },
		{ 252, "4 min 12 s" },
		{ 3600, "1 h" },
		{ 7505, "2 h 5 min" },
		{ 86400 * 3 + 4 * 3600 + 59, "3 d 4 h" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(alert_duration(cases[i].seconds, text, sizeof(text)), cases[i].text);
	alert_duration(UINT64_MAX, text, sizeof(text));
}

static void down_mail_is_whole(void **state)
{
	static const char expected[] =
		"From: gw@example.net\r\n"
		"To: noc@example.net\r\n"
		"Subject: [gw.example.net] link fiber DOWN: traffic on lte\r\n"
		"Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
		"Message-ID: <1.down@gw.example.net>\r\n"
		"Auto-Submitted: auto-generated\r\n"
		"MIME-Version: 1.0\r\n"
		"Content-Type: text/plain; charset=utf-8\r\n"
		"Content-Transfer-Encoding: 7bit\r\n"
		"\r\n"
		"Link fiber (device wan1) of gw.example.net is DOWN.\r\n"
		"\r\n"
		"When:     2023-11-14 22:13:20 UTC (+0000)\r\n"
		"          2023-11-14 22:13:20 UTC\r\n"
		"Why:      no carrier\r\n"
		"Checks:   last latency 12.3 ms, loss 100.0 %\r\n"
		"Traffic:  on lte\r\n"
		"\r\n"
		"What follows from it:\r\n"
		"  - Policies that used fiber now use lte: voice, everything-else.\r\n"
		"  - 1204 connections were reset.\r\n"
		"\r\n"
		"All links now:\r\n"
		"  LINK   DEVICE  STATE  LATENCY  LOSS     SINCE                REASON\r\n"
		"  fiber  wan1    down   -        100.0 %  2023-11-14 22:13:20  no carrier\r\n"
		"  lte    wwan0   up     48.3 ms  0.5 %    2023-11-14 19:26:40\r\n"
		"\r\n"
		"To look further:\r\n"
		"  uplinkctl links fiber\r\n"
		"  uplinkctl events\r\n";
	struct alert alert = down_alert();
	char *message;

	(void)state;
	message = alert_message(&alert, "gw@example.net", noc, 1);
	assert_non_null(message);
	assert_string_equal(message, expected);
	free(message);
}

static void an_attack_says_who_and_what_was_done(void **state)
{
	static const char *const sentences[] = { "syn-flood from 198.51.100.7: blocked until 14:05\r\nBcc: all" };
	struct alert alert = down_alert();
	char *message;

	(void)state;
	alert.kind = NOTICE_ATTACK;
	alert.link = NULL;
	alert.reason = NULL;
	alert.attack = "syn-flood from 198.51.100.7";
	alert.answer = "blocked until 14:05";
	alert.consequences = sentences;
	alert.consequence_count = 1;
	message = alert_message(&alert, "gw@example.net", noc, 1);
	assert_non_null(message);
	assert_non_null(strstr(message, "\r\nSubject: [gw.example.net] attack syn-flood from 198.51.100.7:"));
	assert_non_null(strstr(message, "\r\nToo much came to gw.example.net: syn-flood from 198.51.100.7.\r\n"));
	assert_non_null(strstr(message, "\r\n  - syn-flood from 198.51.100.7: blocked until 14:05??Bcc: all\r\n"));
	assert_non_null(strstr(message, "\r\n  uplinkctl blocked\r\n  uplinkctl unblock ADDRESS\r\n"));
	assert_null(strstr(message, "Checks:"));
	free(message);
}

static void up_mail_answers_the_down_mail_in_local_time(void **state)
{
	static const char *const two[] = { "noc@example.net", "not an address", "boss@example.net" };
	struct alert alert = down_alert();
	char *message;

	(void)state;
	setenv("TZ", "NST3:30", 1);
	tzset();
	alert.kind = NOTICE_UP;
	alert.message_id = "2.up@gw.example.net";
	alert.in_reply_to = "1.down@gw.example.net";
	message = alert_message(&alert, "gw@example.net", two, 3);
	setenv("TZ", "UTC", 1);
	tzset();
	assert_non_null(message);
	assert_non_null(strstr(message, "\r\nTo: noc@example.net,\r\n boss@example.net\r\n"));
	assert_non_null(strstr(message, "\r\nDate: Tue, 14 Nov 2023 18:43:20 -0330\r\n"));
	assert_non_null(strstr(message, "\r\nMessage-ID: <2.up@gw.example.net>\r\n"
					"In-Reply-To: <1.down@gw.example.net>\r\n"
					"References: <1.down@gw.example.net>\r\n"));
	assert_non_null(strstr(message, "\r\nWhen:     2023-11-14 18:43:20 NST (-0330)\r\n"
					"          2023-11-14 22:13:20 UTC\r\n"));
	free(message);
}

static void strange_clocks_make_a_date_all_the_same(void **state)
{
	static const time_t moments[] = { INT64_MAX, INT64_MIN, -1, 0, INT64_C(99999999999999) };
	struct alert alert = down_alert();

	(void)state;
	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++) {
		char *message, *date;
		int day, year, hour;
		char name[4], month[4];

		alert.when = moments[i];
		message = alert_message(&alert, "gw@example.net", noc, 1);
		assert_non_null(message);
		date = strstr(message, "\r\nDate: ");
		assert_non_null(date);
		assert_int_equal(sscanf(date, "\r\nDate: %3s, %d %3s %4d %d:", name, &day, month, &year, &hour), 5);
		free(message);
	}
}

static void other_alphabets_arrive(void **state)
{
	struct alert alert = down_alert();
	char *message;

	(void)state;
	alert.link = "Gläs ферма";
	message = alert_message(&alert, "gw@example.net", noc, 1);
	assert_non_null(message);
	assert_non_null(strstr(message, "\r\nSubject: =?UTF-8?Q?[gw.example.net]_link_Gl=C3=A4s_=D1=84=D0=B5=D1=80?=\r\n"
					" =?UTF-8?Q?=D0=BC=D0=B0_DOWN:_traffic_on_lte?=\r\n"));
	assert_non_null(strstr(message, "\r\nContent-Transfer-Encoding: quoted-printable\r\n"));
	assert_non_null(strstr(message, "Link Gl=C3=A4s =D1=84=D0=B5"));
	free(message);
}

static void text_is_cleaned(void **state)
{
	static const struct {
		const char *from, *to;
	} cases[] = {
		{ "plain", "plain" },
		{ "a\r\nBcc: x", "a??Bcc: x" },
		{ "\x1b[31mred\x7f", "?[31mred?" },
		{ "f\xc3\xbcr", "f\xc3\xbcr" },
		{ "\xc3", "?" },
		{ "\xc0\xaf \xe0\x80\x8a \xed\xa0\x80", "?? ??? ???" },
		{ "\xf4\x90\x80\x80", "????" },
		{ "\xc2\x85next", "?next" },
		{ "\xe2\x80\xa8 \xe2\x80\xae", "? ?" },
		{ "\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80" },
		{ NULL, "" },
	};
	char text[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(alert_text_clean(text, sizeof(text), cases[i].from), cases[i].to);
	assert_string_equal(alert_text_clean(text, 8, "12345678"), "1234...");
	assert_string_equal(alert_text_clean(text, 8, "1234567"), "1234567");
	assert_string_equal(alert_text_clean(text, 8, "123\xc3\xbc\xc3\xbc"), "123\xc3\xbc\xc3\xbc");
	assert_string_equal(alert_text_clean(text, 8, "123\xc3\xbc\xc3\xbc!"), "123...");
	assert_string_equal(alert_text_clean(text, 1, "x"), "");
}

static void addresses_are_told_from_attacks(void **state)
{
	static const char *const good[] = { "a@b", "noc@example.net", "x+y_z=1@[192.0.2.1]", "a@[IPv6:2001:db8::1]" };
	static const char *const bad[] = { "", "@", "a@", "@b", "a@b@c", "a b@c", "a@b\r\nRCPT TO:<c@d>", "<a@b>", "a@b>",
		"a,b@c", "a@b;c", "\"a\"@b", "a(x)@b", "a\\@b", "\xc3\xbc@b", "a@b\t", "a:b@c", "a[@b", "a@b]" };
	char large[400];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(text_is_address(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(text_is_address(bad[i]));
	assert_false(text_is_address(NULL));
	memset(large, 'a', sizeof(large));
	memcpy(large + 300, "@b", 3);
	assert_false(text_is_address(large));
}

/* Bytes that hurt, more often than by chance. */
static char *hostile(size_t longest)
{
	static const char *const pieces[] = { "\r\n", "\r\n\r\n", "\n", "\r", "\r\nBcc: evil@example.org\r\n", "\xc3", "\xff\xfe", "=?UTF-8?Q?x?=",
		"\xe2\x80\xae", "\x1b[2J", " ", "   ", "\t", "\xc3\xa4", "\xf0\x9f\x98\x80", "%s%n", ".\r\n", "<", ">", "@", "," };
	size_t length = (size_t)rand() % (rand() % 8 == 0 ? longest : 60), used = 0;
	char *text = malloc(length + 64);

	assert_non_null(text);
	while (used < length) {
		const char *piece = pieces[(size_t)rand() % (sizeof(pieces) / sizeof(pieces[0]))];

		if (rand() % 3 == 0)
			text[used++] = (char)(1 + rand() % 255);
		else if (rand() % 3 == 0)
			text[used++] = (char)('a' + rand() % 26);
		else
			used += (size_t)sprintf(text + used, "%.*s", (int)strlen(piece), piece);
	}
	text[used] = '\0';
	return text;
}

/* Checks that lines end in CRLF, are short and printable, and counts the header lines. */
static void check_message(const char *message, bool reply)
{
	static const char *const fields[] = { "From: ", "To: ", "Subject: ", "Date: ", "Message-ID: ", "In-Reply-To: ",
		"References: ", "Auto-Submitted: ", "MIME-Version: ", "Content-Type: ", "Content-Transfer-Encoding: " };
	size_t next = 0;
	bool header = true;

	for (const char *line = message; *line != '\0';) {
		const char *end = strstr(line, "\r\n");

		assert_non_null(end);
		assert_true(end - line <= 998);
		for (const char *c = line; c < end; c++)
			assert_true(*c >= ' ' && *c <= '~');
		if (end == line)
			header = false;
		if (header && *line != ' ') {
			if (next == 5 && !reply)
				next = 7;
			assert_true(next < sizeof(fields) / sizeof(fields[0]));
			assert_int_equal(strncmp(line, fields[next], strlen(fields[next])), 0);
			next++;
		} else if (header) {
			assert_true(strspn(line, " ") == 1 && end - line > 1);
		}
		line = end + 2;
	}
	assert_false(header);
	assert_int_equal(next, 11);
}

static void hostile_texts_add_no_line(void **state)
{
	unsigned int seed = (unsigned int)time(NULL);

	(void)state;
	print_message("seed %u\n", seed);
	srand(seed);
	for (int trial = 0; trial < 3000; trial++) {
		char *texts[10], subject[256], *message;
		const char *consequences[2], *to[2];
		struct alert_link table[2] = { 0 };
		struct alert alert;

		for (int i = 0; i < 10; i++)
			texts[i] = hostile(10240);
		consequences[0] = texts[0];
		consequences[1] = texts[1];
		to[0] = texts[2];
		to[1] = "noc@example.net";
		table[0] = (struct alert_link){ texts[3], texts[4], LINK_DOWN, texts[5], (uint32_t)rand(), (uint32_t)rand(), rand() };
		table[1] = (struct alert_link){ texts[6], texts[7], LINK_UP, "", 0, 0, rand() };
		alert = (struct alert){
			.kind = (enum notice)(rand() % (NOTICE_DAEMON + 1)),
			.host = texts[8],
			.link = texts[3],
			.when = rand(),
			.reason = texts[9],
			.traffic_on = texts[0],
			.latency_us = (uint32_t)rand(),
			.loss_permille = (uint32_t)rand(),
			.outage_s = (uint64_t)rand(),
			.consequences = consequences,
			.consequence_count = 2,
			.links = table,
			.link_count = 2,
			.message_id = "1@host",
			.in_reply_to = trial % 2 != 0 ? "2@host" : texts[1],
			.attack = texts[2],
			.answer = texts[0],
			.state = texts[4],
			.text = texts[6],
		};
		if (trial % 2 == 0)
			texts[1][0] = '\0';
		message = alert_message(&alert, texts[7], to, 2);
		assert_non_null(message);
		check_message(message, trial % 2 != 0);
		alert_subject(&alert, subject, sizeof(subject));
		assert_null(strpbrk(subject, "\r\n\t\x1b"));
		free(message);
		for (int i = 0; i < 10; i++)
			free(texts[i]);
	}
}

static void hostile_message_ids_stay_in_their_brackets(void **state)
{
	struct alert alert = down_alert();
	char *message;

	(void)state;
	alert.message_id = "1@host>\r\nBcc: <evil@example.org";
	alert.in_reply_to = alert.message_id;
	message = alert_message(&alert, "gw@example.net", noc, 1);
	assert_non_null(message);
	check_message(message, true);
	assert_null(strstr(message, "\nBcc"));
	assert_non_null(strstr(message, "Message-ID: <1@hostBccevil@example.org>\r\n"));
	free(message);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(subjects_are_as_promised),
		cmocka_unit_test(durations_read_well),
		cmocka_unit_test(down_mail_is_whole),
		cmocka_unit_test(an_attack_says_who_and_what_was_done),
		cmocka_unit_test(up_mail_answers_the_down_mail_in_local_time),
		cmocka_unit_test(strange_clocks_make_a_date_all_the_same),
		cmocka_unit_test(other_alphabets_arrive),
		cmocka_unit_test(text_is_cleaned),
		cmocka_unit_test(addresses_are_told_from_attacks),
		cmocka_unit_test(hostile_texts_add_no_line),
		cmocka_unit_test(hostile_message_ids_stay_in_their_brackets),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
