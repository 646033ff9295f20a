/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The shaping that classes and bandwidths ask for: HTB trees by device, as plain data. */

#include "core/plan_shaper.h"

#include <string.h>

#include "core/mark.h"

#define RATE_LEAST_BPS 8000

/* No device is faster: what is not shaped never waits for its tokens. */
#define RATE_FREE_BPS 400000000000

#define FRAME 1514

/* Tokens for this long wait for who comes late: the kernel wakes the shaper up less often than packets go. */
#define BURST_MS 4

#define QUEUE_MS 50

/* A segment of 64 KB takes a millisecond here. */
#define SPLIT_BELOW_BPS 500000000

/* One link in one direction. */
struct pipe {
	const struct config *config;
	const struct ids *ids;
	size_t link;
	uint64_t bps;
};

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint32_t bytes_in(uint64_t bps, unsigned int ms)
{
	return (uint32_t)least(bps / 8000 * ms, UINT32_MAX / 2);
}

/* A hundredth of a second: small enough that nobody waits long for his turn, a frame at least. */
static uint32_t quantum_of(uint64_t bps)
{
	return (uint32_t)least(most(bps / 8 / 100, FRAME), 60000);
}

/* codel's own 5 ms, or the time of one and a half frames on a slow link. */
static uint32_t target_of(uint64_t bps)
{
	return (uint32_t)least(most(FRAME * 12ull * 1000000 / most(bps, RATE_LEAST_BPS), 5000), 50000);
}

/* Fills in what follows from rate and ceil. */
static struct shaper_class finish(struct shaper_class class)
{
	class.quantum = quantum_of(class.rate_bps);
	class.burst = FRAME + bytes_in(class.rate_bps, BURST_MS);
	class.ceil_burst = FRAME + bytes_in(class.ceil_bps, BURST_MS);
	class.queue_packets = (uint32_t)least(most(bytes_in(class.ceil_bps, QUEUE_MS) / FRAME, 10), 1000);
	class.queue_bytes = (uint32_t)least(most(bytes_in(class.ceil_bps, QUEUE_MS), 10 * FRAME), 1000 * FRAME);
	class.target_us = target_of(class.ceil_bps);
	return class;
}

/* No class has less guaranteed: a connection would die of it. */
static uint64_t smallest_part(const struct pipe *pipe)
{
	return most(least(RATE_LEAST_BPS, pipe->bps / 64), 8);
}

/* What classes without a guarantee have, so that they never starve: together a fiftieth of the link. */
static uint64_t small_part(const struct pipe *pipe)
{
	const struct qos *qos = &pipe->config->qos;
	size_t without = 0;

	for (size_t i = 0; i < qos->count; i++)
		without += config_share(&qos->classes[i].min, pipe->bps) == 0;
	return without == 0 ? 0 : most(least(pipe->bps / 50 / without, pipe->bps / 200), smallest_part(pipe));
}

static uint64_t checks_part(const struct pipe *pipe)
{
	return most(pipe->bps / 100, smallest_part(pipe));
}

/* What the class is to have, were there no others. */
static uint64_t wanted_part(const struct pipe *pipe, const struct qos_class *class)
{
	uint64_t min = config_share(&class->min, pipe->bps);

	return min == 0 ? small_part(pipe) : most(min, smallest_part(pipe));
}

/* Where all together want more than the link has, each gives way in proportion. */
static uint64_t rate_of(const struct pipe *pipe, const struct qos_class *class, uint64_t room)
{
	const struct qos *qos = &pipe->config->qos;
	uint64_t wanted = wanted_part(pipe, class), sum = 0;

	for (size_t i = 0; i < qos->count; i++)
		sum += wanted_part(pipe, &qos->classes[i]);
	if (sum > room)
		wanted = (uint64_t)((double)wanted * (double)room / (double)sum);
	return most(wanted, 8);
}

static struct shaper_class class_of(const struct pipe *pipe, size_t index, uint64_t room)
{
	const struct qos_class *class = &pipe->config->qos.classes[index];
	uint64_t max = config_share(&class->max, pipe->bps), rate = rate_of(pipe, class, room);
	unsigned int link = pipe->ids->links[pipe->link];
	struct shaper_class leaf = {
		.minor = (uint16_t)(link | (unsigned int)pipe->ids->classes[index] << MARK_LINK_BITS),
		.parent = (uint16_t)(SHAPER_LINK_MINOR | link),
		.leaf = true,
		.split = pipe->bps < SPLIT_BELOW_BPS,
		.ceil_bps = max > 0 ? max : pipe->bps,
		.priority = class->priority,
		.link = pipe->config->links[pipe->link].name,
		.qos_class = class->name,
	};

	leaf.rate_bps = least(rate, leaf.ceil_bps);
	return finish(leaf);
}

static uint16_t checks_minor(const struct pipe *pipe)
{
	return (uint16_t)(pipe->ids->links[pipe->link] | MARK_CLASS_CHECK << MARK_LINK_BITS);
}

static void add_checks(struct shaper_device *device, const struct pipe *pipe)
{
	unsigned int link = pipe->ids->links[pipe->link];

	device->classes[device->count++] = finish((struct shaper_class){
		.minor = checks_minor(pipe),
		.parent = (uint16_t)(SHAPER_LINK_MINOR | link),
		.leaf = true,
		.split = pipe->bps < SPLIT_BELOW_BPS,
		.rate_bps = checks_part(pipe),
		.ceil_bps = pipe->bps,
		.link = pipe->config->links[pipe->link].name,
		.qos_class = SHAPER_CHECKS,
	});
}

