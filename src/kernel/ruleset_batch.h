/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nf_tables messages that the kernel takes or refuses as one transaction. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "kernel/netlink.h"

/* What a message is about, to tell by name which one the kernel refused. */
enum object_kind {
	OBJECT_BATCH,
	OBJECT_TABLE,
	OBJECT_CHAIN,
	OBJECT_COUNTER,
	OBJECT_SET,
	OBJECT_RULE, /* also the sets without a name that the rule needs */
};

/* The texts belong to the caller and outlive the batch. */
struct object {
	enum object_kind kind;
	const char *name;  /* a rule's comment */
	const char *chain; /* a rule only */
};

struct batch_entry {
	uint32_t sequence;
	struct object object;
};

struct batch {
	struct netlink *netlink;
	const char *table;
	char *buffer;
	size_t used, room, last; /* last: where the newest message starts */
	struct batch_entry *entries;
	size_t count, capacity;
	uint32_t set_id;       /* of the newest anonymous set */
	int error;             /* the first failure; every later call does nothing */
	struct object culprit; /* what it was about */
};

/*
 * Opens a transaction on one table. generation is that of the ruleset it was made for: the kernel
 * answers -ERESTART where it has another by now; 0 takes any. batch_free() in every case.
 */
void batch_start(struct batch *batch, struct netlink *netlink, const char *table, uint32_t generation);

/* Header of a new message with room for any payload of ours, or NULL once the batch has failed. */
struct nlmsghdr *batch_message(struct batch *batch, uint16_t type, uint16_t flags, const struct object *object);

/* The message is complete. */
void batch_message_end(struct batch *batch, const struct nlmsghdr *header);

/* Sends it. 0, or -errno, then message names the object that the kernel refused first. */
int batch_commit(struct batch *batch, char *message, size_t size);

/* The kernel checks everything and keeps nothing. Otherwise as batch_commit(). */
int batch_check(struct batch *batch, char *message, size_t size);

/* Nothing can be sent any more; the first failure of all counts. */
void batch_fail(struct batch *batch, int error, const struct object *culprit);

void batch_free(struct batch *batch);

/* "rule `masquerade fiber' in chain postrouting", at most size bytes; the object is about table. */
void object_format(const struct object *object, const char *table, char *text, size_t size);
