/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lab-server has seen: a list of connections and datagrams, told as JSON. */

#include "record.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct entry {
	double at;
	int protocol;
	struct endpoint peer, local;
};

struct count {
	char peer[ENDPOINT_TEXT_MAX];
	unsigned long number;
};

struct record {
	struct entry *entries;
	size_t count, room;
};

struct record *record_new(void)
{
	return calloc(1, sizeof(struct record));
}

void record_free(struct record *record)
{
	if (record == NULL)
		return;
	free(record->entries);
	free(record);
}

static int grow(struct record *record)
{
	size_t room = record->room > 0 ? 2 * record->room : 4096;
	struct entry *entries = realloc(record->entries, room * sizeof(*entries));

	if (entries == NULL)
		return -ENOMEM;
	record->entries = entries;
	record->room = room;
	return 0;
}

int record_add(struct record *record, int protocol, const struct endpoint *peer,
	const struct endpoint *local)
{
	struct timespec now;

	if (record->count == record->room && grow(record) < 0)
		return -ENOMEM;
	clock_gettime(CLOCK_MONOTONIC, &now);
	record->entries[record->count++] = (struct entry){
		.at = (double)now.tv_sec + (double)now.tv_nsec / 1e9,
		.protocol = protocol,
		.peer = *peer,
		.local = *local,
	};
	return 0;
}

void record_clear(struct record *record)
{
	record->count = 0;
}

static struct count *find(struct count *counts, size_t count, const char *peer)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(counts[i].peer, peer) == 0)
			return &counts[i];
	}
	return NULL;
}

/* Peers are few: a list is quick enough. Returns how many there are; counts has room for all
 * entries. */
static size_t count_peers(const struct record *record, int protocol, struct count *counts)
{
	size_t peers = 0;

	for (size_t i = 0; i < record->count; i++) {
		char peer[ENDPOINT_TEXT_MAX];
		struct count *known;

		if (record->entries[i].protocol != protocol)
			continue;
		endpoint_text(&record->entries[i].peer, peer, sizeof(peer));
		known = find(counts, peers, peer);
		if (known == NULL) {
			known = &counts[peers++];
			*known = (struct count){ 0 };
			memcpy(known->peer, peer, sizeof(peer));
		}
		known->number++;
	}
	return peers;
}

static void print_peers(const struct record *record, const char *name, int protocol,
	struct count *counts, FILE *out)
{
	size_t peers = count_peers(record, protocol, counts);

	fprintf(out, "\"%s\": {", name);
	for (size_t i = 0; i < peers; i++)
		fprintf(out, "%s\"%s\": %lu", i > 0 ? ", " : "", counts[i].peer, counts[i].number);
	fputs("}", out);
}

void record_print_counts(const struct record *record, FILE *out)
{
	struct count *counts = calloc(record->count + 1, sizeof(*counts));

	if (counts == NULL)
		return;
	fputs("{", out);
	print_peers(record, "tcp", IPPROTO_TCP, counts, out);
	fputs(", ", out);
	print_peers(record, "udp", IPPROTO_UDP, counts, out);
	fputs("}\n", out);
	free(counts);
}

void record_print_list(const struct record *record, FILE *out)
{
	fputs("[", out);
	for (size_t i = 0; i < record->count; i++) {
		const struct entry *entry = &record->entries[i];
		char peer[ENDPOINT_TEXT_MAX], local[ENDPOINT_TEXT_MAX];

		fprintf(out,
			"%s{\"at\": %.6f, \"protocol\": \"%s\", \"peer\": \"%s\", \"peer_port\": "
			"%u, "
			"\"local\": \"%s\", \"local_port\": %u}",
			i > 0 ? ",\n" : "", entry->at,
			entry->protocol == IPPROTO_TCP ? "tcp" : "udp",
			endpoint_text(&entry->peer, peer, sizeof(peer)),
			(unsigned int)endpoint_port(&entry->peer),
			endpoint_text(&entry->local, local, sizeof(local)),
			(unsigned int)endpoint_port(&entry->local));
	}
	fputs("]\n", out);
}
