/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One look at all connections on links that are not the best any more: which of them go. */

#include "daemon/recovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/key.h"
#include "kernel/conntrack.h"

/* So many go at once: some megabytes of requests. */
#define BATCH 32768

static const struct recovery_rule *rule_of(const struct recovery_sweep *sweep, uint32_t mark)
{
	unsigned int policy = mark_policy(sweep->layout, mark);

	return policy < sweep->rule_count ? &sweep->rules[policy] : NULL;
}

static bool is_inside(const struct recovery_sweep *sweep, const struct address *address)
{
	for (size_t i = 0; i < sweep->inside.count; i++) {
		if (network_contains(&sweep->inside.items[i], address))
			return true;
	}
	return false;
}

/*
 * Whether it was led to its link by its policy. What came in by the link has the same mark, but belongs there. It goes to
 * the inside or to this machine; what goes out comes from there, or gets another source. What is in doubt is left alone.
 */
static bool goes_out(const struct recovery_sweep *sweep, const struct connection *connection)
{
	const struct flow *flow = &connection->flow;

	if (is_inside(sweep, &flow->to))
		return false;
	return is_inside(sweep, &flow->from) || !address_equal(&flow->from, &connection->outside.from);
}

static uint64_t hash_of(const struct recovery_sweep *sweep, const struct connection *connection)
{
	const struct flow *flow = &connection->flow;
	uint8_t bytes[16 + 16 + 2 + 2 + 1 + 4];

	memcpy(bytes, flow->from.bytes, 16);
	memcpy(bytes + 16, flow->to.bytes, 16);
	memcpy(bytes + 32, &flow->from_port, 2);
	memcpy(bytes + 34, &flow->to_port, 2);
	memcpy(bytes + 36, &flow->protocol, 1);
	memcpy(bytes + 37, &connection->id, 4);
	return siphash(&sweep->key, bytes, sizeof(bytes));
}

static uint64_t key_of(const struct recovery_sweep *sweep, const struct recovery_rule *rule, const struct flow *flow)
{
	return sticky_key_of(&sweep->key, rule->by, flow, rule->scope).hash;
}

/* Never chosen: only what is idle is found out, and which keys are not. */
static bool look_at(const struct connection *connection, void *data)
{
	struct recovery_sweep *sweep = data;
	const struct recovery_rule *rule = rule_of(sweep, connection->mark);
	uint32_t now_s = (uint32_t)(sweep->now_ms / 1000);

	if (rule == NULL || (rule->idle[connection->flow.family] == 0 && rule->by == KEY_NONE) || !goes_out(sweep, connection))
		return false;
	if (!idle_see(sweep->idle, hash_of(sweep, connection), now_s + connection->expires_in_s) && rule->by != KEY_NONE)
		idle_mark_busy(sweep->idle, key_of(sweep, rule, &connection->flow));
	return false;
}

static bool goes_idle(const struct recovery_sweep *sweep, const struct recovery_rule *rule, const struct connection *connection)
{
	if (sweep->idle == NULL || !idle_is(sweep->idle, hash_of(sweep, connection)))
		return false;
	return rule->by == KEY_NONE || !idle_is_busy(sweep->idle, key_of(sweep, rule, &connection->flow));
}

/* What is over is only remembered; it goes too, lest it keeps its ports by the old link, but nobody misses it. */
static bool lives(const struct connection *connection)
{
	return strcmp(connection->state, "time-wait") != 0 && strcmp(connection->state, "closed") != 0;
}

static bool choose(const struct connection *connection, void *data)
{
	struct recovery_sweep *sweep = data;
	const struct recovery_rule *rule = rule_of(sweep, connection->mark);
	uint64_t link = 1ull << mark_link(sweep->layout, connection->mark);
	enum family family = connection->flow.family;

	if (rule == NULL || ((rule->cut[family] | rule->idle[family]) & link) == 0 || !goes_out(sweep, connection))
		return false;
	sweep->seen[family] |= link;
	if ((rule->cut[family] & link) != 0) {
		sweep->cut += lives(connection);
		return true;
	}
	if (!goes_idle(sweep, rule, connection))
		return false;
	sweep->moved += lives(connection);
	return true;
}

int recovery_compare_keys(const void *left, const void *right)
{
	const struct recovery_rule *a = left, *b = right;

	if (a->scope != b->scope)
		return a->scope < b->scope ? -1 : 1;
	return (int)a->by - (int)b->by;
}

/* What is remembered of a key that goes, or has no connection there any more: it would lead new ones back. */
static bool is_outlived(const struct sticky_entry *entry, void *data)
{
	struct recovery_sweep *sweep = data;
	struct recovery_rule wanted = { .scope = entry->key.scope, .by = entry->key.by };
	enum family family = entry->key.from.family;
	const struct recovery_rule *rule;

	if ((sweep->links >> entry->link & 1) == 0)
		return false;
	rule = bsearch(&wanted, sweep->keys, sweep->key_count, sizeof(wanted), recovery_compare_keys);
	if (rule == NULL || ((rule->cut[family] | rule->idle[family]) >> entry->link & 1) == 0)
		return false;
	if ((rule->cut[family] >> entry->link & 1) != 0)
		return true;
	return sweep->idle != NULL && entry->left_s + IDLE_S <= rule->for_s && !idle_is_busy(sweep->idle, entry->key.hash);
}

/* True unless it failed. */
static bool each_link(struct recovery_sweep *sweep, size_t most,
	bool (*callback)(const struct connection *connection, void *data))
{
	uint32_t mask = mark_link_mask(sweep->layout);

	for (unsigned int id = 1; id <= MARK_LINK_MAX; id++) {
		size_t deleted = 0;
		int error;

		if ((sweep->links >> id & 1) == 0)
			continue;
		error = conntrack_sweep(sweep->netlink, mark_make(sweep->layout, id, 0, 0), mask, most, callback, sweep, &deleted);
		sweep->more |= error > 0;
		if (error < 0 && error != -EINTR)
			sweep->error = error;
	}
	return sweep->error == 0;
}

static void look(struct recovery_sweep *sweep)
{
	if (sweep->idle != NULL) {
		idle_begin(sweep->idle, (uint32_t)(sweep->now_ms / 1000));
		if (!each_link(sweep, 1, look_at))
			return;
	}
	sticky_forget_where(sweep->sticky, &sweep->key, (uint32_t)(sweep->now_ms / 1000), is_outlived, sweep);
	each_link(sweep, BATCH, choose);
}

/* The kernel's work on a list is done in the thread that asks for it. */
static uint64_t worked_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000 + (uint64_t)time.tv_nsec / 1000000;
}

void recovery_sweep(struct recovery_sweep *sweep)
{
	uint64_t before_ms = worked_ms();

	look(sweep);
	sweep->worked_ms = worked_ms() - before_ms;
}
