/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A better link is back: connections on others are cut, or moved while they are idle, as their policies say. */

#include "daemon/recovery.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/key.h"
#include "core/tiers.h"
#include "daemon/daemon.h"

/* Once at once; soon again, for a packet that was held meanwhile may have got the old decision; and for good measure. */
#define CUTS           3
#define CUT_AGAIN_MS   150
#define CUT_EVERY_MS   1000

/* How often it is looked for what is idle; where looks take long, so seldom that they take 1 % of the time. */
#define LOOK_MS    2000
#define LOOK_SHARE 100

#define IDLE_ENTRIES 65536

/* For connections of one family of one policy; links are bits of their indexes. */
struct wish {
	uint64_t cut, leaving; /* links that connections are cut on; that idle ones leave */
};

struct recovery {
	struct netlink *netlink;         /* of the sweep that is under way */
	struct idle *idle;               /* the same; NULL: never needed yet */
	uv_work_t work;
	struct recovery_sweep sweep;
	bool working, wanted;            /* a sweep is under way; another is to follow */
	bool look_wanted;                /* that looks for what is idle, too */
	unsigned int cuts_left;
	uint64_t looked_ms, look_took_ms;
	const struct config *config;     /* that wishes and views are of */
	struct wish (*wishes)[FAMILIES];
	struct link_view links[FAMILIES][CONFIG_LINKS_MAX]; /* as they were to each family; without addresses */
};

static bool any_leaving(const struct recovery *recovery)
{
	for (size_t i = 0; i < recovery->config->policy_count; i++) {
		if ((recovery->wishes[i][IPV4].leaving | recovery->wishes[i][IPV6].leaving) != 0)
			return true;
	}
	return false;
}

static uint64_t ids_of(const struct daemon *daemon, uint64_t links)
{
	uint64_t ids = 0;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		ids |= (links >> i & 1) << daemon->links[i].id;
	return ids;
}

static struct recovery_rule make_rule(const struct daemon *daemon, const struct policy *policy, const struct wish *wishes,
	bool look)
{
	bool together = policy->balance.together_by != KEY_NONE;

	return (struct recovery_rule){
		.cut = { ids_of(daemon, wishes[IPV4].cut), ids_of(daemon, wishes[IPV6].cut) },
		.idle = { look ? ids_of(daemon, wishes[IPV4].leaving) : 0, look ? ids_of(daemon, wishes[IPV6].leaving) : 0 },
		.by = together ? policy->balance.together_by : policy->balance.sticky_by,
		.for_s = together ? policy->balance.together_for_s : policy->balance.sticky_for_s,
		.scope = together ? STICKY_TOGETHER : name_hash(&daemon->state.key, policy->name),
	};
}

/* Makes one of those that are alike. */
static void join_keys(struct recovery_sweep *sweep)
{
	size_t count = 0;

	if (sweep->key_count > 0)
		qsort(sweep->keys, sweep->key_count, sizeof(*sweep->keys), recovery_compare_keys);
	for (size_t i = 0; i < sweep->key_count; i++) {
		struct recovery_rule *rule = &sweep->keys[i], *last = count == 0 ? NULL : &sweep->keys[count - 1];

		if (last == NULL || recovery_compare_keys(last, rule) != 0) {
			sweep->keys[count++] = *rule;
			continue;
		}
		for (enum family family = IPV4; family <= IPV6; family++) {
			last->cut[family] |= rule->cut[family];
			last->idle[family] |= rule->idle[family];
		}
		last->for_s = last->for_s > rule->for_s ? last->for_s : rule->for_s;
	}
	sweep->key_count = count;
}

