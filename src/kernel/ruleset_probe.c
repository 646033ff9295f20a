/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finds out what this kernel's nf_tables can do, by asking it for a rule of each kind and keeping none. */

#include "kernel/ruleset.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kernel/ruleset_message.h"

/* Exists for no longer than the kernel takes to look at it. */
#define SCRATCH_TABLE "uplinkd-probe"

/* Something that we cannot do without, and a statement that needs it. */
struct essential {
	const char *what;
	struct statement statement;
};

static const struct essential essentials[] = {
	{ "CONFIG_NFT_CT (module nft_ct)", { .kind = MATCH_CONNECTION_STATE } },
	{ "bit shifts in nf_tables (Linux 5.6)", { .kind = RESTORE_MARK, .mask = 0x00ffff00 } },
	{ "CONFIG_NFT_FIB_INET (module nft_fib_inet)", { .kind = MATCH_ROUTED } },
	{ "CONFIG_NFT_NUMGEN (module nft_numgen)",
		{ .kind = SPREAD, .spread = { .by = SPREAD_IN_TURN } } },
	{ "CONFIG_NFT_HASH (module nft_hash)",
		{ .kind = SPREAD, .family = IPV4, .spread = { .by = SPREAD_BY_SOURCE } } },
	{ "CONFIG_NFT_LIMIT (module nft_limit)", { .kind = OVER_LIMIT, .limit = { LIMIT_PACKETS, 1, 1000, 1 } } },
	{ "CONFIG_NFT_REJECT_INET (module nft_reject_inet)", { .kind = REJECT_PROHIBITED } },
	{ "CONFIG_NFT_MASQ (module nft_masq)", { .kind = MASQUERADE } },
	{ "CONFIG_NFT_NAT (module nft_nat)",
		{ .kind = SOURCE_NAT, .address = { .family = IPV4, .bytes = { 192, 0, 2, 1 } } } },
};

static const struct essential packet_queue = {
	"CONFIG_NFT_QUEUE (module nft_queue), or CONFIG_NFT_COMPAT with CONFIG_NETFILTER_XT_TARGET_NFQUEUE "
	"(modules nft_compat, xt_NFQUEUE)",
	{ .kind = QUEUE, .queues = 2 },
};

/* These may be missing. */
enum { SYNPROXIES, COPIES, CONNECTION_LIMITS, CLAMPS };

