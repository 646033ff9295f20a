/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What outlives the daemon: numbers of links and policies, the hash key, open outages, orders. */

#include "service/state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/random.h>

#include <jansson.h>

#include "core/arena.h"
#include "core/mark.h"
#include "service/file.h"
#include "service/log.h"

#define STATE_NAME    "state.json"
#define BROKEN_NAME   "state.json.broken"
#define STATE_VERSION 1

/* Every link and policy with the longest name takes less than a tenth of it. */
#define STATE_SIZE_MAX (8u << 20)
#define KEY_DIGITS     32

static bool read_key(const json_t *value, struct hash_key *ret_key)
{
	const char *text = json_string_value(value);
	char digits[KEY_DIGITS / 2 + 1] = "";

	if (!text || strlen(text) != KEY_DIGITS || strspn(text, "0123456789abcdef") != KEY_DIGITS)
		return false;
	for (size_t i = 0; i < 2; i++) {
		memcpy(digits, text + i * KEY_DIGITS / 2, KEY_DIGITS / 2);
		ret_key->words[i] = strtoull(digits, NULL, 16);
	}
	return true;
}

/* -EBADMSG where the document is not what we write, or -ENOMEM. */
static int read_text(struct arena *arena, const json_t *value, const char **ret_text)
{
	if (!json_is_string(value) || json_string_length(value) == 0)
		return -EBADMSG;
	*ret_text = arena_text(arena, json_string_value(value), json_string_length(value));
	return *ret_text ? 0 : -ENOMEM;
}

static int read_ids(struct arena *arena, json_t *object, json_int_t highest, struct id_record **ret_records,
	size_t *ret_count)
{
	struct id_record *record;
	const char *name;
	json_t *id;

	if (!json_is_object(object))
		return -EBADMSG;
	record = *ret_records = arena_array(arena, json_object_size(object), sizeof(*record));
	if (!record)
		return -ENOMEM;
	json_object_foreach(object, name, id) {
		if (name[0] == '\0' || strlen(name) > CONFIG_NAME_MAX || !json_is_integer(id) ||
			json_integer_value(id) < 1 || json_integer_value(id) > highest)
			return -EBADMSG;
		record->id = (uint16_t)json_integer_value(id);
		record->name = arena_text(arena, name, strlen(name));
		if (!record->name)
			return -ENOMEM;
		record++;
	}
	*ret_count = json_object_size(object);
	return 0;
}

static int read_outage(struct arena *arena, const json_t *item, struct outage *ret_outage)
{
	const json_t *since = json_object_get(item, "since"), *id = json_object_get(item, "message-id");
	int result = read_text(arena, json_object_get(item, "link"), &ret_outage->link);

	if (result < 0)
		return result;
	if (!json_is_integer(since))
		return -EBADMSG;
	ret_outage->since = json_integer_value(since);
	return json_is_null(id) ? 0 : read_text(arena, id, &ret_outage->message_id);
}

static int read_outages(struct arena *arena, const json_t *array, struct state *state)
{
	if (!json_is_array(array))
		return -EBADMSG;
	state->outages = arena_array(arena, json_array_size(array), sizeof(*state->outages));
	if (!state->outages)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(array); i++) {
		int result = read_outage(arena, json_array_get(array, i), &state->outages[i]);

		if (result < 0)
			return result;
	}
	state->outage_count = json_array_size(array);
	return 0;
}

static bool read_duty(const json_t *word, enum link_duty *ret_duty)
{
	for (enum link_duty duty = DUTY_DRAINS; duty <= DUTY_DISABLED && json_is_string(word); duty++) {
		*ret_duty = duty;
		if (strcmp(json_string_value(word), link_duty_name(duty)) == 0)
			return true;
	}
	return false;
}

static int read_order(struct arena *arena, const json_t *item, struct order *ret_order)
{
	const json_t *until = json_object_get(item, "until");

	if (!read_duty(json_object_get(item, "duty"), &ret_order->duty) || !json_is_integer(until))
		return -EBADMSG;
	ret_order->until = json_integer_value(until);
	return read_text(arena, json_object_get(item, "link"), &ret_order->link);
}

static int read_orders(struct arena *arena, const json_t *array, struct state *state)
{
	if (!json_is_array(array))
		return -EBADMSG;
	state->orders = arena_array(arena, json_array_size(array), sizeof(*state->orders));
	if (!state->orders)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(array); i++) {
		int result = read_order(arena, json_array_get(array, i), &state->orders[i]);

		if (result < 0)
			return result;
	}
	state->order_count = json_array_size(array);
	return 0;
}

static int read_document(const json_t *document, struct state *state)
{
	const json_t *version = json_object_get(document, "version");
	int result;

	if (!json_is_integer(version) || json_integer_value(version) != STATE_VERSION)
		return -EPROTONOSUPPORT;
	if (!read_key(json_object_get(document, "key"), &state->key))
		return -EBADMSG;
	result = read_ids(state->arena, json_object_get(document, "links"), MARK_LINK_MAX, &state->links,
		&state->link_count);
	if (result == 0)
		result = read_ids(state->arena, json_object_get(document, "policies"), CONFIG_POLICIES_MAX,
			&state->policies, &state->policy_count);
	/* Files of before there were classes have none. */
	if (result == 0 && json_object_get(document, "classes") != NULL)
		result = read_ids(state->arena, json_object_get(document, "classes"), MARK_CLASS_MAX, &state->classes,
			&state->class_count);
	if (result == 0)
		result = read_outages(state->arena, json_object_get(document, "outages"), state);
	/* The same of orders. */
	if (result == 0 && json_object_get(document, "orders") != NULL)
		result = read_orders(state->arena, json_object_get(document, "orders"), state);
	return result;
}

