/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Named sets of a ruleset as messages. */

#include "kernel/ruleset_named.h"

#include <errno.h>

#include <linux/netfilter/nf_tables.h>

#include "kernel/ruleset_key.h"
#include "kernel/ruleset_set.h"

static const struct set_type chains_type = { 19, 4, SET_HOST_ORDER, NFT_SET_MAP };

/* The kernel has no times in a set whose elements count connections: they go with their last one. */
static int dynamic_head(const struct ruleset_set *set, struct set_head *head)
{
	head->type.number = key_type(set->family, &set->keys);
	head->type.size = key_size(set->family, &set->keys);
	if (set->keys.count == 1)
		head->type.byte_order = key_in_network_order(&set->keys) ? SET_NETWORK_ORDER : SET_HOST_ORDER;
	head->type.flags = NFT_SET_EVAL;
	if (!set->limits || set->timeout_ms != 0)
		head->type.flags |= NFT_SET_TIMEOUT;
	if (set->marks)
		head->type.flags |= NFT_SET_MAP;
	head->marks = set->marks;
	head->counts = set->counts;
	head->timeout_ms = set->timeout_ms;
	head->elements = set->size;
	return head->type.size == 0 || set->size == 0 ? -EINVAL : 0;
}

int named_set_head(const struct ruleset_set *set, struct set_head *ret_head)
{
	*ret_head = (struct set_head){ .name = set->name };
	switch (set->kind) {
	case SET_NETWORKS:
		ret_head->type = *type_of_networks(set->family);
		return 0;
	case SET_DEVICES:
		ret_head->type = *type_of_devices();
		return 0;
	case SET_PROTOCOLS:
		ret_head->type = *type_of_protocols();
		return 0;
	case SET_PORTS:
		ret_head->type = *type_of_ports();
		return 0;
	case SET_DYNAMIC:
		return dynamic_head(set, ret_head);
	case SET_CHAINS:
		ret_head->type = chains_type;
		return 0;
	}
	return -EINVAL;
}

void message_named_set_add(struct batch *batch, const struct ruleset_set *set)
{
	const struct object object = { .kind = OBJECT_SET, .name = set->name };
	struct set_head head;
	int error = named_set_head(set, &head);

	head.id = ++batch->set_id;
	if (error < 0)
		batch_fail(batch, error, &object);
	else
		message_set_add(batch, &object, &head);
}

static void fill_chains(struct filler *filler, const struct ruleset_set *set)
{
	for (size_t i = 0; i < set->chain_count; i++) {
		const struct mark_chain *pair = &set->chains[i];

		fill_element(filler, &(struct set_element){ .key = &pair->mark, .size = sizeof(pair->mark),
			.verdict = NFT_JUMP, .chain = pair->chain });
	}
}

void message_named_set_fill(struct batch *batch, const struct ruleset_set *set)
{
	const struct object object = { .kind = OBJECT_SET, .name = set->name };
	struct filler filler = {
		.batch = batch,
		.object = &object,
		.set = set->name,
		.message = NFT_MSG_NEWSETELEM,
	};

	switch (set->kind) {
	case SET_NETWORKS:
		if (!networks_are_of(&set->networks, set->family))
			batch_fail(batch, -EINVAL, &object);
		fill_networks(&filler, set->family, &set->networks);
		break;
	case SET_DEVICES:
		if (!fill_devices(&filler, &set->names))
			batch_fail(batch, -EINVAL, &object);
		break;
	case SET_PROTOCOLS:
		fill_values(&filler, VALUE_PROTOCOL, &set->values);
		break;
	case SET_PORTS:
		fill_ports(&filler, &set->ports);
		break;
	case SET_DYNAMIC:
		break;
	case SET_CHAINS:
		fill_chains(&filler, set);
		break;
	}
	fill_end(&filler);
}
