/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks whether our table is still there, and reads its counters. */

#include "kernel/ruleset.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>

#include "kernel/ruleset_intact.h"
#include "kernel/ruleset_state.h"
#include "kernel/ruleset_uses.h"

#define TRIES 5

/* A base chain that an earlier ruleset left behind is empty and does no harm. */
static bool is_remnant(const struct chain_state *chain)
{
	return chain->type[0] != '\0' && chain->uses == 0;
}

static bool is_same(const struct table_state *state, const struct ruleset *ruleset, const uint32_t *uses)
{
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		const struct chain_state *present = table_chain(state, ruleset->chains[i].name);

		if (present == NULL || !chain_fits(present) || present->uses != uses[i])
			return false;
	}
	for (size_t i = 0; i < ruleset->set_count; i++) {
		const struct set_state *present = table_set(state, ruleset->sets[i].name);

		if (present == NULL || !set_fits(present))
			return false;
	}
	for (size_t i = 0; i < state->chain_count; i++) {
		if (state->chains[i].wanted == NULL && !is_remnant(&state->chains[i]))
			return false;
	}
	return true;
}

static int look(struct netlink *netlink, const struct ruleset *ruleset, const uint32_t *uses)
{
	struct table_state state;
	int error = table_read(netlink, ruleset->table, &state), result = 0;

	if (error == 0 && state.exists) {
		table_compare(&state, ruleset);
		result = is_same(&state, ruleset, uses) ? 1 : 0;
	}
	if (error == 0)
		error = table_still_current(netlink, &state);
	table_free(&state);
	return error < 0 ? error : result;
}

int intact_with_uses(struct netlink *netlink, const struct ruleset *ruleset, const uint32_t *uses)
{
	int result = -EINTR;

	for (int i = 0; i < TRIES && result == -EINTR; i++)
		result = look(netlink, ruleset, uses);
	return result;
}

int ruleset_intact(struct netlink *netlink, const struct ruleset *ruleset)
{
	struct arena *arena = arena_new();
	const uint32_t *uses = arena == NULL ? NULL : uses_of_chains(arena, ruleset);
	int result = uses == NULL ? -ENOMEM : intact_with_uses(netlink, ruleset, uses);

	arena_free(arena);
	return result;
}

struct counting {
	void (*callback)(const char *counter, uint64_t packets, void *data);
	void *data;
};

static int counter_arrived(const struct nlmsghdr *header, void *data)
{
	const struct counting *counting = data;
	struct nftnl_obj *counter = nftnl_obj_alloc();

	if (counter == NULL)
		return MNL_CB_ERROR;
	if (nftnl_obj_nlmsg_parse(header, counter) == 0 && nftnl_obj_is_set(counter, NFTNL_OBJ_NAME) &&
		nftnl_obj_get_u32(counter, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER)
		counting->callback(nftnl_obj_get_str(counter, NFTNL_OBJ_NAME),
			nftnl_obj_get_u64(counter, NFTNL_OBJ_CTR_PKTS), counting->data);
	nftnl_obj_free(counter);
	return MNL_CB_OK;
}

/* counter NULL: all of them. */
static int ask_counters(struct netlink *netlink, const char *table, const char *counter, struct counting *counting)
{
	char request[512] __attribute__((aligned(NLMSG_ALIGNTO))) = { 0 };
	struct nlmsghdr *header;

	if (strlen(table) >= NFT_NAME_MAXLEN / 2 || (counter != NULL && strlen(counter) >= NFT_NAME_MAXLEN / 2))
		return -ENAMETOOLONG;
	header = nftnl_nlmsg_build_hdr(request, NFT_MSG_GETOBJ, NFPROTO_INET, counter == NULL ? NLM_F_DUMP : 0, 0);
	mnl_attr_put_strz(header, NFTA_OBJ_TABLE, table);
	if (counter != NULL)
		mnl_attr_put_strz(header, NFTA_OBJ_NAME, counter);
	mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	return netlink_ask(netlink, header, counter_arrived, counting);
}

static void take_packets(const char *counter, uint64_t packets, void *data)
{
	(void)counter;
	*(uint64_t *)data = packets;
}

int ruleset_counter(struct netlink *netlink, const char *table, const char *counter, uint64_t *ret_packets)
{
	return ask_counters(netlink, table, counter, &(struct counting){ take_packets, ret_packets });
}

int ruleset_counters(struct netlink *netlink, const char *table,
	void (*callback)(const char *counter, uint64_t packets, void *data), void *data)
{
	return ask_counters(netlink, table, NULL, &(struct counting){ callback, data });
}
