/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What connections have taught of each destination by each link. Fixed size; read by those that decide without a lock.
 *
 * Source: passive measurement as in Akella et al., "On the Performance Benefits of Multihoming Route Control" (2008):
 * the last samples tell more than a long history, and only what is asked for often is worth asking again.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/flow.h"
#include "core/handshake.h"
#include "core/loads.h"
#include "core/siphash.h"

/*
 * A destination is a network of /24 (IPv4) or /48 (IPv6). It knows eight links at most, and is forgotten an hour after
 * its last handshake, or when others in its group of eight are more popular. Times are milliseconds of a clock that never
 * goes back.
 */
struct paths;
struct destination;

#define PATHS_LINKS   8
#define PATHS_POPULAR 3    /* handshakes in ten minutes, from which on a destination is worth exploring */
#define PATHS_FAILURES 3   /* in a row: the link is left */
#define PATHS_IDLE_S  3600

/* entries is a power of two, 8 at least. The caller frees it with paths_free(). NULL: no memory. */
struct paths *paths_new(size_t entries, const struct hash_key *key);

/* Accepts NULL. */
void paths_free(struct paths *paths);

/*
 * Learns from a handshake of TCP, or of UDP to port 443; others are passed over. Its time is not taken where the link is
 * congested, since that is our own queue's, unless nothing else is known. loads may be NULL. Any thread that may wait
 * for another that learns: not one that decides.
 */
void paths_sample(struct paths *paths, const struct handshake *handshake, const struct loads *loads);

/* The same for one that was made only to measure: nobody has asked for the destination. */
void paths_probed(struct paths *paths, const struct handshake *handshake, const struct loads *loads);

/* Forgets all of that link. As paths_sample(). */
void paths_forget_link(struct paths *paths, uint8_t link);

/* A destination by one link, as it is now. Figures are read one by one: they may be of two handshakes. */
struct path {
	uint32_t us;         /* of a handshake, smoothed; 0: not measured */
	uint32_t age_s;      /* of that */
	uint32_t excluded_s; /* for how long it is left alone yet; 0: it is not */
	uint8_t failures;    /* in a row */
	bool current;        /* the best, with hysteresis */
	bool doubtful;       /* was excluded, and has not been seen to work since */
	bool silent;         /* the last few connections by it have no answer, and should have */
	bool due;            /* its last sample is older than its interval */
	bool stale;          /* that, and enough connections went there since to spare one */
	bool asked;          /* a connection explores it right now */
};

/* The destination of that address, or NULL. Any thread. Good until the table is freed; may become another one's. */
struct destination *paths_find(const struct paths *paths, const struct address *to, uint64_t now_ms);

/* Whether connections go there often enough to explore. Any thread. */
bool destination_popular(const struct destination *destination, uint64_t now_ms);

/* Any thread. */
void destination_path(const struct destination *destination, uint8_t link, uint64_t now_ms, struct path *ret_path);

/* Whether handshakes of that flow are learnt from. */
bool paths_learns(uint8_t protocol, uint16_t to_port);

/* A connection goes there by that link. Any thread. */
void destination_sent(struct destination *destination, uint8_t link, uint64_t now_ms);

/* Counts a connection for the budget: of a hundred connections five may explore, and two in a second. Any thread. */
void paths_count(struct paths *paths);

/* Whether the budget allows to explore now. Any thread. */
bool paths_affordable(const struct paths *paths, uint64_t now_ms);

/*
 * Takes the right to explore that link: from the budget, and for the destination, so that no other connection does the same
 * until the answer is in. False: another was faster, or there is no room for one link more. Any thread.
 */
bool paths_explore(struct paths *paths, struct destination *destination, uint8_t link, uint64_t now_ms);

/* The second half of it, for what is not a connection: no other thread asks it until the answer is in. Any thread. */
bool destination_ask(struct destination *destination, uint8_t link, uint64_t now_ms);

/* Connections since the start that were counted, and those that explored. */
void paths_spent(const struct paths *paths, uint64_t *ret_connections, uint64_t *ret_explored);

/* A destination as it is told. */
struct destination_facts {
	struct network network;
	struct address host;     /* that answered TCP last, and its port; 0: none did */
	uint16_t port;
	double popularity;       /* connections in ten minutes, about */
	uint8_t current;         /* link that is best; 0: none */
	uint32_t current_for_s;
	struct {
		uint8_t link;
		struct path path;
	} links[PATHS_LINKS];
	size_t link_count;
};

/* Calls back for each destination that is not idle. */
void paths_each(const struct paths *paths, uint64_t now_ms,
	void (*callback)(const struct destination_facts *facts, void *data), void *data);

/* Destinations that are not idle. */
size_t paths_count_known(const struct paths *paths, uint64_t now_ms);

/* Handshakes that were learnt from, to see whether anything changed. */
uint64_t paths_learnt(const struct paths *paths);

/*
 * The table as bytes that paths_import() takes, also after a restart and with other numbers of links: names[id] is the name
 * of the link with that number, or NULL; wall_s is the time of day, in seconds, so that ages go on meanwhile. The caller
 * frees them. NULL: no memory. As paths_sample().
 */
void *paths_export(struct paths *paths, uint64_t now_ms, int64_t wall_s, const char *const names[MARK_LINK_MAX + 1],
	size_t *ret_size);

/* Adds what is in bytes, as old as it was; links that are not among names are left out. False: not ours. As paths_sample(). */
bool paths_import(struct paths *paths, const void *bytes, size_t size, uint64_t now_ms, int64_t wall_s,
	const char *const names[MARK_LINK_MAX + 1]);
