/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of connections for syslog: one when each begins, one with its bytes when it ends. */

#include "daemon/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <syslog.h>

#include "daemon/daemon.h"
#include "daemon/syslog.h"

/* Of the watching thread, until the main thread looks. */
#define RING_ROOM 8192

struct record {
	struct finished connection; /* bytes and ended_us only where it ended */
	struct flow back;
	bool ended, has_back;
};

struct records {
	struct record ring[RING_ROOM];
	_Atomic uint32_t written, read;
	_Atomic uint64_t lost;
	_Atomic bool enabled;
	uint64_t told_lost;
};

int records_start(struct daemon *daemon)
{
	daemon->records = calloc(1, sizeof(*daemon->records));
	return daemon->records == NULL ? -ENOMEM : 0;
}

static void add(struct records *records, const struct record *record)
{
	uint32_t written;

	if (records == NULL || !atomic_load_explicit(&records->enabled, memory_order_relaxed))
		return;
	written = atomic_load_explicit(&records->written, memory_order_relaxed);
	if (written - atomic_load_explicit(&records->read, memory_order_acquire) == RING_ROOM) {
		atomic_fetch_add_explicit(&records->lost, 1, memory_order_relaxed);
		return;
	}
	records->ring[written % RING_ROOM] = *record;
	atomic_store_explicit(&records->written, written + 1, memory_order_release);
}

void records_begun(struct records *records, const struct begun *begun)
{
	struct record record = { .connection = { .flow = begun->flow, .mark = begun->mark, .link = begun->link,
		.begun_us = begun->at_us } };

	add(records, &record);
}

void records_finished(struct records *records, const struct finished *finished, const struct flow *back)
{
	struct record record = { .connection = *finished, .ended = true, .has_back = back != NULL };

	if (back != NULL)
		record.back = *back;
	add(records, &record);
}

/* --- the main thread --- */

/* Texts of one record; fields point into it. */
struct draft {
	struct syslog_field fields[SYSLOG_FIELDS_MAX];
	size_t count;
	char numbers[12][24];
	size_t number_count;
	char addresses[4][ADDRESS_TEXT_MAX];
	size_t address_count;
	char begin[SYSLOG_TIME_MAX], end[SYSLOG_TIME_MAX], id[20];
};

static void put(struct draft *draft, const char *name, const char *value)
{
	if (value != NULL)
		draft->fields[draft->count++] = (struct syslog_field){ name, value };
}

static void put_number(struct draft *draft, const char *name, uint64_t number)
{
	char *text = draft->numbers[draft->number_count++];

	snprintf(text, sizeof(draft->numbers[0]), "%" PRIu64, number);
	put(draft, name, text);
}

static void put_end(struct draft *draft, const char *name, const struct address *address, const char *port_name, bool ports,
	uint16_t port)
{
	char *text = draft->addresses[draft->address_count++];

	put(draft, name, address_format(address, text, ADDRESS_TEXT_MAX));
	if (ports)
		put_number(draft, port_name, port);
}

/* The same for both records of a connection, and of no other: addresses, ports, protocol and when it began. */
static const char *id_of(const struct daemon *daemon, const struct finished *connection, char *text, size_t size)
{
	const struct flow *flow = &connection->flow;
	size_t length = flow->family == IPV6 ? 16 : 4;
	uint8_t bytes[16 + 16 + 2 + 2 + 1 + 8] = { 0 };

	if (connection->begun_us == 0)
		return NULL;
	memcpy(bytes, flow->from.bytes, length);
	memcpy(bytes + 16, flow->to.bytes, length);
	memcpy(bytes + 32, &flow->from_port, 2);
	memcpy(bytes + 34, &flow->to_port, 2);
	bytes[36] = flow->protocol;
	memcpy(bytes + 37, &connection->begun_us, 8);
	snprintf(text, size, "%016" PRIx64, siphash(&daemon->state.key, bytes, sizeof(bytes)));
	return text;
}

/* ahead_us: of the clock of the wall before the one that connections go by. */
static const char *time_of(uint64_t at_us, uint64_t ahead_us, char *text)
{
	uint64_t us = at_us + ahead_us;
	struct timespec when = { .tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000) * 1000 };

	return at_us == 0 ? NULL : syslog_time(when, text);
}

