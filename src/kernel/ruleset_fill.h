/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets and their elements as messages: a head, then as many messages as the elements take. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kernel/ruleset_batch.h"

/* How nft understands a set: its own numbers of data types and byte orders, which the kernel only keeps. */
struct set_type {
	uint32_t number;
	uint32_t size;       /* bytes of a key */
	uint32_t byte_order; /* SET_HOST_ORDER, SET_NETWORK_ORDER, or 0: several parts */
	uint32_t flags;      /* NFT_SET_*; a map has verdicts */
};
#define SET_HOST_ORDER    1
#define SET_NETWORK_ORDER 2

struct set_head {
	const char *name;    /* with "%d" in it the kernel chooses a number */
	uint32_t id;         /* in its batch; 0: named, known by that */
	struct set_type type;
	uint32_t timeout_ms; /* 0: elements that are given none stay */
	uint32_t elements;   /* at most; 0: as many as there come */
	bool marks;          /* a map to marks, not to verdicts */
	bool counts;         /* each element has a counter */
};

void message_set_add(struct batch *batch, const struct object *object, const struct set_head *head);
void message_set_delete(struct batch *batch, const char *name);

/* All elements. */
void message_set_flush(struct batch *batch, const char *name);

struct set_element {
	const void *key;
	uint32_t size;
	bool interval_end;   /* the first value that is no more in the interval before it */
	uint64_t timeout_ms; /* 0: the set's */
	int verdict;         /* of a map: NFT_JUMP or NFT_GOTO, to chain */
	const char *chain;   /* NULL: the set is no map */
};

/* Elements that are on their way into a set, or out of it; they end with fill_end(). */
struct filler {
	struct batch *batch;
	const struct object *object;
	const char *set;
	uint32_t set_id;
	uint16_t message; /* NFT_MSG_NEWSETELEM or NFT_MSG_DELSETELEM */
	struct nlmsghdr *header; /* of the message that is open, or NULL */
	struct nlattr *list;
};

void fill_element(struct filler *filler, const struct set_element *element);
void fill_end(struct filler *filler);
