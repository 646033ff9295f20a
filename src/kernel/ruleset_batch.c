/* SPDX-License-Identifier: GPL-2.0-or-later */
/* nf_tables messages that the kernel takes or refuses as one transaction. */

#include "kernel/ruleset_batch.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/common.h>

/* libnftnl writes without bounds; an attribute ends at 64 KiB, and no message has two that long. */
#define MESSAGE_ROOM (128 * 1024)

static const struct object whole = { .kind = OBJECT_BATCH };

void batch_fail(struct batch *batch, int error, const struct object *culprit)
{
	if (batch->error != 0)
		return;
	batch->error = error;
	batch->culprit = *culprit;
}

static void make_room(struct batch *batch)
{
	size_t room = batch->room;
	char *buffer;

	if (room - batch->used >= MESSAGE_ROOM)
		return;
	room = room * 2 + MESSAGE_ROOM;
	buffer = realloc(batch->buffer, room);
	if (buffer == NULL) {
		batch_fail(batch, -ENOMEM, &whole);
		return;
	}
	/* Padding between attributes is sent as well. */
	memset(buffer + batch->used, 0, room - batch->used);
	batch->buffer = buffer;
	batch->room = room;
}

static void remember(struct batch *batch, uint32_t sequence, const struct object *object)
{
	if (batch->count == batch->capacity) {
		size_t capacity = batch->capacity * 2 + 64;
		struct batch_entry *entries =
			realloc(batch->entries, capacity * sizeof(*entries));

		if (entries == NULL) {
			batch_fail(batch, -ENOMEM, &whole);
			return;
		}
		batch->entries = entries;
		batch->capacity = capacity;
	}
	batch->entries[batch->count].sequence = sequence;
	batch->entries[batch->count].object = *object;
	batch->count++;
}

/* Where the next message goes, entered under its sequence number. */
static char *next_place(struct batch *batch, const struct object *object, uint32_t *ret_sequence)
{
	make_room(batch);
	*ret_sequence = netlink_sequence(batch->netlink);
	remember(batch, *ret_sequence, object);
	return batch->error == 0 ? batch->buffer + batch->used : NULL;
}

static void put_mark(struct batch *batch, uint16_t type, uint32_t generation)
{
	struct nlmsghdr *header;
	struct nfgenmsg *body;
	uint32_t sequence;
	char *place = next_place(batch, &whole, &sequence);

	if (place == NULL)
		return;
	header = mnl_nlmsg_put_header(place);
	header->nlmsg_type = type;
	header->nlmsg_flags = NLM_F_REQUEST;
	header->nlmsg_seq = sequence;
	body = mnl_nlmsg_put_extra_header(header, sizeof(*body));
	body->nfgen_family = AF_UNSPEC;
	body->version = NFNETLINK_V0;
	body->res_id = htons(NFNL_SUBSYS_NFTABLES);
	if (generation != 0)
		mnl_attr_put_u32(header, NFNL_BATCH_GENID, htonl(generation));
	batch->used += MNL_ALIGN(header->nlmsg_len);
}

void batch_start(struct batch *batch, struct netlink *netlink, const char *table, uint32_t generation)
{
	*batch = (struct batch){ .netlink = netlink, .table = table };
	put_mark(batch, NFNL_MSG_BATCH_BEGIN, generation);
}

struct nlmsghdr *batch_message(struct batch *batch, uint16_t type, uint16_t flags, const struct object *object)
{
	uint32_t sequence;
	char *place;

	if (batch->error != 0)
		return NULL;
	place = next_place(batch, object, &sequence);
	if (place == NULL)
		return NULL;
	return nftnl_nlmsg_build_hdr(place, type, NFPROTO_INET, flags, sequence);
}

void batch_message_end(struct batch *batch, const struct nlmsghdr *header)
{
	batch->last = batch->used;
	batch->used += MNL_ALIGN(header->nlmsg_len);
}

void object_format(const struct object *object, const char *table, char *text, size_t size)
{
	switch (object->kind) {
	case OBJECT_BATCH:
		snprintf(text, size, "table %s as a whole", table);
		return;
	case OBJECT_TABLE:
		snprintf(text, size, "table %s", table);
		return;
	case OBJECT_CHAIN:
		snprintf(text, size, "chain %s", object->name);
		return;
	case OBJECT_COUNTER:
		snprintf(text, size, "counter %s", object->name);
		return;
	case OBJECT_SET:
		snprintf(text, size, "set %s", object->name);
		return;
	case OBJECT_RULE:
		snprintf(text, size, "rule `%s' in chain %s", object->name, object->chain);
		return;
	}
}

/* Without an answer for a certain message it is the transaction that failed. */
static struct object find_object(const struct batch *batch, uint32_t sequence)
{
	for (size_t i = 0; i < batch->count; i++) {
		if (batch->entries[i].sequence == sequence)
			return batch->entries[i].object;
	}
	return whole;
}

static void tell(const struct batch *batch, const struct object *object, int error, const char *reason,
	char *message, size_t size)
{
	char text[256];

	object_format(object, batch->table, text, sizeof(text));
	if (reason[0] != '\0')
		snprintf(message, size, "%s: %s (%s)", text, strerror(-error), reason);
	else
		snprintf(message, size, "%s: %s", text, strerror(-error));
}

/*
 * Only the last message asks for an acknowledgement: the kernel answers in order and tells errors
 * unasked, and a receive buffer full of acknowledgements could hide that the transaction is done.
 */
static int send_batch(struct batch *batch, char *message, size_t size)
{
	struct nlmsghdr *last = (struct nlmsghdr *)(void *)(batch->buffer + batch->last);
	struct object object;
	uint32_t failed = 0;
	int error;

	last->nlmsg_flags |= NLM_F_ACK;
	error = netlink_batch(batch->netlink, batch->buffer, batch->used, last->nlmsg_seq, &failed);
	if (error == 0)
		return 0;
	object = find_object(batch, failed);
	tell(batch, &object, error, netlink_reason(batch->netlink), message, size);
	return error;
}

int batch_commit(struct batch *batch, char *message, size_t size)
{
	put_mark(batch, NFNL_MSG_BATCH_END, 0);
	return batch_check(batch, message, size);
}

int batch_check(struct batch *batch, char *message, size_t size)
{
	if (batch->error != 0) {
		tell(batch, &batch->culprit, batch->error, "", message, size);
		return batch->error;
	}
	if (batch->last == 0)
		return 0;
	return send_batch(batch, message, size);
}

void batch_free(struct batch *batch)
{
	free(batch->buffer);
	free(batch->entries);
}
