/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shaping as it runs: brings the plan to the devices, watches what classes let pass. */

#include "daemon/shape.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

/* A queue that is not the best is told of once in the life of the daemon. */
static void tell_queue(struct daemon *daemon)
{
	struct shaping *shaping = &daemon->shaping;

	if (shaping->queue_told || shaping->features.queue == QUEUE_UNKNOWN || shaping->features.queue == QUEUE_FQ_CODEL)
		return;
	shaping->queue_told = true;
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
		"this kernel has no fq_codel (CONFIG_NET_SCH_FQ_CODEL): classes queue by %s, where one connection delays the others of its class",
		shaper_queue_name(shaping->features.queue));
}

static void tell_split(struct daemon *daemon)
{
	struct shaping *shaping = &daemon->shaping;

	if (shaping->split_told || shaping->features.split != SPLIT_MISSING)
		return;
	shaping->split_told = true;
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
		"this kernel has no tbf (CONFIG_NET_SCH_TBF): large segments are not split and delay others on slow links");
}

/* The reconcile pass tries again each second: the same words once are enough. */
static void tell_failure(struct daemon *daemon, int error, const char *message)
{
	struct shaping *shaping = &daemon->shaping;

	if (error == 0) {
		shaping->complaint[0] = '\0';
	} else if (strcmp(shaping->complaint, message) != 0) {
		snprintf(shaping->complaint, sizeof(shaping->complaint), "%s", message);
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "shaping: %s%s", message,
			error == -ENOENT ? " (CONFIG_NET_SCH_HTB)" : "");
	}
}

static void tell_changes(struct daemon *daemon, const struct shaper_changes *changes, bool expected)
{
	if (changes->replaced[0] != '\0')
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"the queueing discipline %s was replaced by ours: qos is configured", changes->replaced);
	if (expected || changes->devices_added + changes->classes_added + changes->classes_changed == 0)
		return;
	events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
		"another program changed our shaping: restored %u devices and %u classes", changes->devices_added,
		changes->classes_added + changes->classes_changed);
}

void shape_apply(struct daemon *daemon, const struct shaper_plan *plan, bool expected)
{
	struct shaping *shaping = &daemon->shaping;
	struct shaper_changes changes = { 0 };
	char message[256] = "";
	int error;

	/* Without classes only what an earlier configuration left is looked for, until nothing is found. */
	if (plan->count == 0 && !shaping->present && !expected)
		return;
	error = shaper_apply(daemon->routing, plan, &shaping->features, &changes, message, sizeof(message));
	shaping->present = plan->count > 0 || changes.devices_removed > 0 || error < 0;
	tell_failure(daemon, error, message);
	tell_changes(daemon, &changes, expected);
	tell_queue(daemon);
	tell_split(daemon);
}

static struct shape_sample *find_sample(struct shaping *shaping, const char *device, uint16_t minor)
{
	for (size_t i = 0; i < shaping->sample_count; i++) {
		struct shape_sample *sample = &shaping->samples[i];

		if (sample->minor == minor && strcmp(sample->device, device) == 0)
			return sample;
	}
	return NULL;
}

/* NULL: no memory. */
static struct shape_sample *add_sample(struct shaping *shaping, const struct shaper_figures *figures)
{
	struct shape_sample *sample;

	if (shaping->sample_count == shaping->sample_room) {
		size_t room = shaping->sample_room == 0 ? 64 : 2 * shaping->sample_room;
		struct shape_sample *grown = realloc(shaping->samples, room * sizeof(*grown));

		if (grown == NULL)
			return NULL;
		shaping->samples = grown;
		shaping->sample_room = room;
	}
	sample = &shaping->samples[shaping->sample_count++];
	*sample = (struct shape_sample){ .minor = figures->class->minor, .bytes = figures->bytes };
	snprintf(sample->device, sizeof(sample->device), "%s", figures->device->device);
	return sample;
}

struct watch {
	struct shaping *shaping;
	uint64_t past_ms;
};

static void take_figures(void *data, const struct shaper_figures *figures)
{
	const struct watch *watch = data;
	struct shape_sample *sample = find_sample(watch->shaping, figures->device->device, figures->class->minor);

	if (sample == NULL)
		sample = add_sample(watch->shaping, figures);
	if (sample == NULL)
		return;
	/* A class that was made anew counts from zero. */
	sample->rate_bps = watch->past_ms == 0 || figures->bytes < sample->bytes
	                           ? 0
	                           : (figures->bytes - sample->bytes) * 8000 / watch->past_ms;
	sample->bytes = figures->bytes;
	sample->packets = figures->packets;
	sample->dropped = figures->dropped;
	sample->waiting = figures->waiting;
	sample->seen = true;
}

