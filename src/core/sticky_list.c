/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What sticky remembers, entry by entry: listed, forgotten, taken over a restart. */

#include <stdlib.h>
#include <string.h>

#include "core/key.h"
#include "core/sticky_table.h"

/* An entry as it is exported. */
struct exported {
	uint64_t words[STICKY_WORDS];
	uint64_t owner;
	uint32_t left_s;
	uint32_t link;
};

/* "uplinks1" had hashes alone, of another order: nothing of it finds its place any more. */
static const uint64_t EXPORT_MAGIC = 0x75706c696e6b7332; /* "uplinks2" */

/* The key that the words say; false where they cannot be of one. */
static bool read_key(const struct hash_key *key, const uint64_t *words, uint64_t owner, struct sticky_key *ret_key)
{
	enum family family = (enum family)(words[5] & 0xff);
	enum flow_key by = (enum flow_key)(words[5] >> 8 & 0xff);
	struct flow flow = { .family = family, .protocol = (uint8_t)(words[5] >> 16), .to_port = (uint16_t)(words[5] >> 32) };

	if (family > IPV6 || by == KEY_NONE || by > KEY_SOURCE_DESTINATION_PORT)
		return false;
	flow.from.family = flow.to.family = family;
	memcpy(flow.from.bytes, words, 16);
	memcpy(flow.to.bytes, words + 2, 16);
	*ret_key = (struct sticky_key){ .hash = flow_key_hash(key, by, &flow, words[4]), .scope = words[4], .by = by,
		.from = flow.from, .to = flow.to, .to_port = flow.to_port, .protocol = flow.protocol,
		.owner = (uint32_t)(owner >> 32), .site = (uint32_t)owner };
	return true;
}

/* False for an entry that has ended, and for one whose key is being written. */
static bool read_entry(const struct sticky *sticky, const struct hash_key *key, size_t at, uint64_t head, uint32_t now_s,
	struct sticky_entry *ret_entry)
{
	uint64_t words[STICKY_WORDS];

	ret_entry->left_s = sticky_left(head, now_s);
	ret_entry->link = sticky_link(head);
	if (ret_entry->left_s == 0)
		return false;
	for (size_t i = 0; i < STICKY_WORDS; i++)
		words[i] = sticky_load(&sticky->keys[at].items[i]);
	return read_key(key, words, sticky_load(&sticky->owners[at]), &ret_entry->key)
	       && sticky_tag(ret_entry->key.hash) == sticky_tag(head);
}

void sticky_each(const struct sticky *sticky, const struct hash_key *key, uint32_t now_s,
	bool (*callback)(const struct sticky_entry *entry, void *data), void *data)
{
	struct sticky_entry entry;

	for (size_t i = 0; i < sticky->groups * STICKY_WAYS; i++) {
		if (read_entry(sticky, key, i, sticky_load(&sticky->heads[i]), now_s, &entry) && !callback(&entry, data))
			return;
	}
}

bool sticky_concerns(const struct sticky_key *key, const struct network *network)
{
	return network_contains(network, key->by == KEY_DESTINATION ? &key->to : &key->from);
}

size_t sticky_forget_where(struct sticky *sticky, const struct hash_key *key, uint32_t now_s,
	bool (*where)(const struct sticky_entry *entry, void *data), void *data)
{
	struct sticky_entry entry;
	size_t count = 0;

	for (size_t i = 0; i < sticky->groups * STICKY_WAYS; i++) {
		uint64_t head = sticky_load(&sticky->heads[i]);

		if (!read_entry(sticky, key, i, head, now_s, &entry))
			continue;
		if (where(&entry, data))
			count += atomic_compare_exchange_strong_explicit(&sticky->heads[i], &head, 0, memory_order_relaxed,
				memory_order_relaxed);
	}
	return count;
}

static bool concerns(const struct sticky_entry *entry, void *data)
{
	return sticky_concerns(&entry->key, data);
}

size_t sticky_forget(struct sticky *sticky, const struct hash_key *key, const struct network *network, uint32_t now_s)
{
	struct network copy = *network;

	return sticky_forget_where(sticky, key, now_s, concerns, &copy);
}

/* Where bytes are written one record behind the other. */
struct sink {
	uint8_t *bytes;
	size_t count, most;
};

static bool add_exported(const struct sticky_entry *entry, void *data)
{
	const struct sticky_key *key = &entry->key;
	struct sink *sink = data;
	struct exported out = { .owner = (uint64_t)key->owner << 32 | key->site, .left_s = entry->left_s, .link = entry->link };

	sticky_pack(key, out.words);
	memcpy(sink->bytes + sizeof(EXPORT_MAGIC) + sink->count * sizeof(out), &out, sizeof(out));
	return ++sink->count < sink->most;
}

void *sticky_export(const struct sticky *sticky, const struct hash_key *key, uint32_t now_s, size_t *ret_size)
{
	struct sink sink = { .most = sticky_count(sticky, now_s) };

	if (sink.most > STICKY_EXPORT_MAX)
		sink.most = STICKY_EXPORT_MAX;
	sink.bytes = malloc(sizeof(EXPORT_MAGIC) + sink.most * sizeof(struct exported));
	if (sink.bytes == NULL)
		return NULL;
	memcpy(sink.bytes, &EXPORT_MAGIC, sizeof(EXPORT_MAGIC));
	if (sink.most > 0)
		sticky_each(sticky, key, now_s, add_exported, &sink);
	*ret_size = sizeof(EXPORT_MAGIC) + sink.count * sizeof(struct exported);
	return sink.bytes;
}

bool sticky_import(struct sticky *sticky, const struct hash_key *key, const void *bytes, size_t size, uint32_t now_s)
{
	size_t entries;

	if (size < sizeof(EXPORT_MAGIC) || memcmp(bytes, &EXPORT_MAGIC, sizeof(EXPORT_MAGIC)) != 0)
		return false;
	entries = (size - sizeof(EXPORT_MAGIC)) / sizeof(struct exported);
	for (size_t i = 0; i < entries; i++) {
		struct sticky_key made;
		struct exported in;

		memcpy(&in, (const uint8_t *)bytes + sizeof(EXPORT_MAGIC) + i * sizeof(in), sizeof(in));
		if (in.link > 0 && in.link <= 0x3f && in.left_s > 0 && read_key(key, in.words, in.owner, &made))
			sticky_put(sticky, &made, (uint8_t)in.link, 0, now_s, in.left_s);
	}
	return true;
}
