/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The past once more, under another configuration: the same decisions in fake time, over links that are computed. */

#include "core/replay.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/replay_parts.h"
#include "core/week.h"

#define CLOCK_START_MS 3600000 /* the clock of sticky table and loads, when the first connection begins */

uint64_t replay_clock(const struct replay *replay)
{
	return CLOCK_START_MS + (uint64_t)(replay->now * 1000);
}

static bool is_down(const struct replay *replay, size_t link)
{
	for (size_t i = 0; i < replay->outage_count; i++) {
		const struct replay_outage *outage = &replay->outages[i];

		if (outage->link == link && outage->from <= replay->now && replay->now < outage->to)
			return true;
	}
	return false;
}

static int make_snapshot(struct replay *replay)
{
	struct snapshot_parts parts = { .config = replay->config, .ids = imagined_ids(replay->imagined),
		.view = imagined_view(replay->imagined), .sticky = replay->sticky, .loads = replay->loads, .key = replay->key,
		.generation = 1, .previous = replay->snapshot };
	struct snapshot *snapshot;

	imagine_minute(replay->imagined, replay->minute);
	snapshot = snapshot_new(&parts);
	if (snapshot == NULL)
		return -ENOMEM;
	snapshot_free(replay->snapshot);
	replay->snapshot = snapshot;
	return 0;
}

int replay_publish(struct replay *replay)
{
	const struct view *view = imagined_view(replay->imagined);
	bool down[CONFIG_LINKS_MAX];
	int error;

	for (size_t i = 0; i < replay->config->link_count; i++) {
		down[i] = view->links[i].usable && is_down(replay, i);
		imagine_link(replay->imagined, replay->config->links[i].name, !is_down(replay, i));
	}
	replay->changed = replay->now;
	error = make_snapshot(replay);
	for (size_t i = 0; i < replay->config->link_count && error == 0; i++) {
		if (down[i])
			replay_cut(replay, (uint16_t)i);
	}
	return error;
}

static int make_links(struct replay *replay)
{
	const struct config *config = replay->config;
	const struct ids *ids = imagined_ids(replay->imagined);

	replay->pipes = arena_array(replay->arena, config->link_count, sizeof(*replay->pipes));
	replay->meters = arena_array(replay->arena, config->link_count, sizeof(*replay->meters));
	replay->links = arena_array(replay->arena, config->link_count, sizeof(*replay->links));
	replay->link_lives = arena_array(replay->arena, config->link_count, sizeof(*replay->link_lives));
	if (replay->pipes == NULL || replay->meters == NULL || replay->links == NULL || replay->link_lives == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < config->link_count; i++) {
		const uint64_t bps[DIRECTIONS] = { config->links[i].download_bps, config->links[i].upload_bps };
		const uint64_t none[DIRECTIONS] = { 0 };

		for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
			fluid_open(&replay->pipes[i][direction].fluid, (double)bps[direction] / 8, 0);
		meter_init(&replay->meters[i]);
		meter_second(&replay->meters[i], &config->links[i], none, none, replay_clock(replay));
		meter_publish(&replay->meters[i], &config->links[i], &replay->loads->links[ids->links[i]]);
		replay->id_links[ids->links[i]] = (uint8_t)i;
	}
	return 0;
}

static int make_policies(struct replay *replay)
{
	size_t count = replay->config->policy_count + 1;

	replay->policies = arena_array(replay->arena, count, sizeof(*replay->policies));
	replay->states = arena_array(replay->arena, count, sizeof(*replay->states));
	replay->examples = arena_array(replay->arena, replay->example_room, sizeof(*replay->examples));
	if (replay->policies == NULL || replay->states == NULL || replay->examples == NULL)
		return -ENOMEM;
	return replay_limits_open(replay);
}

struct replay *replay_new(const struct config *config, uint64_t seed, size_t examples)
{
	struct replay *replay = calloc(1, sizeof(*replay));

	if (replay == NULL)
		return NULL;
	replay->config = config;
	replay->key = (struct hash_key){ { seed, 0x7265706c6179 } };
	replay->example_room = examples < REPLAY_EXAMPLES_MAX ? examples : REPLAY_EXAMPLES_MAX;
	replay->next_second = 1;
	replay->arena = arena_new();
	replay->imagined = imagine(config);
	replay->sticky = sticky_new(config->sticky_entries);
	replay->loads = loads_new();
	if (replay->arena == NULL || replay->imagined == NULL || replay->sticky == NULL || replay->loads == NULL
	    || make_links(replay) < 0 || make_policies(replay) < 0) {
		replay_free(replay);
		return NULL;
	}
	return replay;
}

