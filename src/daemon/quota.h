/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Quotas of links: counts each second, tells, lets decisions follow, and is kept over restarts. Of the main thread. */
#pragma once

#include <jansson.h>

struct daemon;
struct link_run;

#define QUOTA_FILE "quota.json"

/* Before links are first told their ground: what file said, which may be NULL. */
void quota_start(struct daemon *daemon, const char *text, size_t size);

/* The same link in a new configuration: also with another device. */
void quota_inherit(struct link_run *run, const struct link_run *before);

/* Each second. */
void quota_second(struct daemon *daemon);

/* What quota_start() takes. The caller frees it. NULL: no memory. */
char *quota_export(const struct daemon *daemon);

/* null where the link has none. */
json_t *quota_report(const struct link_run *run);
