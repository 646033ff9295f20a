/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was told of each link, and what it was like since the last summary, as it is kept on disk. */

#include "daemon/stories.h"

#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "daemon/daemon.h"

static bool is_ours(const struct daemon *daemon, const char *link)
{
	return config_link(daemon->generation->config, link) >= 0;
}

static struct story *find_room(struct daemon *daemon)
{
	struct stories *stories = daemon->stories;

	if (stories->count < CONFIG_LINKS_MAX)
		return &stories->items[stories->count++];
	for (size_t i = 0; i < stories->count; i++) {
		if (!is_ours(daemon, stories->items[i].link))
			return &stories->items[i];
	}
	return &stories->items[0];
}

struct story *stories_of(struct daemon *daemon, const char *link)
{
	struct stories *stories = daemon->stories;
	struct story *story;

	for (size_t i = 0; i < stories->count; i++) {
		if (strcmp(stories->items[i].link, link) == 0)
			return &stories->items[i];
	}
	story = find_room(daemon);
	*story = (struct story){ .root = "" };
	snprintf(story->link, sizeof(story->link), "%s", link);
	return story;
}

/* The numbers of a story; reading and writing go by the same list. */
enum width { SIGNED_64, UNSIGNED_64, UNSIGNED_32 };

#define NUMBER(key, member, width) { key, offsetof(struct story, member), width }

static const struct number {
	const char *key;
	size_t offset;
	enum width width;
} numbers[] = {
	NUMBER("changed", outbreak.changed, SIGNED_64),
	NUMBER("since", outbreak.since, SIGNED_64),
	NUMBER("spoken", outbreak.spoken, SIGNED_64),
	NUMBER("flapping-since", outbreak.flapping_since, SIGNED_64),
	NUMBER("settled", outbreak.settled, SIGNED_64),
	NUMBER("quiet-s", outbreak.quiet_s, UNSIGNED_32),
	NUMBER("changes", outbreak.changes, UNSIGNED_32),
	NUMBER("flapping-outages", outbreak.outages, UNSIGNED_32),
	NUMBER("flapping-down-s", outbreak.down_s, UNSIGNED_64),
	NUMBER("watched-s", tally.watched_s, UNSIGNED_64),
	NUMBER("down-s", tally.down_s, UNSIGNED_64),
	NUMBER("degraded-s", tally.degraded_s, UNSIGNED_64),
	NUMBER("outage-s", tally.outage_s, UNSIGNED_64),
	NUMBER("longest-s", tally.longest_s, UNSIGNED_64),
	NUMBER("outages", tally.outages, UNSIGNED_32),
	NUMBER("received", tally.bytes[0], UNSIGNED_64),
	NUMBER("sent", tally.bytes[1], UNSIGNED_64),
	NUMBER("counter-received", tally.counters[0], UNSIGNED_64),
	NUMBER("counter-sent", tally.counters[1], UNSIGNED_64),
};

static json_int_t load(const struct story *story, const struct number *number)
{
	const char *at = (const char *)story + number->offset;
	int64_t large;
	uint32_t small;

	if (number->width == UNSIGNED_32) {
		memcpy(&small, at, sizeof(small));
		return small;
	}
	memcpy(&large, at, sizeof(large));
	return large;
}

static void store(struct story *story, const struct number *number, json_int_t value)
{
	char *at = (char *)story + number->offset;
	int64_t large = value;
	uint32_t small = (uint32_t)value;

	if (value < 0)
		return;
	if (number->width == UNSIGNED_32)
		memcpy(at, &small, sizeof(small));
	else
		memcpy(at, &large, sizeof(large));
}

/* Hours that were bad, as { "26": 40 }. */
static json_t *pack_hours(const struct tally *tally)
{
	json_t *hours = json_object();
	char key[8];

	for (unsigned int hour = 0; hour < TALLY_HOURS; hour++) {
		snprintf(key, sizeof(key), "%u", hour);
		if (tally->bad_s[hour] > 0)
			json_object_set_new(hours, key, json_integer(tally->bad_s[hour]));
	}
	return hours;
}

static json_t *pack_told(const struct outbreak *outbreak)
{
	json_t *told = json_array();

	for (size_t i = 0; i < OUTBREAK_CHANGES; i++)
		json_array_append_new(told, json_integer(outbreak->told[i]));
	return told;
}

static json_t *pack_story(const struct story *story)
{
	json_t *object = json_pack("{s:s, s:s, s:o, s:o}", "root", story->root, "state",
		link_state_name(story->outbreak.state), "told", pack_told(&story->outbreak), "bad-hours", pack_hours(&story->tally));

	for (size_t i = 0; object != NULL && i < sizeof(numbers) / sizeof(numbers[0]); i++)
		json_object_set_new(object, numbers[i].key, json_integer(load(story, &numbers[i])));
	return object;
}

char *stories_export(const struct daemon *daemon)
{
	const struct stories *stories = daemon->stories;
	json_t *links = json_object(), *document;
	char *text;

	for (size_t i = 0; i < stories->count; i++) {
		if (is_ours(daemon, stories->items[i].link))
			json_object_set_new(links, stories->items[i].link, pack_story(&stories->items[i]));
	}
	document = json_pack("{s:I, s:I, s:o}", "since", (json_int_t)stories->since, "until", (json_int_t)stories->until,
		"links", links);
	text = document == NULL ? NULL : json_dumps(document, JSON_INDENT(1));
	json_decref(document);
	return text;
}

static enum link_state read_state(const json_t *word)
{
	for (enum link_state state = LINK_UP; json_is_string(word) && state <= LINK_DOWN; state++) {
		if (strcmp(json_string_value(word), link_state_name(state)) == 0)
			return state;
	}
	return LINK_UP;
}

static void read_hours(struct tally *tally, const json_t *hours)
{
	char key[8];

	for (unsigned int hour = 0; hour < TALLY_HOURS; hour++) {
		json_int_t bad_s;

		snprintf(key, sizeof(key), "%u", hour);
		bad_s = json_integer_value(json_object_get(hours, key));
		tally->bad_s[hour] = bad_s > 0 && bad_s < UINT16_MAX ? (uint16_t)bad_s : 0;
	}
}

static void read_story(struct story *story, const json_t *object)
{
	const char *root = json_string_value(json_object_get(object, "root"));

	snprintf(story->root, sizeof(story->root), "%s", root == NULL ? "" : root);
	story->outbreak.state = read_state(json_object_get(object, "state"));
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		store(story, &numbers[i], json_integer_value(json_object_get(object, numbers[i].key)));
	for (size_t i = 0; i < OUTBREAK_CHANGES; i++)
		story->outbreak.told[i] = json_integer_value(json_array_get(json_object_get(object, "told"), i));
	read_hours(&story->tally, json_object_get(object, "bad-hours"));
}

void stories_import(struct daemon *daemon, const char *text, size_t size)
{
	json_t *document = json_loadb(text, size, 0, NULL), *links = json_object_get(document, "links"), *object;
	const char *link;

	daemon->stories->since = json_integer_value(json_object_get(document, "since"));
	daemon->stories->until = json_integer_value(json_object_get(document, "until"));
	json_object_foreach(links, link, object) {
		if (is_ours(daemon, link))
			read_story(stories_of(daemon, link), object);
	}
	json_decref(document);
}
