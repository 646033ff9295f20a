/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is told of what: kinds of alert, and the settings of mail. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names {
	const char **items;
	size_t count;
};

/* What people and programs are told of; a recipient may want some of it. */
enum alert_kind {
	ALERT_DOWN,     /* a link */
	ALERT_UP,       /* again */
	ALERT_DEGRADED, /* beyond its limits, and within them again */
	ALERT_FLAPPING, /* it goes and comes: what is told of it is gathered */
	ALERT_QUOTA,
	ALERT_ATTACK,
	ALERT_DAEMON,   /* uplinkd itself: ended without order, refused a configuration, repaired what others broke */
	ALERT_KINDS,    /* how many there are */
};

/* A bit for each kind; 0: all of them. */
typedef uint32_t alert_kinds;

/* Who gets what, beside `to'. */
struct mail_recipients {
	struct names to;
	alert_kinds kinds;
};

/* All addresses of mails together. */
#define MAIL_RECIPIENTS_MAX 64

enum mail_summary {
	SUMMARY_NONE,
	SUMMARY_DAILY,
	SUMMARY_WEEKLY, /* on Mondays */
};

struct mail_settings {
	const char *server; /* "smtp://host:port" or "smtps://host:port"; NULL: no mail */
	const char *from;
	struct names to;       /* may be empty where there are others */
	alert_kinds kinds;     /* that `to' gets */
	struct mail_recipients *others;
	size_t other_count;
	uint32_t reminder_s;   /* after so long without a word while a link is in trouble; 0: never */
	enum mail_summary summary;
	uint32_t summary_hour; /* of the local day */
	const char *templates; /* folder; NULL: none */
	uint32_t timeout_s;    /* for one mail, from the first byte to the last */
	const char *user;
	const char *password_file;
	const char *ca_file;   /* NULL: the system's */
	enum mail_tls { TLS_OPPORTUNISTIC, TLS_REQUIRED, TLS_NEVER } tls;
};

/* "down", as the configuration calls it. */
const char *alert_kind_name(enum alert_kind kind);

/* Whether who wants those kinds is told of that one. */
bool alert_wanted(alert_kinds kinds, enum alert_kind kind);

/* Addresses that want one of kinds (0: whoever there is), each once; room for MAIL_RECIPIENTS_MAX. Returns how many. */
size_t mail_recipients(const struct mail_settings *mail, alert_kinds kinds, const char **ret_addresses);