static const char *device_name(const struct daemon *daemon, uint32_t index)
{
	for (size_t i = 0; i < daemon->devices->count && index != 0; i++) {
		if (daemon->devices->items[i].index == index)
			return daemon->devices->items[i].name;
	}
	return NULL;
}

static void put_ends(struct draft *draft, const struct record *record)
{
	const struct flow *flow = &record->connection.flow, *back = &record->back;

	put_end(draft, "from", &flow->from, "from_port", flow->ports, flow->from_port);
	put_end(draft, "to", &flow->to, "to_port", flow->ports, flow->to_port);
	if (!record->has_back)
		return;
	put_end(draft, "nat_from", &back->to, "nat_from_port", back->ports, back->to_port);
	put_end(draft, "nat_to", &back->from, "nat_to_port", back->ports, back->from_port);
}

static void put_names(struct draft *draft, const struct daemon *daemon, const struct finished *connection)
{
	struct mark_layout layout = mark_layout_of(&daemon->generation->config->kernel);
	unsigned int policy = mark_policy(layout, connection->mark);

	put(draft, "in", device_name(daemon, connection->flow.device));
	put(draft, "policy", report_policy_name(daemon->generation, policy));
	put(draft, "link", report_link_name(daemon->generation, connection->link));
	if (policy != MARK_POLICY_NONE)
		put(draft, "class", report_class_name(daemon->generation, mark_class(layout, connection->mark)));
}

static void tell(struct daemon *daemon, const struct record *record, uint64_t ahead_us)
{
	const struct finished *connection = &record->connection;
	struct draft draft = { .count = 0 };
	char text[256], protocol[8];
	struct syslog_message message = { .severity = LOG_INFO, .kind = record->ended ? "connection-end" : "connection-start",
		.text = text, .fields = draft.fields };

	put(&draft, "id", id_of(daemon, connection, draft.id, sizeof(draft.id)));
	put(&draft, "start", time_of(connection->begun_us, ahead_us, draft.begin));
	if (record->ended)
		put(&draft, "end", time_of(connection->ended_us, ahead_us, draft.end));
	put(&draft, "protocol", report_protocol_name(connection->flow.protocol, protocol, sizeof(protocol)));
	put_ends(&draft, record);
	put_names(&draft, daemon, connection);
	if (record->ended) {
		put_number(&draft, "download_bytes", connection->bytes[DOWNLOAD]);
		put_number(&draft, "upload_bytes", connection->bytes[UPLOAD]);
	}
	message.field_count = draft.count;
	snprintf(text, sizeof(text), record->ended ? "connection of %s to %s ended" : "connection of %s to %s began",
		draft.addresses[0], draft.addresses[1]);
	syslog_tell(daemon, &message, true);
}

static uint64_t wall_ahead_us(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec - verdicts_now_us();
}

static void tell_lost(struct daemon *daemon, struct records *records)
{
	uint64_t lost = atomic_load_explicit(&records->lost, memory_order_relaxed);

	if (lost > records->told_lost)
		events_add(daemon->events, EVENT_DAEMON, EVENT_WARNING, NULL, "%llu records of connections were lost: "
			"they came faster than they could be written", (unsigned long long)(lost - records->told_lost));
	records->told_lost = lost;
}

void records_poll(struct daemon *daemon)
{
	struct records *records = daemon->records;
	const struct syslog_settings *settings = &daemon->generation->config->syslog;
	uint64_t ahead_us = wall_ahead_us();
	uint32_t written, read;

	if (records == NULL)
		return;
	atomic_store_explicit(&records->enabled, settings->enabled && settings->records, memory_order_relaxed);
	written = atomic_load_explicit(&records->written, memory_order_acquire);
	read = atomic_load_explicit(&records->read, memory_order_relaxed);
	for (; read != written; read++)
		tell(daemon, &records->ring[read % RING_ROOM], ahead_us);
	atomic_store_explicit(&records->read, read, memory_order_release);
	tell_lost(daemon, records);
}

void records_stop(struct daemon *daemon)
{
	if (daemon->records == NULL)
		return;
	if (daemon->generation != NULL && daemon->devices != NULL)
		records_poll(daemon);
	free(daemon->records);
	daemon->records = NULL;
}
