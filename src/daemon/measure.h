/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures the links each second, and lets weights and shaping follow what was learnt of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

struct daemon;
struct link_run;

/* On the tick: rates, capacity and fullness go to daemon.loads; a new plan where a capacity changed much. */
void measure_second(struct daemon *daemon);

/* Several times a second: what the link carries at most in this moment goes to daemon.loads. */
void measure_pace(struct daemon *daemon, struct link_run *run, uint64_t now_ms);

/* Puts what is learnt now into the views of the links: what is planned next goes by it. */
void measure_follow(struct daemon *daemon);

/* After a reload: the same link on the same device. */
void measure_inherit(struct link_run *run, const struct link_run *before);

/* What was learnt as JSON, by links' names. The caller frees it with free(). NULL: no memory. */
char *measure_export(const struct daemon *daemon);

/* The same, back; what is not ours is passed over. */
void measure_import(struct daemon *daemon, const char *text, size_t size);

/* Adds capacity, load, full and congested to a link's JSON. */
void measure_report(json_t *document, const struct link_run *run);
