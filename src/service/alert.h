/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a mail about a link says, as data, and how it becomes an RFC 5322 message. */
#pragma once

#include <stdint.h>
#include <stddef.h>
#include <time.h>

#include "core/health.h"
#include "core/template.h"

/* A link in the table that ends every mail. */
struct alert_link {
	const char *name;
	const char *device;
	enum link_state state;
	const char *reason;       /* "" where there is nothing to say */
	uint32_t latency_us, loss_permille;
	time_t since;
};

struct alert {
	enum notice kind;
	const char *host;
	const char *link;          /* NULL where it is about none */
	time_t when;
	const char *reason;        /* "no carrier", "3 check rounds failed in a row" */
	const char *traffic_on;    /* names of the links that carry on, "no link" where there is none */
	uint32_t latency_us, loss_permille; /* last known, of the link */
	uint64_t outage_s;         /* NOTICE_UP: how long it was down */
	const char *const *consequences; /* sentences: what the daemon did about it */
	size_t consequence_count;
	const struct alert_link *links;
	size_t link_count;
	const char *message_id;    /* of this mail, without brackets */
	const char *in_reply_to;   /* NULL, or the message_id of the mail that this one answers */
	const char *root;          /* NULL, or the first mail of all that belong together */
	const char *attack;        /* NOTICE_ATTACK: "syn-flood from 198.51.100.7", and how it was met: "blocked until 14:05" */
	const char *answer;
	const char *state;         /* one word, as `flapping' or `settled' */
	const char *text;          /* a sentence; must be there for NOTICE_FLAPPING, _QUOTA, _DAEMON and _SUMMARY */
	const char *report;        /* NOTICE_SUMMARY: clean lines that end with \n */
	const char *template;      /* a text that passed config's check, or NULL: the built-in wording */
};

/*
 * `[host] link fiber DOWN: traffic on lte`, `[host] attack syn-flood from 198.51.100.7: blocked until 14:05`, or the
 * template's first line. Whatever hostile names hold, it is one line. Returns text.
 */
const char *alert_subject(const struct alert *alert, char *text, size_t size);

/*
 * The whole message with CRLF line ends: From, To, Subject (RFC 2047 where it must), Date,
 * Message-ID, In-Reply-To, References, Auto-Submitted, MIME headers, and the body in UTF-8. The
 * caller frees it. NULL: no memory.
 */
char *alert_message(const struct alert *alert, const char *from, const char *const *to, size_t to_count);