static int make_rules(const struct daemon *daemon, struct recovery_sweep *sweep, bool look)
{
	const struct recovery *recovery = daemon->recovery;
	const struct config *config = recovery->config;

	sweep->rule_count = mark_policy_max(sweep->layout) + 1u;
	sweep->rules = calloc(sweep->rule_count, sizeof(*sweep->rules));
	sweep->keys = calloc(config->policy_count + 1, sizeof(*sweep->keys));
	if (sweep->rules == NULL || sweep->keys == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct policy *policy = &config->policies[i];
		struct recovery_rule rule;

		if (policy->action != ACTION_ALLOW)
			continue;
		rule = make_rule(daemon, policy, recovery->wishes[i], look);
		sweep->rules[daemon->generation->ids.policies[i]] = rule;
		sweep->links |= rule.cut[IPV4] | rule.cut[IPV6] | rule.idle[IPV4] | rule.idle[IPV6];
		if (rule.by != KEY_NONE)
			sweep->keys[sweep->key_count++] = rule;
	}
	join_keys(sweep);
	return 0;
}

/* This machine, and what is behind the zones: a copy, for devices are read anew meanwhile. */
static int copy_inside(const struct daemon *daemon, struct networks *inside)
{
	const struct networks *local = &daemon->devices->local;
	size_t count = local->count;

	for (size_t i = 0; i < daemon->generation->config->zone_count; i++)
		count += daemon->zones[i].behind.count;
	inside->items = calloc(count + 1, sizeof(*inside->items));
	if (inside->items == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < local->count; i++)
		inside->items[inside->count++] = network_around(&local->items[i].address, 128);
	for (size_t i = 0; i < daemon->generation->config->zone_count; i++) {
		const struct networks *behind = &daemon->zones[i].behind;

		for (size_t j = 0; j < behind->count; j++)
			inside->items[inside->count++] = behind->items[j];
	}
	return 0;
}

static void free_sweep(struct recovery_sweep *sweep)
{
	free(sweep->rules);
	free(sweep->keys);
	free(sweep->inside.items);
	*sweep = (struct recovery_sweep){ 0 };
}

static void on_work(uv_work_t *work)
{
	struct daemon *daemon = work->data;

	recovery_sweep(&daemon->recovery->sweep);
}

static void tell(struct daemon *daemon, const struct recovery_sweep *sweep)
{
	if (sweep->error < 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "connections cannot be moved to a better link: %s",
			strerror(-sweep->error));
	if (sweep->cut > 0)
		events_add(daemon->events, EVENT_LINK, EVENT_NOTICE, NULL,
			"%zu connection%s cut, for a better link is back (on-recovery)", sweep->cut, sweep->cut == 1 ? "" : "s");
	if (sweep->moved > 0)
		events_add(daemon->events, EVENT_LINK, EVENT_NOTICE, NULL,
			"%zu idle connection%s to begin anew on a better link (on-recovery)", sweep->moved,
			sweep->moved == 1 ? " is" : "s are");
}

/* What came to be behind a full link later on is left there: of spillover, one time that nothing is left is enough. */
static void forget_left(struct daemon *daemon, const struct recovery_sweep *sweep, enum family family)
{
	struct recovery *recovery = daemon->recovery;

	for (size_t i = 0; i < recovery->config->policy_count; i++) {
		struct wish *wish = &recovery->wishes[i][family];
		const struct balance *balance = &recovery->config->policies[i].balance;

		for (size_t link = 0; balance->algorithm == ALGORITHM_SPILLOVER && link < recovery->config->link_count; link++) {
			if ((sweep->seen[family] >> daemon->links[link].id & 1) == 0)
				wish->leaving &= ~(1ull << link) | tiers_worse(recovery->config, balance, recovery->links[family]);
		}
	}
}

/* After the last sweep for them. */
static void end_cuts(struct daemon *daemon)
{
	struct recovery *recovery = daemon->recovery;

	if (recovery->cuts_left > 0 || recovery->working || recovery->config != daemon->generation->config)
		return;
	for (size_t i = 0; i < recovery->config->policy_count; i++)
		recovery->wishes[i][IPV4].cut = recovery->wishes[i][IPV6].cut = 0;
}

static void start_sweep(struct daemon *daemon);

