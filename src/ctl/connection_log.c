/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads a line of the daemon's connection log. Whoever wrote it: nothing in it is believed. */

#include "ctl/connection_log.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "core/protocol.h"

#define SECONDS_MAX 1e11 /* of the epoch: some thousand years, in seconds and not in milliseconds */

static bool refuse(struct log_line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool refuse(struct log_line *line, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line->problem, sizeof(line->problem), format, arguments);
	va_end(arguments);
	return false;
}

static bool read_time(const json_t *object, const char *key, double *ret_time, struct log_line *line)
{
	const json_t *value = json_object_get(object, key);
	double seconds = json_number_value(value);

	if (value == NULL)
		return refuse(line, "`%s' is missing", key);
	if (!json_is_number(value) || !isfinite(seconds) || seconds < 0 || seconds > SECONDS_MAX)
		return refuse(line, "`%s' is no time in seconds since 1970", key);
	*ret_time = seconds;
	return true;
}

static bool read_times(const json_t *object, struct log_line *line)
{
	struct replay_connection *connection = &line->connection;
	double end;

	if (!read_time(object, "start", &connection->start, line))
		return false;
	end = connection->start;
	if (json_object_get(object, "end") != NULL && !read_time(object, "end", &end, line))
		return false;
	connection->duration = end > connection->start ? end - connection->start : 0;
	return true;
}

static bool read_address(const json_t *object, const char *key, struct address *ret_address, struct log_line *line)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL)
		return refuse(line, "`%s' is missing, or no text", key);
	return address_parse(text, ret_address) || refuse(line, "%s: `%.60s' is no address", key, text);
}

static bool read_protocol(const json_t *object, struct log_line *line)
{
	const json_t *value = json_object_get(object, "protocol");
	const char *name = json_string_value(value);
	struct flow *flow = &line->connection.flow;
	int used = 0;
	unsigned int number = 256;

	if (name != NULL && protocol_number(name, &flow->protocol)) {
		flow->ports = protocol_has_ports(flow->protocol);
		return true;
	}
	if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) < 256)
		number = (unsigned int)json_integer_value(value);
	else if (name != NULL && (sscanf(name, "%3u%n", &number, &used) != 1 || name[used] != '\0'))
		number = 256;
	if (number > 255)
		return refuse(line, "protocol: `%.60s' is not known", name == NULL ? "" : name);
	flow->protocol = (uint8_t)number;
	flow->ports = protocol_has_ports(flow->protocol);
	return true;
}

/* 0 where it is absent. */
static bool read_number(const json_t *object, const char *key, uint64_t most, uint64_t *ret_number, struct log_line *line)
{
	const json_t *value = json_object_get(object, key);

	*ret_number = 0;
	if (value == NULL || json_is_null(value))
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > most)
		return refuse(line, "`%s' is no number from 0 to %llu", key, (unsigned long long)most);
	*ret_number = (uint64_t)json_integer_value(value);
	return true;
}

static bool read_numbers(const json_t *object, struct log_line *line)
{
	struct replay_connection *connection = &line->connection;
	uint64_t from_port, to_port;

	if (!read_number(object, "from_port", UINT16_MAX, &from_port, line)
	    || !read_number(object, "to_port", UINT16_MAX, &to_port, line)
	    || !read_number(object, "download_bytes", INT64_MAX, &connection->bytes[DOWNLOAD], line)
	    || !read_number(object, "upload_bytes", INT64_MAX, &connection->bytes[UPLOAD], line))
		return false;
	connection->flow.from_port = (uint16_t)from_port;
	connection->flow.to_port = (uint16_t)to_port;
	return true;
}

/* NULL where it is absent. */
static const char *read_name(const json_t *object, const char *key, char *name)
{
	const char *text = json_string_value(json_object_get(object, key));

	if (text == NULL || text[0] == '\0')
		return NULL;
	snprintf(name, LOG_NAME_MAX, "%s", text);
	return name;
}

/* With a policy and without a link it went where the main table says: to this machine, or to the inside. */
static void read_names(const json_t *object, struct log_line *line)
{
	struct replay_connection *connection = &line->connection;

	connection->in = read_name(object, "in", line->in);
	connection->link = read_name(object, "link", line->link);
	connection->policy = read_name(object, "policy", line->policy);
	connection->known = connection->link != NULL || connection->policy != NULL;
	connection->flow.direct = connection->policy != NULL && connection->link == NULL;
}

static bool read_object(const json_t *object, struct log_line *line)
{
	struct flow *flow = &line->connection.flow;

	if (!json_is_object(object))
		return refuse(line, "this is no object");
	if (!read_times(object, line) || !read_address(object, "from", &flow->from, line)
	    || !read_address(object, "to", &flow->to, line) || !read_protocol(object, line) || !read_numbers(object, line))
		return false;
	flow->family = flow->from.family;
	if (flow->to.family != flow->family)
		return refuse(line, "`from' and `to' are of different families");
	read_names(object, line);
	return true;
}

bool connection_log_read(const char *text, size_t length, struct log_line *ret_line)
{
	json_error_t error;
	json_t *object = json_loadb(text, length, 0, &error);
	bool good;

	*ret_line = (struct log_line){ .problem = "" };
	if (object == NULL)
		return refuse(ret_line, "no JSON: %.120s", error.text);
	good = read_object(object, ret_line);
	json_decref(object);
	return good;
}