static const struct essential optional[] = {
	[SYNPROXIES] = { "CONFIG_NFT_SYNPROXY (module nft_synproxy)", { .kind = SYNPROXY, .synproxy = { .mss = 1460 } } },
	[COPIES] = { "CONFIG_NFT_LOG, CONFIG_NETFILTER_NETLINK_LOG (modules nft_log, nfnetlink_log)",
		{ .kind = LOG_COPY, .value = 64 } },
	[CONNECTION_LIMITS] = { "CONFIG_NFT_CONNLIMIT (module nft_connlimit)",
		{ .kind = OVER_LIMIT, .limit = { .kind = LIMIT_CONNECTIONS, .count = 1 } } },
	[CLAMPS] = { "nf_tables that write TCP options (Linux 4.14)", { .kind = CLAMP_MSS, .value = 1460 } },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int try_table(struct netlink *netlink, uint32_t flags, char *message, size_t size)
{
	struct batch batch;
	int error;

	batch_start(&batch, netlink, SCRATCH_TABLE, 0);
	message_table_add(&batch, flags);
	error = batch_check(&batch, message, size);
	batch_free(&batch);
	return error;
}

/* In a regular chain: a base chain that comes and goes would drop every packet that a queue holds. */
static const char *const chain_name = "probe";
static const char *const target_name = "target";

static void add_statement(struct batch *batch, const struct essential *essential, const struct ruleset_features *features)
{
	const char *target = target_name;
	uint32_t state = CONNECTION_NEW;
	unsigned int weight = 1;
	struct statement statement = essential->statement;
	struct ruleset_rule rule = { .comment = "probe", .statements = &statement, .count = 1 };

	statement.values = (struct values){ &state, 1 };
	statement.spread.chains = &target;
	statement.spread.weights = &weight;
	statement.spread.count = 1;
	message_rule_add(batch, features, chain_name, &rule);
}

/* All of them at once: a batch that is thrown away again takes the kernel many milliseconds, whatever is in it. */
static int try_statements(struct netlink *netlink, const struct essential *items, size_t count,
	const struct ruleset_features *features)
{
	struct chain chain = { .name = chain_name }, target = { .name = target_name };
	struct batch batch;
	char message[256];
	int error;

	batch_start(&batch, netlink, SCRATCH_TABLE, 0);
	message_table_add(&batch, 0);
	message_chain_add(&batch, &target);
	message_chain_add(&batch, &chain);
	for (size_t i = 0; i < count; i++)
		add_statement(&batch, &items[i], features);
	error = batch_check(&batch, message, sizeof(message));
	batch_free(&batch);
	return error;
}

/* Whether the answer means that the kernel does not know what was asked for. */
static bool is_missing(int error)
{
	return error == -ENOENT || error == -EOPNOTSUPP || error == -EINVAL || error == -EAFNOSUPPORT;
}

static void add_missing(char *message, size_t size, const char *what)
{
	size_t length = strlen(message);

	snprintf(message + length, size - length, "%s%s", length == 0 ? "the kernel lacks " : ", ", what);
}

static int explain(char *message, size_t size, int error)
{
	if (error == -EPERM)
		snprintf(message, size, "nf_tables: not permitted: CAP_NET_ADMIN is needed");
	else
		snprintf(message, size, "nf_tables: %s", strerror(-error));
	return error;
}

/* The native expression first: the target makes nft warn its users of iptables. */
static int probe_queue(struct netlink *netlink, struct ruleset_features *features)
{
	int error;

	features->native_queue = true;
	error = try_statements(netlink, &packet_queue, 1, features);
	if (!is_missing(error))
		return error;
	features->native_queue = false;
	return try_statements(netlink, &packet_queue, 1, features);
}

static void probe_optional(struct netlink *netlink, struct ruleset_features *features)
{
	bool all = try_statements(netlink, optional, COUNT(optional), features) == 0;

	features->synproxy = all || try_statements(netlink, &optional[SYNPROXIES], 1, features) == 0;
	features->copies = all || try_statements(netlink, &optional[COPIES], 1, features) == 0;
	features->clamp = all || try_statements(netlink, &optional[CLAMPS], 1, features) == 0;
	features->connection_limit = all || try_statements(netlink, &optional[CONNECTION_LIMITS], 1, features) == 0;
}

static int probe_table(struct netlink *netlink, char *message, size_t size)
{
	int error = try_table(netlink, 0, message, size);

	if (error < 0 && !is_missing(error))
		return explain(message, size, error);
	if (error < 0) {
		snprintf(message, size, "the kernel lacks CONFIG_NF_TABLES_INET (module nf_tables)");
		return -EOPNOTSUPP;
	}
	return 0;
}

/* One by one, to name what is missing. */
static int probe_essentials(struct netlink *netlink, const struct ruleset_features *features, char *message,
	size_t size)
{
	int result = 0;

	for (size_t i = 0; i < COUNT(essentials); i++) {
		int error = try_statements(netlink, &essentials[i], 1, features);

		if (error == 0)
			continue;
		if (!is_missing(error))
			return explain(message, size, error);
		add_missing(message, size, essentials[i].what);
		result = -EOPNOTSUPP;
	}
	return result;
}

int ruleset_probe(struct netlink *netlink, struct ruleset_features *ret_features, char *message, size_t size)
{
	struct ruleset_features features = { 0 };
	bool whole = try_statements(netlink, essentials, COUNT(essentials), &features) == 0;
	int error = whole ? 0 : probe_table(netlink, message, size), queue;

	if (error < 0)
		return error;
	features.owner = try_table(netlink, TABLE_OURS, message, size) == 0;
	message[0] = '\0';
	queue = probe_queue(netlink, &features);
	if (queue < 0 && !is_missing(queue))
		return explain(message, size, queue);
	probe_optional(netlink, &features);
	if (!whole)
		error = probe_essentials(netlink, &features, message, size);
	if (queue < 0 && (error == 0 || error == -EOPNOTSUPP)) {
		add_missing(message, size, packet_queue.what);
		error = -EOPNOTSUPP;
	}
	if (error == 0)
		*ret_features = features;
	return error;
}
