/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events and mails about attacks. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/announce.h"
#include "daemon/daemon.h"
#include "daemon/defence.h"

#define GATHER_MS    60000
#define GATHERED_MAX 20
#define SENTENCE_MAX 256

/* What the next mail will tell. */
struct attacks {
	char sentences[GATHERED_MAX][SENTENCE_MAX];
	char first[160];  /* "syn-flood from 198.51.100.7" */
	char answer[64];  /* "blocked until 14:05" */
	size_t count, more;
	uint64_t mailed_ms;
};

static const char *local_time(time_t when, const char *format, char *text, size_t size)
{
	struct tm parts;

	if (localtime_r(&when, &parts) == NULL || strftime(text, size, format, &parts) == 0)
		snprintf(text, size, "?");
	return text;
}

static void gather(struct daemon *daemon, const char *attack, const char *sentence, const char *answer)
{
	if (daemon->attacks == NULL)
		daemon->attacks = calloc(1, sizeof(*daemon->attacks));
	if (daemon->attacks == NULL)
		return;
	if (daemon->attacks->count == 0) {
		snprintf(daemon->attacks->first, sizeof(daemon->attacks->first), "%s", attack);
		snprintf(daemon->attacks->answer, sizeof(daemon->attacks->answer), "%s", answer);
	}
	if (daemon->attacks->count < GATHERED_MAX)
		snprintf(daemon->attacks->sentences[daemon->attacks->count++], SENTENCE_MAX, "%.*s", SENTENCE_MAX - 1, sentence);
	else
		daemon->attacks->more++;
}

void tell_attack(struct daemon *daemon, const struct offender *offender, uint32_t rate, bool is_new)
{
	time_t until = time(NULL) + (time_t)((offender->until_ms - offender->since_ms) / 1000);
	char source[ADDRESS_TEXT_MAX], cause[96], clock[32], attack[160], sentence[SENTENCE_MAX + 64], speed[48] = "";
	char answer[64];

	defence_cause(daemon, offender->cause, cause, sizeof(cause));
	snprintf(attack, sizeof(attack), "%s from %s", cause, offender_text(&offender->site, source, sizeof(source)));
	if (rate > 0)
		snprintf(speed, sizeof(speed), "at least %u each second were too many; ", rate);
	snprintf(sentence, sizeof(sentence), "%s: %s%s until %s", attack, speed,
		is_new ? "blocked" : "it came back and is blocked", local_time(until, "%Y-%m-%d %H:%M:%S", clock, sizeof(clock)));
	events_add(daemon->events, EVENT_ATTACK, EVENT_WARNING, NULL, "%s", sentence);
	snprintf(answer, sizeof(answer), "blocked until %s", local_time(until, "%H:%M", clock, sizeof(clock)));
	if (is_new)
		gather(daemon, attack, sentence, answer);
}

void tell_flood(struct daemon *daemon, const char *link, const char *text, uint32_t rate)
{
	char sentence[SENTENCE_MAX + 64];

	snprintf(sentence, sizeof(sentence), "%.120s: %u handshakes each second, hardly any completed; nobody is blocked, served ports "
		"answer with cookies, what else begins there is limited", text, rate);
	events_add(daemon->events, EVENT_ATTACK, EVENT_WARNING, link, "%s", sentence);
	gather(daemon, text, sentence, "limited");
}

void tell_attacks(struct daemon *daemon)
{
	struct attacks *attacks = daemon->attacks;
	uint64_t now_ms = verdicts_now_ms();
	const char *sentences[GATHERED_MAX + 1];
	struct announcement announcement = { .kind = ALERT_ATTACK, .details = sentences };
	char subject[224], more[64], text[320];

	if (attacks == NULL || attacks->count == 0 || (attacks->mailed_ms != 0 && now_ms - attacks->mailed_ms < GATHER_MS))
		return;
	for (size_t i = 0; i < attacks->count; i++)
		sentences[announcement.detail_count++] = attacks->sentences[i];
	snprintf(more, sizeof(more), "and %zu more", attacks->more);
	if (attacks->more > 0)
		sentences[announcement.detail_count++] = more;
	snprintf(subject, sizeof(subject), attacks->count == 1 ? "%s" : "%s and %zu more", attacks->first,
		attacks->count - 1 + attacks->more);
	snprintf(text, sizeof(text), "%s: %s", subject, attacks->answer);
	announcement.state = attacks->answer;
	announcement.cause = subject;
	announcement.text = text;
	announce(daemon, &announcement);
	attacks->mailed_ms = now_ms;
	attacks->count = attacks->more = 0;
}
