/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Limits of policies over replayed connections, as the kernel's buckets would count them. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/replay_parts.h"

#define BUCKETS     (1u << 18)
#define PLACES      8      /* that a key may have */
#define SITE_BYTES  8      /* IPv6 counts by /64 */

/* Without padding, so that equal keys are equal bytes. */
struct bucket_key {
	uint64_t policy, family;
	uint8_t address[16];
};

int replay_limits_open(struct replay *replay)
{
	for (size_t i = 0; i < replay->config->policy_count && replay->buckets == NULL; i++) {
		if (!limits_any(&replay->config->policies[i].limits))
			continue;
		replay->buckets = calloc(BUCKETS, sizeof(*replay->buckets));
		if (replay->buckets == NULL)
			return -ENOMEM;
	}
	return 0;
}

static uint64_t key_of(const struct replay *replay, size_t policy, enum limit_per per, const struct flow *flow)
{
	struct bucket_key key = { .policy = policy };
	const struct address *address = per == PER_DESTINATION ? &flow->to : &flow->from;
	uint64_t hash;

	if (per != PER_ALL) {
		key.family = flow->family;
		memcpy(key.address, address->bytes, flow->family == IPV4 ? 4 : SITE_BYTES);
	}
	hash = siphash(&replay->key, &key, sizeof(key));
	return hash == 0 ? 1 : hash;
}

static bool is_idle(const struct replay *replay, const struct replay_bucket *bucket)
{
	return bucket->key == 0
	       || (bucket->live == 0 && bucket->asked <= 0 && replay->now - bucket->since > bucket->full_s);
}

/* The one of that key, or one that nobody needs any more; NULL: all its places are taken. */
static struct replay_bucket *find(const struct replay *replay, uint64_t key, const struct limits *limits)
{
	struct replay_bucket *idle = NULL;

	for (size_t i = 0; i < PLACES; i++) {
		struct replay_bucket *bucket = &replay->buckets[(key + i) & (BUCKETS - 1)];

		if (bucket->key == key)
			return bucket;
		if (idle == NULL && is_idle(replay, bucket))
			idle = bucket;
	}
	if (idle == NULL)
		return NULL;
	*idle = (struct replay_bucket){ .key = key, .tokens = limits->burst, .since = replay->now };
	if (limits->new_connections.count > 0)
		idle->full_s = limits->burst * (limits->new_connections.per_ms / 1e3) / limits->new_connections.count;
	return idle;
}

static bool takes_token(struct replay_bucket *bucket, const struct limits *limits, double now)
{
	double rate = limits->new_connections.count / (limits->new_connections.per_ms / 1e3);

	bucket->tokens += (now - bucket->since) * rate;
	bucket->since = now;
	if (bucket->tokens > limits->burst)
		bucket->tokens = limits->burst;
	if (bucket->tokens < 1)
		return false;
	bucket->tokens--;
	return true;
}

enum fate replay_limits_take(struct replay *replay, size_t policy, const struct flow *flow, double asked,
	uint32_t *ret_bucket)
{
	const struct limits *limits = &replay->config->policies[policy].limits;
	struct replay_bucket *bucket;

	*ret_bucket = 0;
	if (!limits_any(limits))
		return FATE_LINK;
	bucket = find(replay, key_of(replay, policy, limits->per, flow), limits);
	if (bucket == NULL) {
		replay->totals.not_limited++;
		return FATE_LINK;
	}
	if (limits->new_connections.count > 0 && !takes_token(bucket, limits, replay->now))
		return FATE_RATE;
	if (limits->connections > 0 && bucket->live >= limits->connections)
		return FATE_CONNECTIONS;
	bucket->live++;
	bucket->asked += asked;
	if (limits->bandwidth_bps > 0 && bucket->asked * 8 > (double)limits->bandwidth_bps)
		replay->policies[policy].over_bandwidth++;
	*ret_bucket = (uint32_t)(bucket - replay->buckets) + 1;
	return FATE_LINK;
}

void replay_limits_rest(struct replay *replay, uint32_t bucket, double asked)
{
	if (bucket != 0)
		replay->buckets[bucket - 1].asked -= asked;
}

/* Sums of fractions do not come out even: with the last connection the rest goes. */
void replay_limits_end(struct replay *replay, uint32_t bucket)
{
	if (bucket != 0 && --replay->buckets[bucket - 1].live == 0)
		replay->buckets[bucket - 1].asked = 0;
}