static void on_swept(uv_work_t *work, int status)
{
	struct daemon *daemon = work->data;
	struct recovery *recovery = daemon->recovery;
	struct recovery_sweep *sweep = &recovery->sweep;

	(void)status;
	recovery->working = false;
	recovery->wanted |= sweep->more;
	recovery->look_wanted |= sweep->more && sweep->idle != NULL;
	tell(daemon, sweep);
	if (sweep->idle != NULL) {
		recovery->look_took_ms = sweep->worked_ms;
		for (enum family family = IPV4; family <= IPV6; family++) {
			if (recovery->config == daemon->generation->config && sweep->error == 0)
				forget_left(daemon, sweep, family);
		}
	}
	free_sweep(sweep);
	if (recovery->wanted && !daemon->ending)
		start_sweep(daemon);
	end_cuts(daemon);
}

/* With what there is to do now; one at a time. */
static void start_sweep(struct daemon *daemon)
{
	struct recovery *recovery = daemon->recovery;
	struct recovery_sweep *sweep = &recovery->sweep;
	bool look = recovery->look_wanted;

	recovery->wanted = true;
	if (recovery->working || recovery->config != daemon->generation->config)
		return;
	recovery->wanted = recovery->look_wanted = false;
	if (look && recovery->idle == NULL)
		recovery->idle = idle_new(IDLE_ENTRIES);
	*sweep = (struct recovery_sweep){
		.netlink = recovery->netlink,
		.sticky = daemon->sticky,
		.idle = look ? recovery->idle : NULL,
		.key = daemon->state.key,
		.layout = mark_layout_of(&recovery->config->kernel),
		.now_ms = verdicts_now_ms(),
	};
	recovery->work.data = daemon;
	if (make_rules(daemon, sweep, look && recovery->idle != NULL) == 0 && copy_inside(daemon, &sweep->inside) == 0
	    && sweep->links != 0 && uv_queue_work(daemon->loop, &recovery->work, on_work, on_swept) == 0)
		recovery->working = true;
	else
		free_sweep(sweep);
}

static void on_timer(uv_timer_t *timer)
{
	struct daemon *daemon = timer->data;
	struct recovery *recovery = daemon->recovery;

	if (recovery->cuts_left > 0)
		start_sweep(daemon);
	if (recovery->cuts_left > 1) {
		recovery->cuts_left--;
		return;
	}
	recovery->cuts_left = 0;
	uv_timer_stop(timer);
	end_cuts(daemon);
}

static void begin_cuts(struct daemon *daemon)
{
	struct recovery *recovery = daemon->recovery;

	recovery->cuts_left = CUTS - 1;
	start_sweep(daemon);
	uv_timer_start(&daemon->recovery_timer, on_timer, CUT_AGAIN_MS, CUT_EVERY_MS);
}

/* As connections of each family find them. */
static void look_at_links(struct daemon *daemon, struct link_view links[FAMILIES][CONFIG_LINKS_MAX])
{
	struct link_view all[CONFIG_LINKS_MAX];
	struct view view = world_view(daemon, all), of_family;

	for (enum family family = IPV4; family <= IPV6; family++) {
		view_of_family(daemon->generation->config, &view, family, links[family], &of_family);
		for (size_t i = 0; i < daemon->generation->config->link_count; i++)
			links[family][i].addresses = (struct networks){ 0 };
	}
}

/* Another configuration: what is worse already is not cut; what is idle there may go. */
static void begin_anew(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;
	struct wish(*wishes)[FAMILIES] = calloc(config->policy_count + 1, sizeof(*wishes));
	struct recovery *recovery = daemon->recovery;

	if (wishes == NULL)
		return;
	free(recovery->wishes);
	recovery->wishes = wishes;
	recovery->config = config;
	recovery->cuts_left = 0;
	look_at_links(daemon, recovery->links);
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct policy *policy = &config->policies[i];

		if (policy->action != ACTION_ALLOW || policy->balance.on_recovery != ON_RECOVERY_MOVE_IDLE)
			continue;
		for (enum family family = IPV4; family <= IPV6; family++)
			wishes[i][family].leaving = tiers_worse(config, &policy->balance, recovery->links[family]);
	}
}