void replay_free(struct replay *replay)
{
	if (replay == NULL)
		return;
	for (size_t i = 0; replay->pipes != NULL && i < replay->config->link_count; i++) {
		fluid_close(&replay->pipes[i][DOWNLOAD].fluid);
		fluid_close(&replay->pipes[i][UPLOAD].fluid);
	}
	fluid_close(&replay->time);
	for (size_t i = 0; i < PARTS; i++)
		free(replay->flows[i]);
	free(replay->lives);
	free(replay->buckets);
	snapshot_free(replay->snapshot);
	imagined_free(replay->imagined);
	sticky_free(replay->sticky);
	free(replay->loads);
	arena_free(replay->arena);
	free(replay);
}

int replay_outage(struct replay *replay, size_t link, double from, double to)
{
	if (replay->outage_count == REPLAY_OUTAGES_MAX)
		return -ENOSPC;
	replay->outages[replay->outage_count++] = (struct replay_outage){ link, from, to };
	return 0;
}

static int go_to(struct replay *replay, const struct replay_connection *connection)
{
	double when = connection->start - replay->totals.first;

	if (!replay->begun) {
		replay->begun = true;
		replay->minute = connection->minute;
		replay->totals.first = connection->start;
		return replay_publish(replay);
	}
	if (replay_advance(replay, when > replay->now ? when : replay->now) < 0)
		return -ENOMEM;
	if (connection->minute == replay->minute)
		return 0;
	if (!week_differs(replay->config, connection->minute, replay->minute)) {
		replay->minute = connection->minute;
		return 0;
	}
	replay->minute = connection->minute;
	return make_snapshot(replay);
}

static struct replay_outcome outcome_of(const struct replay *replay, const struct decision *decision)
{
	struct replay_outcome outcome = { .policy = decision->policy };

	switch (decision->link) {
	case MARK_LINK_DROP:
		outcome.fate = FATE_DROPPED;
		break;
	case MARK_LINK_REJECT:
		outcome.fate = FATE_REJECTED;
		break;
	case MARK_LINK_DIRECT:
		outcome.fate = FATE_DIRECT;
		break;
	default:
		outcome.fate = FATE_LINK;
		outcome.link = replay->id_links[decision->link];
		break;
	}
	return outcome;
}

static double asked_by(const struct replay_connection *connection)
{
	return ((double)connection->bytes[DOWNLOAD] + (double)connection->bytes[UPLOAD]) / replay_duration(connection);
}

static bool is_let_in(enum fate fate)
{
	return fate == FATE_LINK || fate == FATE_DIRECT;
}

static int count_policy(struct replay *replay, const struct replay_connection *connection,
	const struct replay_outcome *outcome)
{
	size_t count = replay->config->policy_count, links = replay->config->link_count;
	size_t index = outcome->policy == NO_POLICY ? count : outcome->policy;
	struct replay_policy *policy = &replay->policies[index];
	struct replay_policy_state *state = &replay->states[index];
	uint64_t bytes = connection->bytes[DOWNLOAD] + connection->bytes[UPLOAD];

	policy->connections++;
	policy->fates[outcome->fate]++;
	if (!is_let_in(outcome->fate))
		return 0;
	policy->bytes[DOWNLOAD] += connection->bytes[DOWNLOAD];
	policy->bytes[UPLOAD] += connection->bytes[UPLOAD];
	if (outcome->fate != FATE_LINK)
		return 0;
	if (state->link_connections == NULL) {
		state->link_connections = arena_array(replay->arena, 2 * links, sizeof(uint64_t));
		if (state->link_connections == NULL)
			return -ENOMEM;
		state->link_bytes = state->link_connections + links;
		policy->link_connections = state->link_connections;
		policy->link_bytes = state->link_bytes;
	}
	state->link_connections[outcome->link]++;
	state->link_bytes[outcome->link] += bytes;
	return 0;
}

static int count(struct replay *replay, const struct replay_connection *connection,
	const struct replay_outcome *outcome)
{
	replay->totals.connections++;
	replay->totals.fates[outcome->fate]++;
	if (outcome->fate == FATE_LINK) {
		struct replay_link *link = &replay->links[outcome->link];

		link->connections++;
		link->bytes[DOWNLOAD] += connection->bytes[DOWNLOAD];
		link->bytes[UPLOAD] += connection->bytes[UPLOAD];
	}
	return count_policy(replay, connection, outcome);
}

