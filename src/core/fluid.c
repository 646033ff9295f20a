/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One direction of a link as a pipe that flows share: what each gets, and when it has moved all its bytes. */

#include "core/fluid.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A flow stands in one heap of each kind. */
enum { BY_END, BY_RATE };

/* Rounding must not send a flow to and fro. */
#define SLACK (1 + 1e-9)

static void put(struct fluid_heap *heap, struct fluid_flow *flows, int kind, size_t place, struct fluid_entry entry)
{
	heap->entries[place] = entry;
	flows[entry.flow].place[kind] = (uint32_t)place;
}

static void sift_up(struct fluid_heap *heap, struct fluid_flow *flows, int kind, size_t place, struct fluid_entry entry)
{
	while (place > 0 && heap->entries[(place - 1) / 2].key > entry.key) {
		put(heap, flows, kind, place, heap->entries[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	put(heap, flows, kind, place, entry);
}

static void sift_down(struct fluid_heap *heap, struct fluid_flow *flows, int kind, size_t place, struct fluid_entry entry)
{
	for (;;) {
		size_t child = 2 * place + 1;

		if (child + 1 < heap->count && heap->entries[child + 1].key < heap->entries[child].key)
			child++;
		if (child >= heap->count || heap->entries[child].key >= entry.key)
			break;
		put(heap, flows, kind, place, heap->entries[child]);
		place = child;
	}
	put(heap, flows, kind, place, entry);
}

static void heap_add(struct fluid_heap *heap, struct fluid_flow *flows, int kind, double key, uint32_t flow)
{
	sift_up(heap, flows, kind, heap->count++, (struct fluid_entry){ key, flow });
}

static void heap_remove(struct fluid_heap *heap, struct fluid_flow *flows, int kind, uint32_t flow)
{
	size_t place = flows[flow].place[kind];
	struct fluid_entry last = heap->entries[--heap->count];

	if (place == heap->count)
		return;
	if (place > 0 && heap->entries[(place - 1) / 2].key > last.key)
		sift_up(heap, flows, kind, place, last);
	else
		sift_down(heap, flows, kind, place, last);
}

static double key_of(const struct fluid_heap *heap, const struct fluid_flow *flows, int kind, uint32_t flow)
{
	return heap->entries[flows[flow].place[kind]].key;
}

/* Each heap has room for all flows, so that moving one between them cannot fail. */
static bool make_room(struct fluid_heap *heap, size_t count)
{
	size_t room = heap->room == 0 ? 64 : 2 * heap->room;
	struct fluid_entry *entries;

	if (count <= heap->room)
		return true;
	entries = reallocarray(heap->entries, room, sizeof(*entries));
	if (entries == NULL)
		return false;
	heap->entries = entries;
	heap->room = room;
	return true;
}

static void go_free(struct fluid *fluid, struct fluid_flow *flows, uint32_t number, double left)
{
	struct fluid_flow *flow = &flows[number];

	flow->squeezed = false;
	fluid->free_rate += flow->own;
	heap_add(&fluid->free_ends, flows, BY_END, fluid->now + left / flow->own, number);
	heap_add(&fluid->free_rates, flows, BY_RATE, -flow->own, number);
}

static void leave_free(struct fluid *fluid, struct fluid_flow *flows, uint32_t number)
{
	heap_remove(&fluid->free_ends, flows, BY_END, number);
	heap_remove(&fluid->free_rates, flows, BY_RATE, number);
	fluid->free_rate = fluid->free_ends.count == 0 ? 0 : fluid->free_rate - flows[number].own;
}

static void go_squeezed(struct fluid *fluid, struct fluid_flow *flows, uint32_t number, double left)
{
	flows[number].squeezed = true;
	if (fluid->squeezed_ends.count == 0)
		fluid->squeezed_work = 0;
	heap_add(&fluid->squeezed_ends, flows, BY_END, fluid->squeezed_work + left, number);
	heap_add(&fluid->squeezed_rates, flows, BY_RATE, flows[number].own, number);
}

static void leave_squeezed(struct fluid *fluid, struct fluid_flow *flows, uint32_t number)
{
	heap_remove(&fluid->squeezed_ends, flows, BY_END, number);
	heap_remove(&fluid->squeezed_rates, flows, BY_RATE, number);
}

static double positive(double number)
{
	return number > 0 ? number : 0;
}

static void squeeze(struct fluid *fluid, struct fluid_flow *flows, uint32_t number)
{
	double end = key_of(&fluid->free_ends, flows, BY_END, number);

	leave_free(fluid, flows, number);
	go_squeezed(fluid, flows, number, positive(end - fluid->now) * flows[number].own);
}

static void release(struct fluid *fluid, struct fluid_flow *flows, uint32_t number)
{
	double work = key_of(&fluid->squeezed_ends, flows, BY_END, number);

	leave_squeezed(fluid, flows, number);
	go_free(fluid, flows, number, positive(work - fluid->squeezed_work));
}

/*
 * Finds the level. Each step raises it: who is released leaves more to the others than the level, who is squeezed
 * gives up what is above it. So each flow moves twice at most.
 */
static void rebalance(struct fluid *fluid, struct fluid_flow *flows)
{
	if (fluid->capacity <= 0)
		return;
	for (;;) {
		size_t squeezed = fluid->squeezed_ends.count;
		struct fluid_entry *widest = fluid->free_rates.count > 0 ? &fluid->free_rates.entries[0] : NULL;

		if (squeezed == 0) {
			fluid->level = fluid->capacity;
			if (widest == NULL || fluid->free_rate <= fluid->capacity * SLACK)
				return;
			squeeze(fluid, flows, widest->flow);
			continue;
		}
		fluid->level = (fluid->capacity - fluid->free_rate) / (double)squeezed;
		if (fluid->squeezed_rates.entries[0].key <= fluid->level)
			release(fluid, flows, fluid->squeezed_rates.entries[0].flow);
		else if (widest != NULL && -widest->key > fluid->level * SLACK)
			squeeze(fluid, flows, widest->flow);
		else
			return;
	}
}

void fluid_open(struct fluid *fluid, double capacity, double now)
{
	*fluid = (struct fluid){ .capacity = capacity, .now = now, .level = capacity };
}

void fluid_close(struct fluid *fluid)
{
	free(fluid->free_ends.entries);
	free(fluid->free_rates.entries);
	free(fluid->squeezed_ends.entries);
	free(fluid->squeezed_rates.entries);
}

int fluid_add(struct fluid *fluid, struct fluid_flow *flows, uint32_t number, double bytes, double own)
{
	size_t count = fluid_flows(fluid) + 1;

	if (!make_room(&fluid->free_ends, count) || !make_room(&fluid->free_rates, count)
	    || !make_room(&fluid->squeezed_ends, count) || !make_room(&fluid->squeezed_rates, count))
		return -ENOMEM;
	flows[number].own = own;
	go_free(fluid, flows, number, bytes);
	rebalance(fluid, flows);
	return 0;
}

void fluid_remove(struct fluid *fluid, struct fluid_flow *flows, uint32_t number)
{
	if (flows[number].squeezed)
		leave_squeezed(fluid, flows, number);
	else
		leave_free(fluid, flows, number);
	rebalance(fluid, flows);
}

double fluid_next(const struct fluid *fluid, uint32_t *ret_number)
{
	double next = HUGE_VAL;

	if (fluid->free_ends.count > 0) {
		next = fluid->free_ends.entries[0].key;
		*ret_number = fluid->free_ends.entries[0].flow;
	}
	if (fluid->squeezed_ends.count > 0) {
		double left = positive(fluid->squeezed_ends.entries[0].key - fluid->squeezed_work);

		if (fluid->now + left / fluid->level < next) {
			next = fluid->now + left / fluid->level;
			*ret_number = fluid->squeezed_ends.entries[0].flow;
		}
	}
	return next;
}

void fluid_advance(struct fluid *fluid, double now)
{
	double elapsed = positive(now - fluid->now);

	fluid->moved += elapsed * fluid_rate(fluid);
	if (fluid->squeezed_ends.count > 0)
		fluid->squeezed_work += elapsed * fluid->level;
	fluid->now += elapsed;
}

double fluid_rate(const struct fluid *fluid)
{
	return fluid->free_rate + (double)fluid->squeezed_ends.count * fluid->level;
}

size_t fluid_flows(const struct fluid *fluid)
{
	return fluid->free_ends.count + fluid->squeezed_ends.count;
}
