/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What mails are about, and the templates that people write for them: text with placeholders such as ${link}. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a mail is about; the wording hangs on it. */
enum notice {
	NOTICE_DOWN,
	NOTICE_UP,
	NOTICE_DEGRADED,
	NOTICE_RECOVERED, /* degraded no more */
	NOTICE_TEST,
	NOTICE_ATTACK,
	NOTICE_FLAPPING,  /* that it begins, and that it is over */
	NOTICE_QUOTA,
	NOTICE_DAEMON,
	NOTICE_REMINDER,  /* the trouble of a link lasts */
	NOTICE_SUMMARY,
	NOTICES,          /* how many there are */
};

/* "down"; its template is down.txt. */
const char *notice_name(enum notice notice);

/* What can stand in ${...}. */
enum template_word {
	TEMPLATE_HOST,
	TEMPLATE_LINK,     /* "" where it is about none, as the next one */
	TEMPLATE_DEVICE,
	TEMPLATE_KIND,     /* "DOWN" */
	TEMPLATE_STATE,
	TEMPLATE_CAUSE,
	TEMPLATE_TEXT,     /* a sentence */
	TEMPLATE_TRAFFIC,  /* names of the links that carry on */
	TEMPLATE_LATENCY,
	TEMPLATE_LOSS,
	TEMPLATE_DURATION,
	TEMPLATE_WHEN,     /* in local time */
	TEMPLATE_WHEN_UTC,
	TEMPLATE_DETAILS,  /* a line for each */
	TEMPLATE_LINKS,    /* the table of all of them */
	TEMPLATE_SUBJECT,  /* the built-in one, and so the body */
	TEMPLATE_BODY,
	TEMPLATE_WORDS,    /* how many there are */
};

/* "when-utc". */
const char *template_word_name(enum template_word word);

/* Longer is no template. */
#define TEMPLATE_BYTES_MAX 65536

enum template_kind {
	TEMPLATE_LITERAL,
	TEMPLATE_VALUE,    /* word */
	TEMPLATE_UNKNOWN,  /* text is what stands in the braces */
	TEMPLATE_UNCLOSED, /* text is the rest of its line */
};

/* A piece of a template; text is not terminated. */
struct template_piece {
	enum template_kind kind;
	const char *text;
	size_t length;
	enum template_word word;
};

/* The piece at *at, which moves behind it; false at the end. `$$' is a dollar sign, and so is one without a brace. */
bool template_next(const char **at, struct template_piece *ret_piece);
