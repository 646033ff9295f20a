/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Templates of mails: their placeholders. */

#include "core/template.h"

#include <string.h>

const char *notice_name(enum notice notice)
{
	static const char *const names[NOTICES] = {
		[NOTICE_DOWN] = "down",
		[NOTICE_UP] = "up",
		[NOTICE_DEGRADED] = "degraded",
		[NOTICE_RECOVERED] = "recovered",
		[NOTICE_TEST] = "test",
		[NOTICE_ATTACK] = "attack",
		[NOTICE_FLAPPING] = "flapping",
		[NOTICE_QUOTA] = "quota",
		[NOTICE_DAEMON] = "daemon",
		[NOTICE_REMINDER] = "reminder",
		[NOTICE_SUMMARY] = "summary",
	};

	return names[notice];
}

const char *template_word_name(enum template_word word)
{
	static const char *const names[TEMPLATE_WORDS] = {
		[TEMPLATE_HOST] = "host",
		[TEMPLATE_LINK] = "link",
		[TEMPLATE_DEVICE] = "device",
		[TEMPLATE_KIND] = "kind",
		[TEMPLATE_STATE] = "state",
		[TEMPLATE_CAUSE] = "cause",
		[TEMPLATE_TEXT] = "text",
		[TEMPLATE_TRAFFIC] = "traffic",
		[TEMPLATE_LATENCY] = "latency",
		[TEMPLATE_LOSS] = "loss",
		[TEMPLATE_DURATION] = "duration",
		[TEMPLATE_WHEN] = "when",
		[TEMPLATE_WHEN_UTC] = "when-utc",
		[TEMPLATE_DETAILS] = "details",
		[TEMPLATE_LINKS] = "links",
		[TEMPLATE_SUBJECT] = "subject",
		[TEMPLATE_BODY] = "body",
	};

	return names[word];
}

static void find_word(struct template_piece *piece)
{
	piece->kind = TEMPLATE_UNKNOWN;
	for (enum template_word word = 0; word < TEMPLATE_WORDS; word++) {
		const char *name = template_word_name(word);

		if (strlen(name) != piece->length || memcmp(name, piece->text, piece->length) != 0)
			continue;
		piece->kind = TEMPLATE_VALUE;
		piece->word = word;
	}
}

/* What begins at ${. */
static const char *read_placeholder(const char *text, struct template_piece *piece)
{
	piece->text = text + 2;
	piece->length = strcspn(piece->text, "}\n");
	if (piece->text[piece->length] != '}') {
		piece->kind = TEMPLATE_UNCLOSED;
		return piece->text + piece->length;
	}
	find_word(piece);
	return piece->text + piece->length + 1;
}

bool template_next(const char **at, struct template_piece *ret_piece)
{
	const char *text = *at;

	if (*text == '\0')
		return false;
	*ret_piece = (struct template_piece){ .kind = TEMPLATE_LITERAL, .text = text, .length = 1 };
	if (text[0] != '$') {
		ret_piece->length = strcspn(text, "$");
		*at = text + ret_piece->length;
	} else if (text[1] == '{') {
		*at = read_placeholder(text, ret_piece);
	} else {
		*at = text + 1 + (text[1] == '$');
	}
	return true;
}
