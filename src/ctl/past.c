/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The connections of a log or a capture, in the order in which they began. */

#include "ctl/past.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/intern.h"
#include "core/week.h"
#include "ctl/capture.h"
#include "ctl/connection_log.h"
#include "ctl/output.h"

#define TOLD_MAX       20
#define NAMES_MAX      65535
#define PROGRESS_LINES 65536

/* A connection without what it does not need. Names are numbers plus one, 0: none. */
struct record {
	double start, duration;
	uint64_t bytes[DIRECTIONS];
	uint8_t from[16], to[16];
	uint32_t order;
	uint16_t from_port, to_port;
	uint16_t in, link, policy;
	uint8_t protocol;
	bool ipv6, ports, direct, inside, known;
};

struct past {
	struct record *records;
	size_t count, room;
	struct intern names; /* of LOG_NAME_MAX bytes */
	uint64_t bad;
	int64_t minute;      /* since 1970, of week_minute; -1: none */
	uint16_t week_minute;
};

static struct past *past_new(void)
{
	struct past *past = output_need(calloc(1, sizeof(*past)));

	intern_open(&past->names, LOG_NAME_MAX);
	past->minute = -1;
	return past;
}

void past_free(struct past *past)
{
	if (past == NULL)
		return;
	intern_close(&past->names);
	free(past->records);
	free(past);
}

/* False: too many. */
static bool put_name(struct past *past, const char *name, uint16_t *ret_number)
{
	uint64_t item[LOG_NAME_MAX / sizeof(uint64_t)] = { 0 };
	uint32_t number;

	*ret_number = 0;
	if (name == NULL)
		return true;
	snprintf((char *)item, sizeof(item), "%s", name);
	number = intern_put(&past->names, item);
	if (past->names.failed || number >= NAMES_MAX)
		return false;
	*ret_number = (uint16_t)(number + 1);
	return true;
}

static const char *get_name(const struct past *past, uint16_t number)
{
	return number == 0 ? NULL : intern_get(&past->names, number - 1u);
}

static bool make_room(struct past *past)
{
	size_t room = past->room == 0 ? 1024 : 2 * past->room;
	struct record *records;

	if (past->count < past->room)
		return true;
	records = past->count >= PAST_MAX ? NULL : reallocarray(past->records, room, sizeof(*records));
	if (records == NULL)
		return false;
	past->records = records;
	past->room = room;
	return true;
}

bool past_add(struct past *past, const struct replay_connection *connection)
{
	const struct flow *flow = &connection->flow;
	struct record *record;

	if (!make_room(past))
		return false;
	record = &past->records[past->count];
	*record = (struct record){
		.start = connection->start, .duration = connection->duration, .order = (uint32_t)past->count,
		.bytes = { connection->bytes[DOWNLOAD], connection->bytes[UPLOAD] },
		.from_port = flow->from_port, .to_port = flow->to_port, .protocol = flow->protocol,
		.ipv6 = flow->family == IPV6, .ports = flow->ports, .direct = flow->direct,
		.inside = connection->inside, .known = connection->known,
	};
	memcpy(record->from, flow->from.bytes, sizeof(record->from));
	memcpy(record->to, flow->to.bytes, sizeof(record->to));
	if (!put_name(past, connection->in, &record->in) || !put_name(past, connection->link, &record->link)
	    || !put_name(past, connection->policy, &record->policy))
		return false;
	past->count++;
	return true;
}

size_t past_count(const struct past *past)
{
	return past->count;
}

uint64_t past_bad(const struct past *past)
{
	return past->bad;
}

static uint16_t minute_of(struct past *past, double start)
{
	int64_t minute = (int64_t)(start / 60);
	time_t seconds = (time_t)start;
	struct tm local;

	if (minute != past->minute && localtime_r(&seconds, &local) != NULL) {
		past->minute = minute;
		past->week_minute = week_minute(local.tm_wday, local.tm_hour, local.tm_min);
	}
	return past->week_minute;
}

