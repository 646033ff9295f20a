/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Measures the links each second, and lets weights and shaping follow what was learnt of them. */

#include <string.h>

#include "daemon/daemon.h"
#include "daemon/measure.h"

/* What was learnt is followed when it is so many percent off what is in force, */
#define FOLLOW_PERCENT      20
/* or less by so many while a queue grows: where we shape, it would not shrink otherwise. */
#define FOLLOW_DOWN_PERCENT 5
/* Not more often than this: each time is a new plan. */
#define FOLLOW_MS           10000

/* Of what was learnt: the queue shall be ours, not the provider's. */
#define SHAPE_PERCENT       95

#define KEEP_EVERY_S        60

static uint64_t capacity_of(const struct link_run *run, enum direction direction)
{
	return meter_capacity_bps(&run->meter, run->link, direction);
}

static bool plan_shapes(const struct daemon *daemon, const struct link_run *run, enum direction direction)
{
	const struct shaper_plan *plan = &daemon->plan->shaper;

	for (size_t i = 0; i < plan->count; i++) {
		const struct shaper_device *device = &plan->devices[i];

		if (direction == DOWNLOAD ? device->inside : strcmp(device->device, run->link->device) == 0)
			return true;
	}
	return false;
}

static void measure_link(struct daemon *daemon, struct link_run *run, uint64_t now_ms)
{
	const struct device *device = devices_find(daemon->devices, run->link->device);
	uint64_t held_bps[DIRECTIONS] = { 0 };

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		if (run->link->learn[direction].on && plan_shapes(daemon, run, direction))
			held_bps[direction] = run->view.learnt_bps[direction];
	}
	if (device == NULL)
		meter_pause(&run->meter);
	else
		meter_second(&run->meter, run->link, (uint64_t[]){ device->received, device->sent }, held_bps, now_ms);
	meter_publish(&run->meter, run->link, &daemon->loads->links[run->id]);
}

/* Of numbers that no link has now. Connections live on: whoever counts them knows when they end. */
static void forget_others(struct daemon *daemon)
{
	bool ours[MARK_LINK_MAX + 1] = { false };

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		ours[daemon->links[i].id] = true;
	for (unsigned int id = 0; id <= MARK_LINK_MAX; id++) {
		struct link_load *load = &daemon->loads->links[id];

		for (enum direction direction = DOWNLOAD; !ours[id] && direction <= UPLOAD; direction++) {
			load->rate_bps[direction] = 0;
			load->capacity_bps[direction] = 0;
			load->pace_bps[direction] = 0;
			load->placed_bps[direction] = 0;
		}
		if (ours[id])
			continue;
		load->delay_us = 0;
		load->full = false;
		load->congested = false;
	}
}

static bool differs(uint64_t now, uint64_t before, bool congested)
{
	uint64_t up = before + before * FOLLOW_PERCENT / 100, down = before - before * FOLLOW_PERCENT / 100;

	if (congested)
		down = before - before * FOLLOW_DOWN_PERCENT / 100;
	return now > up || now < down;
}

static bool has_news(const struct link_run *run)
{
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		uint64_t now = capacity_of(run, direction);

		if (run->link->learn[direction].on && now != 0 && differs(now, run->followed_bps[direction], run->meter.congested))
			return true;
	}
	return false;
}

static void follow_weights(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;
	uint64_t bandwidths[CONFIG_LINKS_MAX] = { 0 };
	unsigned int weights[CONFIG_LINKS_MAX];

	for (size_t i = 0; i < config->link_count; i++) {
		bandwidths[i] = capacity_of(&daemon->links[i], DOWNLOAD);
		if (bandwidths[i] == 0)
			bandwidths[i] = capacity_of(&daemon->links[i], UPLOAD);
	}
	config_weights(config, bandwidths, weights);
	if (!config_weights_fit(config, weights))
		return;
	for (size_t i = 0; i < config->link_count; i++)
		daemon->links[i].view.weight = config->links[i].weight_follows ? weights[i] : 0;
}

void measure_follow(struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
			uint64_t now = run->link->learn[direction].on ? capacity_of(run, direction) : 0;

			run->followed_bps[direction] = now;
			run->view.learnt_bps[direction] = now / 100 * SHAPE_PERCENT;
		}
	}
	follow_weights(daemon);
}

static void follow(struct daemon *daemon, uint64_t now_ms)
{
	bool news = false;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		news |= has_news(&daemon->links[i]);
	if (!news || (daemon->followed_ms != 0 && now_ms - daemon->followed_ms < FOLLOW_MS))
		return;
	daemon->followed_ms = now_ms;
	measure_follow(daemon);
	if (apply_all(daemon, NULL) < 0)
		events_add(daemon->events, EVENT_LINK, EVENT_ERROR, NULL, "no memory: weights stay as they were");
}

