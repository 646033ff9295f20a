/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shares of links: in proportion to their bandwidth where nobody said otherwise. */

#include <string.h>

#include "config/config.h"
#include "config/loader.h"
#include "core/schedule.h"

/* A link that has this weight at most can be told from one that is a hundredth of it. */
#define WEIGHT_SCALE 100

static uint64_t divisor_of(uint64_t a, uint64_t b)
{
	while (b != 0) {
		uint64_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

static uint64_t bandwidth_of(const struct link *link)
{
	return link->download_bps != 0 ? link->download_bps : link->upload_bps;
}

/* The largest weight that keeps the cycle of all links within its limit. */
static uint64_t scale_for(const struct config *config)
{
	uint64_t fits = SCHEDULE_MAX_CYCLE / (config->link_count == 0 ? 1 : config->link_count);

	return fits < WEIGHT_SCALE ? fits : WEIGHT_SCALE;
}

/* Reduces the shares by what all of them can be divided by; the largest is returned. */
static uint64_t reduce(uint64_t *shares, size_t count)
{
	uint64_t divisor = 0, largest = 0;

	for (size_t i = 0; i < count; i++)
		divisor = divisor_of(shares[i], divisor);
	for (size_t i = 0; i < count && divisor != 0; i++) {
		shares[i] /= divisor;
		if (shares[i] > largest)
			largest = shares[i];
	}
	return largest;
}

void config_weights(const struct config *config, const uint64_t *bandwidths, unsigned int *ret_weights)
{
	uint64_t shares[CONFIG_LINKS_MAX], largest, scale = scale_for(config);
	size_t count = config->link_count;

	memcpy(shares, bandwidths, count * sizeof(*shares));
	largest = reduce(shares, count);
	for (size_t i = 0; i < count && largest > scale; i++) {
		uint64_t scaled = (shares[i] * scale + largest / 2) / largest;

		shares[i] = shares[i] > 0 && scaled == 0 ? 1 : scaled;
	}
	reduce(shares, count);
	for (size_t i = 0; i < count; i++)
		ret_weights[i] = shares[i] == 0 ? 1 : (unsigned int)shares[i];
}

static bool any_learns(const struct config *config)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (config->links[i].learn[0].on || config->links[i].learn[1].on)
			return true;
	}
	return false;
}

void weights_fill(struct config *config)
{
	bool learns = any_learns(config);
	uint64_t bandwidths[CONFIG_LINKS_MAX] = { 0 };
	unsigned int weights[CONFIG_LINKS_MAX];

	for (size_t i = 0; i < config->link_count; i++)
		bandwidths[i] = bandwidth_of(&config->links[i]);
	config_weights(config, bandwidths, weights);
	for (size_t i = 0; i < config->link_count; i++) {
		if (config->links[i].weight != 0)
			continue;
		config->links[i].weight = weights[i];
		config->links[i].weight_follows = learns;
	}
}

size_t weights_cycle(const unsigned int *weights, size_t count)
{
	uint64_t divisor = 0;
	size_t length = 0;

	for (size_t i = 0; i < count; i++)
		divisor = divisor_of(weights[i], divisor);
	for (size_t i = 0; i < count && divisor != 0; i++)
		length += weights[i] / divisor;
	return length;
}

bool config_weights_fit(const struct config *config, const unsigned int *weights)
{
	for (size_t i = 0; i < config->policy_count; i++) {
		const struct balance *balance = &config->policies[i].balance;
		unsigned int now[CONFIG_LINKS_MAX];

		for (size_t j = 0; j < balance->count; j++)
			now[j] = (balance->follows >> j & 1) != 0 ? weights[balance->choices[j].link]
			         : balance->choices[j].weight;
		if (weights_cycle(now, balance->count) > SCHEDULE_MAX_CYCLE)
			return false;
	}
	return true;
}
