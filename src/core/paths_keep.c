/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of destinations as it is told, and as bytes that outlive a restart. */

#include <stdlib.h>
#include <string.h>

#include "core/paths_parts.h"

static const uint64_t EXPORT_MAGIC = 0x75706c696e6b7031; /* "uplinkp1" */

#define NAME_ROOM 64 /* CONFIG_NAME_MAX is less */

struct exported_head {
	uint64_t magic;
	int64_t wall_s;
	uint32_t names, destinations;
};

struct exported_name {
	uint8_t link;
	char name[NAME_ROOM - 1];
};

struct exported_destination {
	uint64_t prefix;
	uint64_t host;
	uint32_t popularity, idle_s, current_for_s;
	uint16_t host_high, port;
	uint8_t current, links;
	uint8_t unused[6];
};

struct exported_path {
	uint32_t us, settled_us, age_s, failed_for_s, excluded_s;
	uint8_t link, failures, exclusions, interval;
};

struct writer {
	uint8_t *bytes;
	size_t size;
};

static void write_bytes(struct writer *writer, const void *data, size_t size)
{
	memcpy(writer->bytes + writer->size, data, size);
	writer->size += size;
}

static uint32_t write_names(struct writer *writer, const char *const names[MARK_LINK_MAX + 1])
{
	uint32_t count = 0;

	for (unsigned int link = 1; link <= MARK_LINK_MAX; link++) {
		struct exported_name out = { .link = (uint8_t)link };

		if (names[link] == NULL || strlen(names[link]) >= sizeof(out.name))
			continue;
		memcpy(out.name, names[link], strlen(names[link]));
		write_bytes(writer, &out, sizeof(out));
		count++;
	}
	return count;
}

static void write_path(struct writer *writer, const struct path_slot *slot, uint8_t link, uint32_t now_s)
{
	uint32_t until_s = get(slot->excluded_until_s);
	struct exported_path out = {
		.us = get(slot->us),
		.settled_us = get(slot->settled_us),
		.age_s = seconds_since(get(slot->at_s), now_s),
		.failed_for_s = seconds_since(get(slot->failed_at_s), now_s),
		.excluded_s = until_s > now_s ? until_s - now_s : 0,
		.link = link,
		.failures = get(slot->failures),
		.exclusions = get(slot->exclusions),
		.interval = get(slot->interval),
	};

	write_bytes(writer, &out, sizeof(out));
}

static void write_destination(struct writer *writer, const struct destination *destination, uint32_t now_s)
{
	uint64_t links = get(destination->links);
	struct exported_destination out = {
		.prefix = get(destination->prefix),
		.popularity = popularity_left(destination, now_s),
		.idle_s = seconds_since(get(destination->popular_at_s), now_s),
		.current_for_s = seconds_since(get(destination->current_since_s), now_s),
		.host = get(destination->host),
		.host_high = get(destination->host_high),
		.port = get(destination->port),
		.current = get(destination->current),
	};

	for (size_t i = 0; i < PATHS_LINKS; i++)
		out.links += (uint8_t)(links >> 8 * i) != 0;
	write_bytes(writer, &out, sizeof(out));
	for (size_t i = 0; i < PATHS_LINKS; i++) {
		if ((uint8_t)(links >> 8 * i) != 0)
			write_path(writer, &destination->slots[i], (uint8_t)(links >> 8 * i), now_s);
	}
}

static void write_all(const struct paths *paths, struct writer *writer, uint32_t now_s, int64_t wall_s,
	const char *const names[MARK_LINK_MAX + 1])
{
	struct exported_head head = { .magic = EXPORT_MAGIC, .wall_s = wall_s };

	write_bytes(writer, &head, sizeof(head));
	head.names = write_names(writer, names);
	for (size_t i = 0; i < paths->groups * WAYS; i++) {
		if (get(paths->tags[i]) == NO_TAG || destination_idle(&paths->destinations[i], now_s))
			continue;
		write_destination(writer, &paths->destinations[i], now_s);
		head.destinations++;
	}
	memcpy(writer->bytes, &head, sizeof(head));
}

static size_t room_for(size_t destinations)
{
	return sizeof(struct exported_head) + MARK_LINK_MAX * sizeof(struct exported_name)
	       + destinations * (sizeof(struct exported_destination) + PATHS_LINKS * sizeof(struct exported_path));
}

void *paths_export(struct paths *paths, uint64_t now_ms, int64_t wall_s, const char *const names[MARK_LINK_MAX + 1],
	size_t *ret_size)
{
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	struct writer writer = { 0 };

	/* Who decides may take a slot meanwhile, but no destination comes or goes. */
	paths_lock(paths);
	writer.bytes = malloc(room_for(paths_count_known(paths, now_ms)));
	if (writer.bytes != NULL)
		write_all(paths, &writer, now_s, wall_s, names);
	paths_unlock(paths);
	*ret_size = writer.size;
	return writer.bytes;
}

struct reader {
	const uint8_t *bytes;
	size_t left;
	uint32_t now_s, past_s;              /* past_s: since it was written */
	uint8_t numbers[MARK_LINK_MAX + 1];  /* by the number in bytes; 0: the link is no more */
};

static bool read_bytes(struct reader *reader, void *data, size_t size)
{
	if (reader->left < size)
		return false;
	memcpy(data, reader->bytes, size);
	reader->bytes += size;
	reader->left -= size;
	return true;
}