static bool any_learns(const struct config *config)
{
	for (size_t i = 0; i < config->link_count; i++) {
		if (config->links[i].learn[DOWNLOAD].on || config->links[i].learn[UPLOAD].on)
			return true;
	}
	return false;
}

void measure_second(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;
	uint64_t now_ms = verdicts_now_ms();

	for (size_t i = 0; i < config->link_count; i++)
		measure_link(daemon, &daemon->links[i], now_ms);
	forget_others(daemon);
	if (!any_learns(config))
		return;
	follow(daemon, now_ms);
	if (now_ms / 1000 % KEEP_EVERY_S == 0)
		keep_learnt(daemon);
}

void measure_pace(struct daemon *daemon, struct link_run *run, uint64_t now_ms)
{
	struct link_load *load = &daemon->loads->links[run->id];
	struct pace_look look = {
		.bytes = { run->glanced[0], run->glanced[1] },
		.capacity_bps = { capacity_of(run, DOWNLOAD), capacity_of(run, UPLOAD) },
		.whole = meter_whole(&run->meter, atomic_load_explicit(&load->connections, memory_order_relaxed), now_ms),
		.silent = run->meter.lost,
		.now_ms = now_ms,
	};

	pace_look(&run->pace, &look);
	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++)
		atomic_store_explicit(&load->pace_bps[direction], pace_bps(&run->pace, direction), memory_order_relaxed);
}

void measure_inherit(struct link_run *run, const struct link_run *before)
{
	run->meter = before->meter;
	run->pace = before->pace;
	memcpy(run->glanced, before->glanced, sizeof(run->glanced));
	memcpy(run->followed_bps, before->followed_bps, sizeof(run->followed_bps));
}

static json_t *pack_pipe(const struct capacity *capacity)
{
	return json_pack("{s:I, s:f}", "bps", (json_int_t)capacity->bps, "confidence", capacity->confidence);
}

static json_t *pack_link(const struct link_run *run)
{
	static const char *const names[] = { [DOWNLOAD] = "download", [UPLOAD] = "upload" };
	json_t *document = json_object();

	for (enum direction direction = DOWNLOAD; direction <= UPLOAD; direction++) {
		const struct capacity *capacity = &run->meter.pipes[direction].capacity;

		if (run->link->learn[direction].on && capacity->known)
			json_object_set_new(document, names[direction], pack_pipe(capacity));
	}
	return document;
}

/* The caller frees it. NULL: no memory. */
char *measure_export(const struct daemon *daemon)
{
	json_t *document = json_object();
	char *text;

	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		json_object_set_new(document, daemon->links[i].link->name, pack_link(&daemon->links[i]));
	text = json_dumps(document, JSON_INDENT(2));
	json_decref(document);
	return text;
}

static void recall(struct link_run *run, enum direction direction, const json_t *pipe)
{
	json_int_t bps = json_integer_value(json_object_get(pipe, "bps"));
	double confidence = json_number_value(json_object_get(pipe, "confidence"));

	if (run->link->learn[direction].on && bps > 0 && confidence >= 0 && confidence <= 1)
		capacity_recall(&run->meter.pipes[direction].capacity, (uint64_t)bps, confidence);
}

void measure_import(struct daemon *daemon, const char *text, size_t size)
{
	json_t *document = json_loadb(text, size, 0, NULL);

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];
		const json_t *link = json_object_get(document, run->link->name);

		recall(run, DOWNLOAD, json_object_get(link, "download"));
		recall(run, UPLOAD, json_object_get(link, "upload"));
	}
	json_decref(document);
	measure_follow(daemon);
}

static void report_pipe(json_t *document, const struct link_run *run, enum direction direction)
{
	static const char *const keys[DIRECTIONS][4] = {
		[DOWNLOAD] = { "download_capacity_bps", "download_capacity", "download_confidence", "download_load" },
		[UPLOAD] = { "upload_capacity_bps", "upload_capacity", "upload_confidence", "upload_load" },
	};
	const struct capacity *capacity = &run->meter.pipes[direction].capacity;
	uint64_t bps = capacity_of(run, direction);
	bool learns = run->link->learn[direction].on;

	json_object_set_new(document, keys[direction][0], bps == 0 ? json_null() : json_integer((json_int_t)bps));
	json_object_set_new(document, keys[direction][1], json_string(bps == 0 ? "unknown" : learns ? "learnt" : "given"));
	json_object_set_new(document, keys[direction][2], learns ? json_real(capacity->confidence) : json_null());
	json_object_set_new(document, keys[direction][3],
		bps == 0 ? json_null() : json_real((double)meter_rate_bps(&run->meter, direction) / (double)bps));
}

void measure_report(json_t *document, const struct link_run *run)
{
	report_pipe(document, run, DOWNLOAD);
	report_pipe(document, run, UPLOAD);
	json_object_set_new(document, "full", json_boolean(run->meter.full));
	json_object_set_new(document, "congested", json_boolean(run->meter.congested));
}
