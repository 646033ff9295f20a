/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The log of connections that are over: one JSON object in each line, written by worker threads. */

#include "daemon/connection_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <jansson.h>

#include "daemon/daemon.h"
#include "service/line_file.h"

/* Of the watching thread, until the main thread looks; and of lines, while a worker writes. */
#define RING_ROOM  4096
#define LINES_ROOM (1024 * 1024)

struct connection_log {
	struct finished ring[RING_ROOM];
	_Atomic uint32_t written, read;
	_Atomic uint64_t lost; /* for want of room here */
	_Atomic bool enabled;
	uint64_t lost_lines, told_lost;
	char *lines, *writing; /* LINES_ROOM each */
	size_t size, writing_size;
	struct line_file *file;
	char *path;            /* of the file; NULL: none */
	uint64_t limit;
	uv_work_t work;
	bool busy, reopen;
	int error, told_error; /* of the last write */
};

int connection_log_start(struct daemon *daemon)
{
	struct connection_log *log = calloc(1, sizeof(*log));

	daemon->connection_log = log;
	if (log == NULL)
		return -ENOMEM;
	log->lines = malloc(LINES_ROOM);
	log->writing = malloc(LINES_ROOM);
	log->work.data = log;
	return log->lines == NULL || log->writing == NULL ? -ENOMEM : 0;
}

void connection_log_add(struct connection_log *log, const struct finished *finished)
{
	uint32_t written;

	if (log == NULL || !atomic_load_explicit(&log->enabled, memory_order_relaxed))
		return;
	written = atomic_load_explicit(&log->written, memory_order_relaxed);
	if (written - atomic_load_explicit(&log->read, memory_order_acquire) == RING_ROOM) {
		atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
		return;
	}
	log->ring[written % RING_ROOM] = *finished;
	atomic_store_explicit(&log->written, written + 1, memory_order_release);
}

/* What is no text at all is left out: nothing that others name can spoil a line. */
static void put_text(json_t *line, const char *key, const char *text)
{
	if (text != NULL)
		json_object_set_new(line, key, json_string(text));
}

static void put_number(json_t *line, const char *key, uint64_t number)
{
	json_object_set_new(line, key, json_integer((json_int_t)number));
}

static const char *device_name(const struct daemon *daemon, uint32_t index)
{
	for (size_t i = 0; i < daemon->devices->count && index != 0; i++) {
		if (daemon->devices->items[i].index == index)
			return daemon->devices->items[i].name;
	}
	return NULL;
}

static void put_flow(json_t *line, const struct flow *flow)
{
	char from[ADDRESS_TEXT_MAX], to[ADDRESS_TEXT_MAX], number[8];

	put_text(line, "protocol", report_protocol_name(flow->protocol, number, sizeof(number)));
	put_text(line, "from", address_format(&flow->from, from, sizeof(from)));
	if (flow->ports)
		put_number(line, "from_port", flow->from_port);
	put_text(line, "to", address_format(&flow->to, to, sizeof(to)));
	if (flow->ports)
		put_number(line, "to_port", flow->to_port);
}

/* ahead_us: of the clock of the wall before the one that connections go by. */
static json_t *line_of(const struct daemon *daemon, const struct finished *finished, uint64_t ahead_us)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	unsigned int policy = mark_policy(layout, finished->mark);
	json_t *line = json_object();

	json_object_set_new(line, "start", json_real((double)((finished->begun_us + ahead_us) / 1000) / 1000));
	json_object_set_new(line, "end", json_real((double)((finished->ended_us + ahead_us) / 1000) / 1000));
	put_flow(line, &finished->flow);
	put_text(line, "in", device_name(daemon, finished->flow.device));
	put_text(line, "policy", report_policy_name(daemon->generation, policy));
	put_text(line, "link", report_link_name(daemon->generation, finished->link));
	if (policy != MARK_POLICY_NONE)
		put_text(line, "class", report_class_name(daemon->generation, mark_class(layout, finished->mark)));
	put_number(line, "download_bytes", finished->bytes[DOWNLOAD]);
	put_number(line, "upload_bytes", finished->bytes[UPLOAD]);
	if (finished->handshake_us != 0)
		json_object_set_new(line, "handshake_ms", json_real((double)finished->handshake_us / 1000));
	return line;
}