static void forget_unseen(struct shaping *shaping)
{
	size_t kept = 0;

	for (size_t i = 0; i < shaping->sample_count; i++) {
		if (shaping->samples[i].seen)
			shaping->samples[kept++] = shaping->samples[i];
	}
	shaping->sample_count = kept;
}

void shape_watch(struct daemon *daemon)
{
	struct shaping *shaping = &daemon->shaping;
	uint64_t now_ms = verdicts_now_ms();
	struct watch watch = { shaping, shaping->sampled_at_ms == 0 ? 0 : now_ms - shaping->sampled_at_ms };

	shaping->sampled_at_ms = now_ms;
	for (size_t i = 0; i < shaping->sample_count; i++)
		shaping->samples[i].seen = false;
	if (daemon->plan->shaper.count > 0 && shaper_figures(daemon->routing, &daemon->plan->shaper, take_figures, &watch) < 0)
		return;
	forget_unseen(shaping);
}

static json_t *report_leaf(struct shaping *shaping, const struct shaper_device *device, const struct shaper_class *class)
{
	static const struct shape_sample none;
	const struct shape_sample *sample = find_sample(shaping, device->device, class->minor);

	if (sample == NULL)
		sample = &none;
	return json_pack("{s:s, s:s, s:s?, s:s?, s:I, s:I, s:i, s:I, s:I, s:I, s:I, s:I}",
		"device", device->device,
		"direction", device->inside ? "download" : "upload",
		"link", class->link,
		"class", class->qos_class,
		"min_bps", (json_int_t)class->rate_bps,
		"max_bps", (json_int_t)class->ceil_bps,
		"priority", (int)class->priority,
		"bytes", (json_int_t)sample->bytes,
		"packets", (json_int_t)sample->packets,
		"dropped", (json_int_t)sample->dropped,
		"waiting_bytes", (json_int_t)sample->waiting,
		"rate_bps", (json_int_t)sample->rate_bps);
}

json_t *shape_report(struct daemon *daemon)
{
	const struct shaper_plan *plan = &daemon->plan->shaper;
	json_t *list = json_array();

	for (size_t i = 0; i < plan->count; i++) {
		for (size_t j = 0; j < plan->devices[i].count; j++) {
			const struct shaper_class *class = &plan->devices[i].classes[j];

			/* What is not shaped has no limits to tell of. */
			if (class->leaf && class->link != NULL)
				json_array_append_new(list, report_leaf(&daemon->shaping, &plan->devices[i], class));
		}
	}
	return list;
}

static void advise_links(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;

	for (size_t i = 0; i < config->link_count; i++) {
		const struct link *link = &config->links[i];
		bool upload = plan_shaper_lacks_upload(config, link), download = plan_shaper_lacks_download(config, link);

		if (upload || download)
			events_add(daemon->events, EVENT_KERNEL, EVENT_NOTICE, link->name,
				"link %s has no bandwidth for %s: classes have no effect there", link->name,
				upload && download ? "upload and download" : upload ? "upload" : "download");
	}
}

void shape_advise(struct daemon *daemon)
{
	const struct shaper_plan *plan = &daemon->plan->shaper;
	size_t inside = 0;
	bool wanted = false;

	advise_links(daemon);
	for (size_t i = 0; i < daemon->generation->config->link_count; i++)
		wanted |= daemon->generation->config->links[i].download_bps > 0
			|| daemon->generation->config->links[i].learn[0].on;
	for (size_t i = 0; i < plan->count; i++)
		inside += plan->devices[i].inside;
	if (daemon->generation->config->qos.count == 0 || !wanted)
		return;
	if (inside == 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_NOTICE, NULL,
			"no zone has a device: downloads are not shaped");
	if (inside > 1)
		events_add(daemon->events, EVENT_KERNEL, EVENT_NOTICE, NULL,
			"downloads are shaped on each of %zu inside devices: busy at once they may take more than a link has", inside);
}

void shape_free(struct shaping *shaping)
{
	free(shaping->samples);
}