/* The link's class and those below it. */
static void add_link(struct shaper_device *device, const struct pipe *pipe)
{
	const struct config *config = pipe->config;
	uint64_t room = pipe->bps - (device->inside ? 0 : checks_part(pipe));

	device->classes[device->count++] = finish((struct shaper_class){
		.minor = (uint16_t)(SHAPER_LINK_MINOR | pipe->ids->links[pipe->link]),
		.rate_bps = pipe->bps,
		.ceil_bps = pipe->bps,
		.link = config->links[pipe->link].name,
	});
	for (size_t i = 0; i < config->qos.count; i++)
		device->classes[device->count++] = class_of(pipe, i, room);
	if (!device->inside)
		add_checks(device, pipe);
}

static bool make_device(struct arena *arena, struct shaper_plan *plan, const char *name, size_t classes, bool inside)
{
	struct shaper_device *device = &plan->devices[plan->count];

	/* A name of the view goes with its world. */
	*device = (struct shaper_device){ .device = arena_text(arena, name, strlen(name)), .inside = inside };
	device->classes = arena_array(arena, classes, sizeof(*device->classes));
	plan->count++;
	return device->device != NULL && device->classes != NULL;
}

static bool plan_upload(struct arena *arena, struct shaper_plan *plan, const struct pipe *pipe)
{
	struct shaper_device *device = &plan->devices[plan->count];

	if (!make_device(arena, plan, pipe->config->links[pipe->link].device, pipe->config->qos.count + 2, false))
		return false;
	device->standard = checks_minor(pipe);
	add_link(device, pipe);
	return true;
}

static bool any_download(const struct config *config, const struct view *view)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (view_download_bps(view, config, i) > 0)
			return true;
	}
	return false;
}

static bool plan_download(struct arena *arena, struct shaper_plan *plan, const struct config *config,
	const struct ids *ids, const struct view *view, const char *name)
{
	struct shaper_device *device = &plan->devices[plan->count];

	if (!make_device(arena, plan, name, config->link_count * (config->qos.count + 1) + 1, true))
		return false;
	device->standard = SHAPER_FREE_MINOR;
	for (size_t i = 0; i < config->link_count; i++) {
		struct pipe pipe = { config, ids, i, view_download_bps(view, config, i) };

		if (pipe.bps > 0)
			add_link(device, &pipe);
	}
	device->classes[device->count++] = finish((struct shaper_class){
		.minor = SHAPER_FREE_MINOR,
		.leaf = true,
		.rate_bps = RATE_FREE_BPS,
		.ceil_bps = RATE_FREE_BPS,
	});
	return true;
}

/* Not the device of a link, though a network may lead there. */
static void add_name(const struct config *config, struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++) {
		if (strcmp(names->items[i], name) == 0)
			return;
	}
	for (size_t i = 0; i < config->link_count; i++) {
		if (strcmp(config->links[i].device, name) == 0)
			return;
	}
	names->items[names->count++] = name;
}

bool plan_inside_devices(struct arena *arena, const struct config *config, const struct view *view, struct names *ret_names)
{
	struct names names = { 0 };
	size_t most_names = 0;

	for (size_t i = 0; i < config->zone_count; i++)
		most_names += config->zones[i].devices.count + view->zones[i].carriers.count;
	names.items = arena_array(arena, most_names, sizeof(*names.items));
	if (names.items == NULL)
		return false;
	for (size_t i = 0; i < config->zone_count; i++) {
		const struct names *devices = &config->zones[i].devices;

		if (devices->count == 0)
			devices = &view->zones[i].carriers;
		for (size_t j = 0; j < devices->count; j++)
			add_name(config, &names, devices->items[j]);
	}
	*ret_names = names;
	return true;
}

bool plan_shaper(struct arena *arena, const struct config *config, const struct ids *ids, const struct view *view,
	struct shaper_plan *ret_plan)
{
	struct shaper_plan plan = { 0 };
	struct names inside = { 0 };

	*ret_plan = plan;
	if (config->qos.count == 0)
		return true;
	if (any_download(config, view) && !plan_inside_devices(arena, config, view, &inside))
		return false;
	plan.devices = arena_array(arena, config->link_count + inside.count, sizeof(*plan.devices));
	if (plan.devices == NULL)
		return false;
	for (size_t i = 0; i < config->link_count; i++) {
		struct pipe pipe = { config, ids, i, view_upload_bps(view, config, i) };

		if (pipe.bps > 0 && !plan_upload(arena, &plan, &pipe))
			return false;
	}
	for (size_t i = 0; i < inside.count; i++) {
		if (!plan_download(arena, &plan, config, ids, view, inside.items[i]))
			return false;
	}
	*ret_plan = plan;
	return true;
}

bool plan_shaper_lacks_upload(const struct config *config, const struct link *link)
{
	return config->qos.count > 0 && link->upload_bps == 0 && !link->learn[1].on;
}

bool plan_shaper_lacks_download(const struct config *config, const struct link *link)
{
	return config->qos.count > 0 && link->download_bps == 0 && !link->learn[0].on;
}
