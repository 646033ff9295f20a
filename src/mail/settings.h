/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the daemon tells the mail process at its start: one line of JSON. */
#pragma once

#include <stddef.h>

#include "core/config.h"

#define RECIPIENTS_MAX 64

struct settings {
	char *server; /* smtp:// or smtps:// with host, port, and our host name for EHLO */
	char *from;
	char *to[RECIPIENTS_MAX];
	size_t to_count;
	char *user, *password, *ca_file; /* NULL where not given */
	enum mail_tls tls;
	long timeout_s; /* for one message as a whole */
};

/*
 * Reads {"server","from","to":[...],"user","password","ca_file","tls","timeout_s"} and checks it: libcurl sees
 * no address or server that is not plain. The caller frees with settings_free(). NULL, or what is wrong.
 */
const char *settings_read(const char *line, struct settings *ret_settings);

void settings_free(struct settings *settings);