static uint8_t number_named(const char *name, const char *const names[MARK_LINK_MAX + 1])
{
	for (unsigned int link = 1; link <= MARK_LINK_MAX; link++) {
		if (names[link] != NULL && strcmp(names[link], name) == 0)
			return (uint8_t)link;
	}
	return 0;
}

static bool read_names(struct reader *reader, uint32_t count, const char *const names[MARK_LINK_MAX + 1])
{
	for (uint32_t i = 0; i < count; i++) {
		struct exported_name in;

		if (!read_bytes(reader, &in, sizeof(in)))
			return false;
		in.name[sizeof(in.name) - 1] = '\0';
		if (in.link > 0 && in.link <= MARK_LINK_MAX)
			reader->numbers[in.link] = number_named(in.name, names);
	}
	return true;
}

static void take_path(const struct reader *reader, struct destination *destination, const struct exported_path *in)
{
	uint8_t link = in->link <= MARK_LINK_MAX ? reader->numbers[in->link] : 0;
	struct path_slot *slot = link == 0 ? NULL : slot_claim(destination, link);

	if (slot == NULL)
		return;
	put(slot->us, in->us);
	put(slot->settled_us, in->settled_us);
	put(slot->at_s, reader->now_s - in->age_s - reader->past_s);
	put(slot->failed_at_s, reader->now_s - in->failed_for_s - reader->past_s);
	put(slot->excluded_until_s, in->excluded_s > reader->past_s ? reader->now_s + in->excluded_s - reader->past_s : 0);
	put(slot->failures, in->failures);
	put(slot->exclusions, in->exclusions);
	put(slot->interval, in->interval < 8 ? in->interval : 8);
}

static bool read_destination(struct paths *paths, struct reader *reader)
{
	struct destination *destination = NULL;
	struct exported_destination in;
	struct exported_path path;

	if (!read_bytes(reader, &in, sizeof(in)) || in.links > PATHS_LINKS)
		return false;
	if ((in.prefix >> 56 == 1 || in.prefix >> 56 == 2) && in.idle_s <= PATHS_IDLE_S
	    && in.idle_s + reader->past_s <= PATHS_IDLE_S)
		destination = paths_place(paths, in.prefix, reader->now_s);
	for (uint8_t i = 0; i < in.links; i++) {
		if (!read_bytes(reader, &path, sizeof(path)))
			return false;
		if (destination != NULL)
			take_path(reader, destination, &path);
	}
	if (destination == NULL)
		return true;
	put(destination->popularity, in.popularity);
	put(destination->popular_at_s, reader->now_s - in.idle_s - reader->past_s);
	put(destination->host, in.host);
	put(destination->host_high, in.host_high);
	put(destination->port, in.port);
	put(destination->current, in.current <= MARK_LINK_MAX ? reader->numbers[in.current] : 0);
	put(destination->current_since_s, reader->now_s - in.current_for_s - reader->past_s);
	destination_settle(destination, reader->now_s);
	return true;
}

bool paths_import(struct paths *paths, const void *bytes, size_t size, uint64_t now_ms, int64_t wall_s,
	const char *const names[MARK_LINK_MAX + 1])
{
	struct reader reader = { .bytes = bytes, .left = size, .now_s = (uint32_t)(now_ms / 1000) };
	struct exported_head head;
	bool good;

	if (!read_bytes(&reader, &head, sizeof(head)) || head.magic != EXPORT_MAGIC)
		return false;
	if (wall_s > head.wall_s)
		reader.past_s = wall_s - head.wall_s > PATHS_IDLE_S ? PATHS_IDLE_S + 1 : (uint32_t)(wall_s - head.wall_s);
	paths_lock(paths);
	good = read_names(&reader, head.names, names);
	for (uint32_t i = 0; i < head.destinations && good; i++)
		good = read_destination(paths, &reader);
	paths_unlock(paths);
	return good;
}

static void fill_facts(const struct destination *destination, uint64_t now_ms, struct destination_facts *facts)
{
	uint32_t now_s = (uint32_t)(now_ms / 1000);
	uint64_t links = get(destination->links);

	*facts = (struct destination_facts){
		.network = prefix_network(get(destination->prefix)),
		.host = host_of(destination),
		.port = get(destination->port),
		.popularity = (double)popularity_left(destination, now_s) / POPULARITY_ONE,
		.current = get(destination->current),
		.current_for_s = seconds_since(get(destination->current_since_s), now_s),
	};
	for (size_t i = 0; i < PATHS_LINKS; i++) {
		uint8_t link = (uint8_t)(links >> 8 * i);

		if (link == 0)
			continue;
		facts->links[facts->link_count].link = link;
		destination_path(destination, link, now_ms, &facts->links[facts->link_count++].path);
	}
}

void paths_each(const struct paths *paths, uint64_t now_ms,
	void (*callback)(const struct destination_facts *facts, void *data), void *data)
{
	for (size_t i = 0; i < paths->groups * WAYS; i++) {
		struct destination_facts facts;

		if (get(paths->tags[i]) == NO_TAG || destination_idle(&paths->destinations[i], (uint32_t)(now_ms / 1000)))
			continue;
		fill_facts(&paths->destinations[i], now_ms, &facts);
		callback(&facts, data);
	}
}
