/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan's disciplines and classes as text, the way tc(8) would have them typed in. */

#include <inttypes.h>

#include "kernel/shaper.h"

/* Without a frame of the device: the usual one. */
static void print_splitter(FILE *out, const char *device, const struct shaper_class *class)
{
	fprintf(out, "qdisc replace dev %s parent %x:%x handle %x: tbf rate %lluBit burst 1578 limit %" PRIu32 "\n", device,
		SHAPER_MAJOR, class->minor, SHAPER_SPLIT_MAJOR | class->minor, (unsigned long long)SHAPER_SPLIT_BPS,
		class->queue_bytes);
}

static void print_parent(FILE *out, const char *device, const struct shaper_class *class, bool split)
{
	if (split)
		fprintf(out, "qdisc replace dev %s parent %x:1", device, SHAPER_SPLIT_MAJOR | class->minor);
	else
		fprintf(out, "qdisc replace dev %s parent %x:%x", device, SHAPER_MAJOR, class->minor);
}

static void print_queue(FILE *out, const char *device, const struct shaper_class *class,
	const struct shaper_features *features)
{
	bool split = class->split && features->split != SPLIT_MISSING;

	if (split)
		print_splitter(out, device, class);
	switch (features->queue) {
	case QUEUE_FQ_CODEL:
		print_parent(out, device, class, split);
		fprintf(out, " fq_codel target %" PRIu32 "us interval 100ms\n", class->target_us);
		break;
	case QUEUE_SFQ:
		print_parent(out, device, class, split);
		fputs(" sfq\n", out);
		break;
	case QUEUE_PLAIN:
	case QUEUE_UNKNOWN:
		/* What splits has a plain queue by itself. */
		if (split)
			break;
		print_parent(out, device, class, split);
		fprintf(out, " pfifo limit %" PRIu32 "\n", class->queue_packets);
		break;
	}
}

static void print_class(FILE *out, const char *device, const struct shaper_class *class)
{
	fprintf(out, "class replace dev %s parent %x:", device, SHAPER_MAJOR);
	if (class->parent != 0)
		fprintf(out, "%x", class->parent);
	fprintf(out, " classid %x:%x htb rate %" PRIu64 "bit ceil %" PRIu64 "bit burst %" PRIu32 " cburst %" PRIu32,
		SHAPER_MAJOR, class->minor, class->rate_bps, class->ceil_bps, class->burst, class->ceil_burst);
	if (class->leaf)
		fprintf(out, " prio %u quantum %" PRIu32, class->priority, class->quantum);
	if (class->link == NULL)
		fputs(" # not shaped\n", out);
	else if (class->leaf)
		fprintf(out, " # link %s, class %s\n", class->link, class->qos_class);
	else
		fprintf(out, " # link %s\n", class->link);
}

static void print_device(FILE *out, const struct shaper_device *device, const struct shaper_features *features)
{
	fprintf(out, "qdisc replace dev %s root handle %x: htb default 0x%x # %s\n", device->device, SHAPER_MAJOR,
		device->standard, device->inside ? "downloads" : "upload");
	for (size_t i = 0; i < device->count; i++) {
		print_class(out, device->device, &device->classes[i]);
		if (device->classes[i].leaf)
			print_queue(out, device->device, &device->classes[i], features);
	}
}

void shaper_print(FILE *out, const struct shaper_plan *plan, const struct shaper_features *features)
{
	if (plan->count > 0)
		fputs("# tc\n", out);
	for (size_t i = 0; i < plan->count; i++)
		print_device(out, &plan->devices[i], features);
}