void past_get(struct past *past, size_t index, struct replay_connection *ret_connection)
{
	const struct record *record = &past->records[index];
	struct flow *flow = &ret_connection->flow;

	*ret_connection = (struct replay_connection){
		.start = record->start, .duration = record->duration,
		.bytes = { record->bytes[DOWNLOAD], record->bytes[UPLOAD] },
		.in = get_name(past, record->in), .inside = record->inside, .minute = minute_of(past, record->start),
		.known = record->known, .link = get_name(past, record->link), .policy = get_name(past, record->policy),
	};
	*flow = (struct flow){ .family = record->ipv6 ? IPV6 : IPV4, .protocol = record->protocol, .ports = record->ports,
		.from_port = record->from_port, .to_port = record->to_port, .direct = record->direct };
	flow->from.family = flow->to.family = flow->family;
	memcpy(flow->from.bytes, record->from, sizeof(record->from));
	memcpy(flow->to.bytes, record->to, sizeof(record->to));
}

static int by_start(const void *a, const void *b)
{
	const struct record *first = a, *second = b;

	if (first->start != second->start)
		return first->start < second->start ? -1 : 1;
	return first->order < second->order ? -1 : first->order > second->order;
}

static void tell_bad(struct past *past, const char *path, uint64_t line, const char *problem)
{
	past->bad++;
	if (past->bad <= TOLD_MAX)
		output_error("%s:%" PRIu64 ": error: %s", path, line, problem);
	if (past->bad == TOLD_MAX)
		output_error("%s: further bad lines are only counted", path);
}

static bool is_blank(const char *text)
{
	return text[strspn(text, " \t\r\n")] == '\0';
}

static void tell_progress(past_progress *progress, FILE *file, off_t size)
{
	if (progress != NULL && size > 0)
		progress((double)ftello(file) / (double)size);
}

/* One line, without what is behind LOG_LINE_MAX bytes. False: there is none. */
static bool read_line(FILE *file, char *text, size_t *ret_length, bool *ret_whole)
{
	int next;

	if (fgets(text, LOG_LINE_MAX, file) == NULL)
		return false;
	*ret_length = strlen(text);
	*ret_whole = true;
	if (*ret_length + 1 < LOG_LINE_MAX || text[*ret_length - 1] == '\n')
		return true;
	*ret_whole = false;
	while ((next = getc(file)) != EOF && next != '\n')
		;
	return true;
}

static bool read_log(struct past *past, FILE *file, const char *path, past_progress *progress)
{
	char *text = output_need(malloc(LOG_LINE_MAX));
	struct stat status = { .st_size = 0 };
	bool good = true, whole = true;
	struct log_line line;
	size_t length;

	fstat(fileno(file), &status);
	for (uint64_t number = 1; good && read_line(file, text, &length, &whole); number++) {
		if (number % PROGRESS_LINES == 0)
			tell_progress(progress, file, status.st_size);
		if (is_blank(text))
			continue;
		if (!whole)
			tell_bad(past, path, number, "the line is too long");
		else if (!connection_log_read(text, length, &line))
			tell_bad(past, path, number, line.problem);
		else
			good = past_add(past, &line.connection);
	}
	if (!good)
		output_error("%s: too much: %zu connections are read, and there is no room for more", path, past->count);
	if (ferror(file))
		output_error("%s: cannot be read: %s", path, strerror(errno));
	good = good && !ferror(file);
	free(text);
	fclose(file);
	return good;
}

struct filling {
	struct past *past;
	bool full;
};

static void add_ended(void *data, const struct replay_connection *connection)
{
	struct filling *filling = data;

	filling->full |= !past_add(filling->past, connection);
}

static bool read_capture(struct past *past, FILE *file, const char *path, const struct networks *inside)
{
	struct filling filling = { .past = past };
	struct assembled counts = { 0 };

	if (!capture_read(file, path, inside, add_ended, &filling, &counts))
		return false;
	past->bad = counts.not_ip + counts.fragments + counts.from_outside + counts.elsewhere;
	if (filling.full)
		output_error("%s: too much: there is no room for more than %zu connections", path, past->count);
	if (past->count == 0 && counts.packets > 0)
		output_error("%s: no connection of its %" PRIu64 " packets begins inside; name what is inside with --inside",
			path, counts.packets);
	return !filling.full;
}

struct past *past_read(const char *path, const struct networks *inside, past_progress *progress)
{
	FILE *file = fopen(path, "re");
	struct past *past;
	bool good;

	if (file == NULL) {
		output_error("cannot read %s: %s", path, strerror(errno));
		return NULL;
	}
	past = past_new();
	good = capture_is(file) ? read_capture(past, file, path, inside) : read_log(past, file, path, progress);
	if (!good) {
		past_free(past);
		return NULL;
	}
	if (past->count > 0)
		qsort(past->records, past->count, sizeof(*past->records), by_start);
	return past;
}