static bool same_name(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

/* Against what was recorded. */
static void compare(struct replay *replay, const struct replay_connection *connection,
	const struct replay_outcome *outcome)
{
	const struct config *config = replay->config;
	const char *policy = outcome->policy == NO_POLICY ? NULL : config->policies[outcome->policy].name;
	const char *link = outcome->fate == FATE_LINK ? config->links[outcome->link].name : NULL;
	int then = connection->link == NULL ? -1 : config_link(config, connection->link);
	int policy_then = connection->policy == NULL ? (int)config->policy_count
		: same_name(connection->policy, policy) ? (int)outcome->policy : config_policy(config, connection->policy);
	bool refused = !is_let_in(outcome->fate);
	bool other_link = !refused && !connection->refused && !same_name(connection->link, link);
	bool other_policy = !same_name(connection->policy, policy);

	if (!connection->known)
		return;
	replay->totals.known++;
	if (then >= 0)
		replay->links[then].then++;
	if (policy_then >= 0)
		replay->policies[policy_then].then++;
	replay->totals.refused += refused && !connection->refused;
	replay->totals.let_in += !refused && connection->refused;
	replay->totals.other_link += other_link;
	replay->totals.other_policy += other_policy;
	if (refused == connection->refused && !other_link && !other_policy)
		return;
	replay->totals.changed++;
	if (replay->example_count < replay->example_room)
		replay->examples[replay->example_count++] = (struct replay_example){ *connection, *outcome };
}

int replay_add(struct replay *replay, const struct replay_connection *connection, struct replay_outcome *ret_outcome)
{
	struct decide_context context = { 0 };
	struct flow flow = connection->flow;
	struct decision decision;
	uint32_t bucket = 0;
	int error = go_to(replay, connection);

	if (error < 0)
		return error;
	imagine_place(replay->imagined, connection->in, connection->inside, &flow);
	context.now_ms = replay_clock(replay);
	context.random = siphash(&replay->key, &replay->drawn, sizeof(replay->drawn));
	replay->drawn++;
	decide(replay->snapshot, &flow, &context, &decision, NULL);
	*ret_outcome = outcome_of(replay, &decision);
	if (is_let_in(ret_outcome->fate) && ret_outcome->policy != NO_POLICY) {
		enum fate fate = replay_limits_take(replay, ret_outcome->policy, &connection->flow, asked_by(connection), &bucket);

		ret_outcome->fate = fate == FATE_LINK ? ret_outcome->fate : fate;
	}
	compare(replay, connection, ret_outcome);
	error = count(replay, connection, ret_outcome);
	if (error == 0 && is_let_in(ret_outcome->fate))
		error = replay_live_add(replay, connection, ret_outcome, bucket);
	return error;
}

int replay_finish(struct replay *replay)
{
	if (!replay->begun)
		return 0;
	if (replay_advance(replay, replay->horizon > replay->now ? replay->horizon : replay->now) < 0)
		return -ENOMEM;
	replay_measure(replay);
	replay->totals.last = replay->totals.first + replay->now;
	replay->totals.live = replay->live_count;
	for (size_t i = 0; i < replay->config->link_count; i++) {
		for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
			replay->links[i].moved[direction] = (uint64_t)(replay->pipes[i][direction].fluid.moved + 0.5);
	}
	for (uint32_t i = 0; i <= replay->config->policy_count; i++) {
		for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
			struct replay_asked *asked = &replay->states[i].asked[direction];

			replay_ask(replay, i, direction, 0);
			asked->peak = asked->this_second > asked->peak ? asked->this_second : asked->peak;
			replay->policies[i].peak_bps[direction] = (uint64_t)(asked->peak * 8);
		}
	}
	return 0;
}

const struct replay_totals *replay_totals(const struct replay *replay)
{
	return &replay->totals;
}

const struct replay_link *replay_links(const struct replay *replay)
{
	return replay->links;
}

const struct replay_policy *replay_policies(const struct replay *replay)
{
	return replay->policies;
}

const struct replay_example *replay_examples(const struct replay *replay, size_t *ret_count)
{
	*ret_count = replay->example_count;
	return replay->examples;
}

const struct loads *replay_loads(const struct replay *replay)
{
	return replay->loads;
}
