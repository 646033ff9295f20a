/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The plan's disciplines and classes as text, the way tc(8) would have them typed in. */

#include <inttypes.h>

#include "kernel/shaper.h"

static void print_queue(FILE *out, const char *device, const struct shaper_class *class, enum shaper_queue queue)
{
	fprintf(out, "qdisc replace dev %s parent %x:%x %s", device, SHAPER_MAJOR, class->minor, shaper_queue_name(queue));
	switch (queue) {
	case QUEUE_FQ_CODEL:
		fprintf(out, " target %" PRIu32 "us interval 100ms", class->target_us);
		break;
	case QUEUE_PLAIN:
	case QUEUE_UNKNOWN:
		fprintf(out, " limit %" PRIu32, class->queue_packets);
		break;
	case QUEUE_SFQ:
		break;
	}
	fputc('\n', out);
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

static void print_device(FILE *out, const struct shaper_device *device, enum shaper_queue queue)
{
	fprintf(out, "qdisc replace dev %s root handle %x: htb default 0x%x # %s\n", device->device, SHAPER_MAJOR,
		device->standard, device->inside ? "downloads" : "upload");
	for (size_t i = 0; i < device->count; i++) {
		print_class(out, device->device, &device->classes[i]);
		if (device->classes[i].leaf)
			print_queue(out, device->device, &device->classes[i], queue);
	}
}

void shaper_print(FILE *out, const struct shaper_plan *plan, enum shaper_queue queue)
{
	if (plan->count > 0)
		fputs("# tc\n", out);
	for (size_t i = 0; i < plan->count; i++)
		print_device(out, &plan->devices[i], queue);
}