static int read_file(const char *folder, struct state *state)
{
	json_t *document;
	size_t size;
	void *bytes;
	int result = file_read(folder, STATE_NAME, STATE_SIZE_MAX, &bytes, &size);

	if (result < 0)
		return result;
	document = json_loadb(bytes, size, JSON_REJECT_DUPLICATES, NULL);
	free(bytes);
	if (!document)
		return -EBADMSG;
	result = read_document(document, state);
	json_decref(document);
	return result;
}

static int begin_empty(struct state *ret_state)
{
	*ret_state = (struct state){ .arena = arena_new() };
	return ret_state->arena ? 0 : -ENOMEM;
}

static int draw_key(struct hash_key *ret_key)
{
	ssize_t got;

	do
		got = getrandom(ret_key->words, sizeof(ret_key->words), 0);
	while (got < 0 && errno == EINTR);
	return got == sizeof(ret_key->words) ? 0 : -errno;
}

static const char *fault(int error)
{
	if (error == -EBADMSG)
		return "damaged";
	return error == -EPROTONOSUPPORT ? "written by another version" : strerror(-error);
}

/* Kept for who wants to know what was wrong, and out of the way of the next one. */
static void set_aside(const char *folder, int error)
{
	int result = file_rename(folder, STATE_NAME, BROKEN_NAME);

	if (result == 0)
		log_warning("state in %s cannot be used (%s): kept as %s, numbers are given anew", folder,
			fault(error), BROKEN_NAME);
	else
		log_warning("state in %s cannot be used (%s) nor set aside (%s): numbers are given anew", folder,
			fault(error), strerror(-result));
}

int state_read(const char *folder, struct state *ret_state)
{
	struct state state;
	int result = begin_empty(&state);

	if (result < 0)
		return result;
	result = read_file(folder, &state);
	if (result < 0 && result != -ENOMEM) {
		if (result != -ENOENT)
			set_aside(folder, result);
		arena_free(state.arena);
		result = begin_empty(&state);
		if (result == 0)
			result = draw_key(&state.key);
	}
	if (result < 0)
		arena_free(state.arena);
	else
		*ret_state = state;
	return result;
}

/* All that follow take NULL for "no memory" and hand it on, as jansson does itself. */
static json_t *ids_document(const struct id_record *records, size_t count)
{
	json_t *object = json_object();

	for (size_t i = 0; object && i < count; i++) {
		if (json_object_set_new(object, records[i].name, json_integer(records[i].id)) < 0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

static json_t *outages_document(const struct outage *outages, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++) {
		json_t *item = json_pack("{s:s, s:s?, s:I}", "link", outages[i].link, "message-id",
			outages[i].message_id, "since", (json_int_t)outages[i].since);

		if (json_array_append_new(array, item) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *orders_document(const struct order *orders, size_t count)
{
	json_t *array = json_array();

	for (size_t i = 0; array && i < count; i++) {
		json_t *item = json_pack("{s:s, s:s, s:I}", "link", orders[i].link, "duty",
			link_duty_name(orders[i].duty), "until", (json_int_t)orders[i].until);

		if (json_array_append_new(array, item) < 0) {
			json_decref(array);
			return NULL;
		}
	}
	return array;
}

static json_t *state_document(const struct state *state)
{
	char key[KEY_DIGITS + 1];

	snprintf(key, sizeof(key), "%016" PRIx64 "%016" PRIx64, state->key.words[0], state->key.words[1]);
	return json_pack("{s:i, s:s, s:o, s:o, s:o, s:o, s:o}", "version", STATE_VERSION, "key", key, "links",
		ids_document(state->links, state->link_count), "policies",
		ids_document(state->policies, state->policy_count), "classes",
		ids_document(state->classes, state->class_count), "outages",
		outages_document(state->outages, state->outage_count), "orders",
		orders_document(state->orders, state->order_count));
}

int state_write(const char *folder, const struct state *state)
{
	json_t *document = state_document(state);
	char *text = document ? json_dumps(document, JSON_INDENT(1)) : NULL;
	int result = text ? file_write(folder, STATE_NAME, text, strlen(text)) : -ENOMEM;

	free(text);
	json_decref(document);
	return result;
}

int state_write_blob(const char *folder, const char *name, const void *bytes, size_t size)
{
	return file_write(folder, name, bytes, size);
}

int state_read_blob(const char *folder, const char *name, size_t limit, void **ret_bytes, size_t *ret_size)
{
	return file_read(folder, name, limit, ret_bytes, ret_size);
}

int state_prepare(const char *folder)
{
	int error = file_make_folder(folder);

	if (error == 0 && geteuid() == 0 && chmod(folder, 0711) < 0)
		error = -errno;
	return error;
}
