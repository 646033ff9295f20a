/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the kernel has under the name of our table. */

#include "kernel/ruleset_state.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/object.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>

#include "kernel/ruleset.h"
#include "kernel/ruleset_message.h"
#include "kernel/ruleset_named.h"

#define REQUEST_MAX 512

static int ask(struct netlink *netlink, char *request, mnl_cb_t callback, void *data)
{
	return netlink_ask(netlink, (struct nlmsghdr *)(void *)request, callback, data);
}

static struct nlmsghdr *start_request(char request[static REQUEST_MAX], uint16_t type, uint16_t flags)
{
	memset(request, 0, REQUEST_MAX);
	return nftnl_nlmsg_build_hdr(request, type, NFPROTO_INET, flags, 0);
}

static int take_generation(const struct nlattr *attribute, void *data)
{
	uint32_t *generation = data;

	if (mnl_attr_get_type(attribute) == NFTA_GEN_ID && mnl_attr_validate(attribute, MNL_TYPE_U32) == 0)
		*generation = ntohl(mnl_attr_get_u32(attribute));
	return MNL_CB_OK;
}

static int generation_arrived(const struct nlmsghdr *header, void *data)
{
	return mnl_attr_parse(header, sizeof(struct nfgenmsg), take_generation, data);
}

int ruleset_generation(struct netlink *netlink, uint32_t *ret_generation)
{
	char request[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

	start_request(request, NFT_MSG_GETGEN, 0);
	return ask(netlink, request, generation_arrived, ret_generation);
}

static int table_arrived(const struct nlmsghdr *header, void *data)
{
	struct table_state *state = data;
	struct nftnl_table *table = nftnl_table_alloc();

	if (table == NULL)
		return MNL_CB_ERROR;
	if (nftnl_table_nlmsg_parse(header, table) == 0) {
		state->exists = true;
		state->flags = nftnl_table_get_u32(table, NFTNL_TABLE_FLAGS);
	}
	nftnl_table_free(table);
	return MNL_CB_OK;
}

static int read_table(struct netlink *netlink, struct table_state *state)
{
	char request[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = start_request(request, NFT_MSG_GETTABLE, 0);
	int error;

	mnl_attr_put_strz(header, NFTA_TABLE_NAME, state->name);
	error = ask(netlink, request, table_arrived, state);
	return error == -ENOENT ? 0 : error;
}

/* Room for one more of size bytes in a list whose length is a power of two or less. */
static void *grow(void *list, size_t count, size_t size)
{
	if (count != 0 && (count & (count - 1)) != 0)
		return list;
	return reallocarray(list, count == 0 ? 1 : count * 2, size);
}

static int add_chain(struct table_state *state, const struct nftnl_chain *chain)
{
	struct chain_state *list = grow(state->chains, state->chain_count, sizeof(*list));
	struct chain_state *entry;

	if (list == NULL)
		return MNL_CB_ERROR;
	state->chains = list;
	entry = &list[state->chain_count++];
	*entry = (struct chain_state){ 0 };
	snprintf(entry->name, sizeof(entry->name), "%s", nftnl_chain_get_str(chain, NFTNL_CHAIN_NAME));
	entry->uses = nftnl_chain_get_u32(chain, NFTNL_CHAIN_USE);
	if (!nftnl_chain_is_set(chain, NFTNL_CHAIN_HOOKNUM) || !nftnl_chain_is_set(chain, NFTNL_CHAIN_TYPE))
		return MNL_CB_OK;
	snprintf(entry->type, sizeof(entry->type), "%s", nftnl_chain_get_str(chain, NFTNL_CHAIN_TYPE));
	entry->hook = nftnl_chain_get_u32(chain, NFTNL_CHAIN_HOOKNUM);
	entry->priority = nftnl_chain_get_s32(chain, NFTNL_CHAIN_PRIO);
	return MNL_CB_OK;
}

static bool is_named(const char *name, const char *wanted)
{
	return name != NULL && strcmp(name, wanted) == 0;
}

static int chain_arrived(const struct nlmsghdr *header, void *data)
{
	struct table_state *state = data;
	struct nftnl_chain *chain = nftnl_chain_alloc();
	int result = MNL_CB_OK;

	if (chain == NULL)
		return MNL_CB_ERROR;
	if (nftnl_chain_nlmsg_parse(header, chain) == 0 && nftnl_chain_is_set(chain, NFTNL_CHAIN_NAME) &&
		is_named(nftnl_chain_get_str(chain, NFTNL_CHAIN_TABLE), state->name))
		result = add_chain(state, chain);
	nftnl_chain_free(chain);
	return result;
}

static int read_chains(struct netlink *netlink, struct table_state *state)
{
	char request[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = start_request(request, NFT_MSG_GETCHAIN, NLM_F_DUMP);

	mnl_attr_put_strz(header, NFTA_CHAIN_TABLE, state->name);
	return ask(netlink, request, chain_arrived, state);
}

static int add_counter(struct table_state *state, const char *name)
{
	char(*list)[NFT_NAME_MAXLEN] = grow(state->counters, state->counter_count, sizeof(*list));

	if (list == NULL)
		return MNL_CB_ERROR;
	state->counters = list;
	snprintf(list[state->counter_count++], sizeof(*list), "%s", name);
	return MNL_CB_OK;
}

static int counter_arrived(const struct nlmsghdr *header, void *data)
{
	struct table_state *state = data;
	struct nftnl_obj *object = nftnl_obj_alloc();
	int result = MNL_CB_OK;

	if (object == NULL)
		return MNL_CB_ERROR;
	if (nftnl_obj_nlmsg_parse(header, object) == 0 && nftnl_obj_is_set(object, NFTNL_OBJ_NAME) &&
		nftnl_obj_get_u32(object, NFTNL_OBJ_TYPE) == NFT_OBJECT_COUNTER &&
		is_named(nftnl_obj_get_str(object, NFTNL_OBJ_TABLE), state->name))
		result = add_counter(state, nftnl_obj_get_str(object, NFTNL_OBJ_NAME));
	nftnl_obj_free(object);
	return result;
}

static int read_counters(struct netlink *netlink, struct table_state *state)
{
	char request[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = start_request(request, NFT_MSG_GETOBJ, NLM_F_DUMP);

	mnl_attr_put_strz(header, NFTA_OBJ_TABLE, state->name);
	mnl_attr_put_u32(header, NFTA_OBJ_TYPE, htonl(NFT_OBJECT_COUNTER));
	return ask(netlink, request, counter_arrived, state);
}

static int add_set(struct table_state *state, const struct nftnl_set *set)
{
	struct set_state *list = grow(state->sets, state->set_count, sizeof(*list));
	struct set_state *entry;

	if (list == NULL)
		return MNL_CB_ERROR;
	state->sets = list;
	entry = &list[state->set_count++];
	*entry = (struct set_state){
		.flags = nftnl_set_get_u32(set, NFTNL_SET_FLAGS),
		.key_type = nftnl_set_get_u32(set, NFTNL_SET_KEY_TYPE),
		.key_size = nftnl_set_get_u32(set, NFTNL_SET_KEY_LEN),
		.elements = nftnl_set_get_u32(set, NFTNL_SET_DESC_SIZE),
		.timeout_ms = nftnl_set_get_u64(set, NFTNL_SET_TIMEOUT),
	};
	snprintf(entry->name, sizeof(entry->name), "%s", nftnl_set_get_str(set, NFTNL_SET_NAME));
	return MNL_CB_OK;
}

static int set_arrived(const struct nlmsghdr *header, void *data)
{
	struct table_state *state = data;
	struct nftnl_set *set = nftnl_set_alloc();
	int result = MNL_CB_OK;

	if (set == NULL)
		return MNL_CB_ERROR;
	if (nftnl_set_nlmsg_parse(header, set) == 0 && nftnl_set_is_set(set, NFTNL_SET_NAME) &&
		(nftnl_set_get_u32(set, NFTNL_SET_FLAGS) & NFT_SET_ANONYMOUS) == 0 &&
		is_named(nftnl_set_get_str(set, NFTNL_SET_TABLE), state->name))
		result = add_set(state, set);
	nftnl_set_free(set);
	return result;
}

static int read_sets(struct netlink *netlink, struct table_state *state)
{
	char request[REQUEST_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *header = start_request(request, NFT_MSG_GETSET, NLM_F_DUMP);

	mnl_attr_put_strz(header, NFTA_SET_TABLE, state->name);
	return ask(netlink, request, set_arrived, state);
}

static int compare_names(const void *left, const void *right)
{
	const struct chain_state *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int compare_set_names(const void *left, const void *right)
{
	const struct set_state *a = left, *b = right;

	return strcmp(a->name, b->name);
}

int table_read(struct netlink *netlink, const char *name, struct table_state *ret_state)
{
	int error;

	*ret_state = (struct table_state){ .name = name };
	if (strlen(name) >= NFT_NAME_MAXLEN)
		return -ENAMETOOLONG;
	error = ruleset_generation(netlink, &ret_state->generation);
	if (error == 0)
		error = read_table(netlink, ret_state);
	if (error < 0 || !ret_state->exists)
		return error;
	error = read_chains(netlink, ret_state);
	if (error == 0)
		error = read_counters(netlink, ret_state);
	if (error == 0)
		error = read_sets(netlink, ret_state);
	if (ret_state->chain_count > 1)
		qsort(ret_state->chains, ret_state->chain_count, sizeof(*ret_state->chains), compare_names);
	if (ret_state->set_count > 1)
		qsort(ret_state->sets, ret_state->set_count, sizeof(*ret_state->sets), compare_set_names);
	return error;
}

static struct chain_state *find_chain(const struct table_state *state, const char *name)
{
	size_t low = 0, high = state->chain_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, state->chains[middle].name);

		if (order == 0)
			return &state->chains[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

int table_still_current(struct netlink *netlink, const struct table_state *state)
{
	uint32_t generation = 0;
	int error = ruleset_generation(netlink, &generation);

	if (error < 0)
		return error;
	return generation == state->generation ? 0 : -EINTR;
}

void table_free(struct table_state *state)
{
	free(state->chains);
	free(state->counters);
	free(state->sets);
}

const struct chain_state *table_chain(const struct table_state *state, const char *name)
{
	return find_chain(state, name);
}

static struct set_state *find_set(const struct table_state *state, const char *name)
{
	size_t low = 0, high = state->set_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = strcmp(name, state->sets[middle].name);

		if (order == 0)
			return &state->sets[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

void table_compare(struct table_state *state, const struct ruleset *ruleset)
{
	for (size_t i = 0; i < ruleset->set_count; i++) {
		struct set_state *present = find_set(state, ruleset->sets[i].name);

		if (present != NULL)
			present->wanted = &ruleset->sets[i];
	}
	for (size_t i = 0; i < ruleset->chain_count; i++) {
		struct chain_state *present = find_chain(state, ruleset->chains[i].name);

		if (present != NULL)
			present->wanted = &ruleset->chains[i];
	}
}

bool chain_fits(const struct chain_state *chain)
{
	const struct chain *wanted = chain->wanted;

	if (wanted == NULL || strcmp(chain->type, chain_type_name(wanted->kind)) != 0)
		return false;
	if (wanted->kind == CHAIN_REGULAR)
		return true;
	return chain->hook == chain_hook_number(wanted->hook) && chain->priority == wanted->priority;
}

const struct set_state *table_set(const struct table_state *state, const char *name)
{
	return find_set(state, name);
}

bool set_fits(const struct set_state *state)
{
	struct set_head head;

	return state->wanted != NULL && named_set_head(state->wanted, &head) == 0 && state->flags == head.type.flags &&
	       state->key_type == head.type.number && state->key_size == head.type.size &&
	       state->elements == head.elements && state->timeout_ms == head.timeout_ms;
}