/* True where something is to be cut that was not before. Where nothing is better any more, nothing goes. */
static bool follow_policy(struct recovery *recovery, size_t index, enum family family, const struct link_view *links)
{
	const struct policy *policy = &recovery->config->policies[index];
	struct wish *wish = &recovery->wishes[index][family];
	uint64_t surpassed, leavable;

	if (policy->action != ACTION_ALLOW || policy->balance.on_recovery == ON_RECOVERY_KEEP)
		return false;
	surpassed = tiers_surpassed(recovery->config, &policy->balance, recovery->links[family], links);
	leavable = tiers_leavable(recovery->config, &policy->balance, links);
	if (policy->balance.on_recovery == ON_RECOVERY_CUT) {
		wish->cut = (wish->cut & leavable) | surpassed;
		return surpassed != 0;
	}
	wish->leaving = (wish->leaving & leavable) | surpassed;
	/* The first look only begins to measure. */
	if (surpassed != 0)
		recovery->looked_ms = 0;
	return false;
}

/* What a link that failed left where it was, for there was nowhere to go, may have a way now. */
static void tell_left_behind(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		apply_dead_link(daemon, &daemon->links[i]);
}

static bool is_same(const struct link_view *a, const struct link_view *b)
{
	return a->usable == b->usable && a->suspect == b->suspect && a->flapping == b->flapping && a->spent == b->spent
	       && a->taper == b->taper;
}

void recovery_follow(struct daemon *daemon)
{
	struct link_view links[FAMILIES][CONFIG_LINKS_MAX];
	struct recovery *recovery = daemon->recovery;
	bool returned = false, cut = false;

	if (recovery == NULL)
		return;
	if (recovery->config != daemon->generation->config) {
		begin_anew(daemon);
		return;
	}
	look_at_links(daemon, links);
	for (enum family family = IPV4; family <= IPV6; family++) {
		bool changed = false;

		for (size_t i = 0; i < recovery->config->link_count; i++) {
			changed |= !is_same(&links[family][i], &recovery->links[family][i]);
			returned |= links[family][i].usable && !recovery->links[family][i].usable;
		}
		for (size_t i = 0; changed && i < recovery->config->policy_count; i++)
			cut |= follow_policy(recovery, i, family, links[family]);
	}
	memcpy(recovery->links, links, sizeof(links));
	if (cut)
		begin_cuts(daemon);
	if (returned)
		tell_left_behind(daemon);
}

void recovery_second(struct daemon *daemon)
{
	struct recovery *recovery = daemon->recovery;
	uint64_t now_ms = verdicts_now_ms(), every_ms;

	if (recovery == NULL || recovery->config != daemon->generation->config || recovery->working)
		return;
	every_ms = recovery->look_took_ms * LOOK_SHARE > LOOK_MS ? recovery->look_took_ms * LOOK_SHARE : LOOK_MS;
	if (now_ms - recovery->looked_ms < every_ms || !any_leaving(recovery))
		return;
	recovery->looked_ms = now_ms;
	recovery->look_wanted = true;
	start_sweep(daemon);
}

int recovery_start(struct daemon *daemon)
{
	struct recovery *recovery = calloc(1, sizeof(*recovery));
	int error;

	if (recovery == NULL)
		return -ENOMEM;
	error = netlink_open(NETLINK_NETFILTER, &recovery->netlink);
	if (error < 0) {
		free(recovery);
		return error;
	}
	daemon->recovery = recovery;
	recovery_follow(daemon);
	if (recovery->config != NULL)
		return 0;
	recovery_stop(daemon);
	return -ENOMEM;
}

void recovery_stop(struct daemon *daemon)
{
	struct recovery *recovery = daemon->recovery;

	if (recovery == NULL)
		return;
	netlink_close(recovery->netlink);
	idle_free(recovery->idle);
	free(recovery->wishes);
	free(recovery);
	daemon->recovery = NULL;
}
