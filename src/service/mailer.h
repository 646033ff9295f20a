/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps the mail process running, tells it the settings, wakes it when the spool has something. */
#pragma once

#include <uv.h>

#include "core/config.h"

struct mailer;

/* One line that the mail process reported about a message. */
struct mailer_report {
	const char *message; /* message id */
	bool delivered;
	const char *answer;  /* what the server, or libcurl, said; control characters escaped */
};

typedef void (*mailer_callback)(void *data, const struct mailer_report *report);

/*
 * program is the path of uplinkd-mail, folder the spool. The process is started with the first
 * message, without capabilities, as an unprivileged user where we are root, and again with back-off
 * when it ends. The password file is read here: it must not be readable for group or others.
 * 0, -EACCES for such a password file, or -errno.
 */
int mailer_new(uv_loop_t *loop, const char *program, const char *folder, const struct mail_settings *settings,
	mailer_callback on_report, void *data, struct mailer **ret_mailer);

/* Accepts NULL. The process finishes the message that it is sending and ends. */
void mailer_free(struct mailer *mailer);

/* There is something in the spool; or a link came back: try at once. */
void mailer_wake(struct mailer *mailer);