static void add_line(struct connection_log *log, const struct daemon *daemon, const struct finished *finished, uint64_t ahead_us)
{
	json_t *line = line_of(daemon, finished, ahead_us);
	size_t size = json_dumpb(line, log->lines + log->size, LINES_ROOM - log->size, JSON_COMPACT | JSON_REAL_PRECISION(13));

	json_decref(line);
	if (size == 0 || log->size + size + 1 > LINES_ROOM) {
		log->lost_lines++;
		return;
	}
	log->size += size;
	log->lines[log->size++] = '\n';
}

static uint64_t wall_ahead_us(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec - verdicts_now_us();
}

/* Of what began before anybody watched there is no start to tell. */
static void make_lines(struct connection_log *log, const struct daemon *daemon)
{
	uint32_t written = atomic_load_explicit(&log->written, memory_order_acquire);
	uint32_t read = atomic_load_explicit(&log->read, memory_order_relaxed);
	uint64_t ahead_us = wall_ahead_us();

	for (; read != written; read++) {
		const struct finished *finished = &log->ring[read % RING_ROOM];

		if (finished->begun_us != 0)
			add_line(log, daemon, finished, ahead_us);
	}
	atomic_store_explicit(&log->read, read, memory_order_release);
}

/* True where the file is that of the configuration. No worker may run. */
static bool follow(struct connection_log *log, const struct config *config)
{
	bool same = log->path != NULL && config->connection_log != NULL && strcmp(log->path, config->connection_log) == 0
		    && log->limit == config->connection_log_limit;

	if (!same) {
		line_file_free(log->file);
		free(log->path);
		log->file = NULL;
		log->path = NULL;
	}
	if (!same && config->connection_log != NULL) {
		log->limit = config->connection_log_limit;
		log->path = strdup(config->connection_log);
		log->file = log->path == NULL ? NULL : line_file_new(log->path, log->limit);
	}
	if (log->file != NULL && log->reopen)
		line_file_reopen(log->file);
	log->reopen = false;
	return log->file != NULL;
}

static void on_work(uv_work_t *work)
{
	struct connection_log *log = work->data;

	log->error = line_file_write(log->file, log->writing, log->writing_size);
}

static void on_written(uv_work_t *work, int status)
{
	struct connection_log *log = work->data;

	(void)status;
	log->busy = false;
}

static void write_lines(struct connection_log *log, struct daemon *daemon, bool here)
{
	char *lines = log->lines;

	if (log->busy || log->size == 0)
		return;
	if (!follow(log, daemon->generation->config)) {
		log->size = 0;
		return;
	}
	log->lines = log->writing;
	log->writing = lines;
	log->writing_size = log->size;
	log->size = 0;
	if (here)
		on_work(&log->work);
	else
		log->busy = uv_queue_work(daemon->loop, &log->work, on_work, on_written) == 0;
}

static void tell(struct connection_log *log, struct daemon *daemon)
{
	uint64_t lost = atomic_load_explicit(&log->lost, memory_order_relaxed) + log->lost_lines;

	if (log->busy)
		return;
	if (lost > log->told_lost)
		events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "%llu lines of the log of connections were lost: "
			"they came faster than they could be written", (unsigned long long)(lost - log->told_lost));
	log->told_lost = lost;
	if (log->error < 0 && log->error != log->told_error)
		events_add(daemon->events, EVENT_DAEMON, EVENT_ERROR, NULL, "the log of connections cannot be written: %s: %s",
			log->path, strerror(-log->error));
	log->told_error = log->error;
}

void connection_log_poll(struct daemon *daemon)
{
	struct connection_log *log = daemon->connection_log;

	if (log == NULL)
		return;
	atomic_store_explicit(&log->enabled, daemon->generation->config->connection_log != NULL, memory_order_relaxed);
	make_lines(log, daemon);
	tell(log, daemon);
	write_lines(log, daemon, false);
}

void connection_log_reopen(struct daemon *daemon)
{
	if (daemon->connection_log != NULL)
		daemon->connection_log->reopen = true;
}

void connection_log_stop(struct daemon *daemon)
{
	struct connection_log *log = daemon->connection_log;

	if (log == NULL)
		return;
	if (log->lines != NULL && log->writing != NULL && daemon->generation != NULL && daemon->devices != NULL) {
		make_lines(log, daemon);
		write_lines(log, daemon, true);
	}
	line_file_free(log->file);
	free(log->path);
	free(log->lines);
	free(log->writing);
	free(log);
	daemon->connection_log = NULL;
}
