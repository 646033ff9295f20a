/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What outlives the daemon: numbers of links, policies and classes, the hash key, open outages, orders. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/health.h"
#include "core/ids.h"
#include "core/siphash.h"

struct outage {
	const char *link;
	const char *message_id; /* of the DOWN mail, or NULL */
	int64_t since;          /* seconds since 1970 */
};

/* What an operator ordered; a link without an order serves. */
struct order {
	const char *link;
	enum link_duty duty;
	int64_t until; /* draining: disabled from this second since 1970 on; 0: never */
};

struct state {
	struct arena *arena;
	struct hash_key key;
	struct id_record *links, *policies, *classes;
	size_t link_count, policy_count, class_count;
	struct outage *outages;
	size_t outage_count;
	struct order *orders;
	size_t order_count;
};

/*
 * Reads folder/state.json. A missing or broken file gives an empty state with a fresh random key
 * (broken: also set aside as state.json.broken). The caller frees it with arena_free(state.arena).
 * 0, or -errno where not even that could be had.
 */
int state_read(const char *folder, struct state *ret_state);

/*
 * Makes the state folder where it is missing. Where we are root others may pass through it: the mail
 * process, which is not, works in a folder of its own inside. 0 or -errno.
 */
int state_prepare(const char *folder);

/* Writes it beside, syncs, renames; mode 0600. The folder is made where it is missing. 0 or -errno. */
int state_write(const char *folder, const struct state *state);

/* A block of bytes that only its owner understands, in folder/name; written as state_write() does. */
int state_write_blob(const char *folder, const char *name, const void *bytes, size_t size);

/* The caller frees *ret_bytes. 0 or -errno; -EFBIG over limit. */
int state_read_blob(const char *folder, const char *name, size_t limit, void **ret_bytes, size_t *ret_size);
