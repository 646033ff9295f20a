/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who went over a limit, how often, and how long each is shut out for it. */

#include "core/offenders.h"

#include <stdlib.h>
#include <string.h>

/* A source may stand in any place of its row. */
#define ROW 8

#define WINDOW_SLOTS 10
#define SLOT_MS      (OFFENDERS_WINDOW_MS / WINDOW_SLOTS)

/* How many offended for the first time, by second. */
struct window {
	uint64_t slot[WINDOW_SLOTS]; /* number of the second that count is of */
	uint32_t count[WINDOW_SLOTS];
};

struct offenders {
	struct hash_key key;
	size_t rows; /* a power of two */
	struct window windows[OFFENCE_POLICY + 1];
	struct offender items[]; /* a free place has no address, family IPV4 and since_ms 0 */
};

struct offenders *offenders_new(size_t count, struct hash_key key)
{
	struct offenders *offenders;
	size_t rows = 1;

	while (rows * ROW < count)
		rows *= 2;
	offenders = calloc(1, sizeof(*offenders) + rows * ROW * sizeof(struct offender));
	if (offenders == NULL)
		return NULL;
	offenders->key = key;
	offenders->rows = rows;
	return offenders;
}

void offenders_free(struct offenders *offenders)
{
	free(offenders);
}

struct network offender_site(const struct address *address)
{
	return network_around(address, address->family == IPV6 ? 64 : 32);
}

const char *offender_text(const struct address *site, char *text, size_t size)
{
	struct network network = offender_site(site);

	return site->family == IPV4 ? address_format(site, text, size) : network_format(&network, text, size);
}

static bool is_free(const struct offender *offender)
{
	return offender->since_ms == 0;
}

static struct offender *row_of(struct offenders *offenders, const struct address *site)
{
	uint64_t hash = siphash(&offenders->key, site->bytes, sizeof(site->bytes));

	return &offenders->items[(hash & (offenders->rows - 1)) * ROW];
}

static struct offender *find(struct offender *row, const struct address *site, uint16_t cause)
{
	for (size_t i = 0; i < ROW; i++) {
		if (!is_free(&row[i]) && row[i].cause == cause && address_equal(&row[i].site, site))
			return &row[i];
	}
	return NULL;
}

static struct offender *make_room(struct offender *row)
{
	struct offender *oldest = row;

	for (size_t i = 0; i < ROW; i++) {
		if (is_free(&row[i]))
			return &row[i];
		if (row[i].until_ms < oldest->until_ms)
			oldest = &row[i];
	}
	return oldest;
}

/* Its time, and as long again, are over. */
static bool is_forgotten(const struct offender *offender, uint64_t now_ms)
{
	return now_ms >= offender->until_ms + (offender->until_ms - offender->since_ms);
}

static uint64_t duration_ms(uint32_t block_for_s, unsigned int times)
{
	uint64_t first_ms = (uint64_t)block_for_s * 1000, most_ms = (uint64_t)OFFENDER_BLOCK_MAX_S * 1000;
	uint64_t wanted_ms = first_ms;

	if (most_ms < first_ms)
		most_ms = first_ms;
	for (unsigned int i = 1; i < times && wanted_ms < most_ms; i++)
		wanted_ms *= 2;
	return wanted_ms < most_ms ? wanted_ms : most_ms;
}

static struct window *window_of(struct offenders *offenders, uint16_t cause)
{
	return &offenders->windows[cause < OFFENCE_POLICY ? cause : OFFENCE_POLICY];
}

static void count_new(struct window *window, uint64_t now_ms)
{
	uint64_t slot = now_ms / SLOT_MS;
	size_t index = slot % WINDOW_SLOTS;

	if (window->slot[index] != slot)
		window->count[index] = 0;
	window->slot[index] = slot;
	window->count[index]++;
}

static bool are_forged(const struct window *window, uint64_t now_ms)
{
	uint64_t slot = now_ms / SLOT_MS;
	uint32_t sum = 0;

	for (size_t i = 0; i < WINDOW_SLOTS; i++) {
		if (window->slot[i] + WINDOW_SLOTS > slot)
			sum += window->count[i];
	}
	return sum > OFFENDERS_FORGED;
}

enum offence offenders_add(struct offenders *offenders, const struct address *source, uint16_t cause,
	uint32_t block_for_s, uint64_t now_ms, struct offender *ret_offender)
{
	struct network site = offender_site(source);
	struct offender *row = row_of(offenders, &site.address), *offender = find(row, &site.address, cause);
	bool again = offender != NULL && offender->times > 0 && !is_forgotten(offender, now_ms);

	if (again && now_ms < offender->until_ms)
		return OFFENCE_KNOWN;
	if (offender == NULL) {
		offender = make_room(row);
		*offender = (struct offender){ .site = site.address, .cause = cause };
		count_new(window_of(offenders, cause), now_ms);
	}
	offender->since_ms = now_ms == 0 ? 1 : now_ms;
	offender->until_ms = offender->since_ms;
	if (!again)
		offender->times = 0;
	if (!again && are_forged(window_of(offenders, cause), now_ms))
		return OFFENCE_FORGED;
	if (offender->times < UINT16_MAX)
		offender->times++;
	offender->until_ms += duration_ms(block_for_s, offender->times);
	*ret_offender = *offender;
	return again ? OFFENCE_AGAIN : OFFENCE_FIRST;
}

void offenders_adopt(struct offenders *offenders, const struct address *source, uint64_t now_ms, uint64_t until_ms)
{
	struct network site = offender_site(source);
	struct offender *row = row_of(offenders, &site.address), *offender = find(row, &site.address, OFFENCE_BEFORE);

	if (offender == NULL)
		offender = make_room(row);
	*offender = (struct offender){ site.address, OFFENCE_BEFORE, 1, now_ms == 0 ? 1 : now_ms, until_ms };
}

size_t offenders_forget(struct offenders *offenders, const struct address *source)
{
	struct network site = offender_site(source);
	struct offender *row = row_of(offenders, &site.address);
	size_t found = 0;

	for (size_t i = 0; i < ROW; i++) {
		if (is_free(&row[i]) || !address_equal(&row[i].site, &site.address))
			continue;
		row[i] = (struct offender){ 0 };
		found++;
	}
	return found;
}

void offenders_each(const struct offenders *offenders, uint64_t now_ms,
	void (*callback)(const struct offender *offender, void *data), void *data)
{
	for (size_t i = 0; i < offenders->rows * ROW; i++) {
		const struct offender *offender = &offenders->items[i];

		if (!is_free(offender) && offender->until_ms > now_ms)
			callback(offender, data);
	}
}
