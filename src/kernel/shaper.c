/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes the queueing disciplines of devices what the plan says: the difference only, in place. */

#include "kernel/shaper.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <net/if.h>
#include <string.h>

#include "kernel/shaper_queue.h"

struct work {
	struct netlink *netlink;
	struct shaper_features *features;
	struct present_shaper present;
	struct shaper_changes changes;
	int error; /* the first */
	char *message;
	size_t size;
};

/* One device of the plan that is there. */
struct site {
	const struct shaper_device *wanted;
	uint32_t index;
	uint32_t frame;                     /* bytes of the largest */
	const struct present_queue *root;   /* NULL: the kernel's own */
	struct present_class *classes;      /* where it is ours */
	bool ours;
};

/* Keeps the first failure and its words. A device that went meanwhile is none. */
static void fail(struct work *work, int error, const char *object, const char *device)
{
	const char *reason = netlink_reason(work->netlink);

	if (work->error != 0 || error == -ENODEV)
		return;
	work->error = error;
	if (work->size > 0)
		snprintf(work->message, work->size, "%s of %s: %s%s%s", object, device, strerror(-error),
			reason[0] != '\0' ? ": " : "", reason);
}

static int ask(struct work *work, struct nlmsghdr *request)
{
	return netlink_ask(work->netlink, request, NULL, NULL);
}

static bool is_same(const struct shaper_class *class, const struct present_class *present)
{
	struct shaper_native wanted = shaper_native(class);
	const struct shaper_native *native = &present->native;

	return wanted.rate == native->rate && wanted.ceil == native->ceil && wanted.burst == native->burst
	       && wanted.ceil_burst == native->ceil_burst
	       && (!class->leaf || (wanted.quantum == native->quantum && wanted.priority == native->priority));
}

/* In place where it is there: what waits in it stays, and its counters go on. */
static void apply_class(struct work *work, const struct site *site, const struct shaper_class *class)
{
	uint8_t buffer[SHAPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct present_class *present = present_class_find(site->classes, class->minor);
	struct queue_site queue_site = { work->netlink, &work->present, work->features, site->index, site->frame };
	bool same = present != NULL && is_same(class, present);
	bool queue = !class->leaf || (same && queue_present(&queue_site, class));
	int error = same ? 0 : ask(work, shaper_build_class(buffer, site->index, class));

	if (error < 0) {
		fail(work, error, "a class", site->wanted->device);
		return;
	}
	error = queue ? 0 : queue_set(&queue_site, class);
	if (error < 0)
		fail(work, error, "the queue of a class", site->wanted->device);
	if (present == NULL)
		work->changes.classes_added++;
	else if (!same || !queue)
		work->changes.classes_changed++;
}

static bool is_wanted(const struct shaper_device *device, uint16_t minor)
{
	for (size_t i = 0; i < device->count; i++) {
		if (device->classes[i].minor == minor)
			return true;
	}
	return false;
}

static void remove_class(struct work *work, const struct site *site, uint16_t minor)
{
	uint8_t buffer[SHAPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	int error = ask(work, shaper_build_class_removal(buffer, site->index, minor));

	if (error == 0)
		work->changes.classes_removed++;
	/* EBUSY: it still has classes below it, whose turn comes first. */
	else if (error != -ENOENT && error != -EBUSY)
		fail(work, error, "an old class", site->wanted->device);
}

/* Leaves first. Nothing leads packets there any more, so that what waits is soon gone. */
static void remove_classes(struct work *work, const struct site *site)
{
	for (const struct present_class *class = site->classes; class != NULL; class = class->next) {
		if (class->minor < SHAPER_LINK_MINOR && class->waiting == 0 && !is_wanted(site->wanted, class->minor))
			remove_class(work, site, class->minor);
	}
	for (const struct present_class *class = site->classes; class != NULL; class = class->next) {
		if (class->minor >= SHAPER_LINK_MINOR && class->waiting == 0 && !is_wanted(site->wanted, class->minor))
			remove_class(work, site, class->minor);
	}
}

static int remove_root(struct work *work, uint32_t device)
{
	uint8_t buffer[SHAPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	int error = ask(work, shaper_build_root_removal(buffer, device));

	return error == -ENOENT || error == -ENODEV ? 0 : error;
}

static void tell_replaced(struct work *work, const struct site *site)
{
	if (work->changes.replaced[0] == '\0')
		snprintf(work->changes.replaced, sizeof(work->changes.replaced), "%s on %s", site->root->kind,
			site->wanted->device);
}

/* A root discipline of ours, with nothing below it. */
static int make_root(struct work *work, struct site *site)
{
	uint8_t buffer[SHAPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	int error;

	if (site->root != NULL && !site->ours)
		tell_replaced(work, site);
	/* One with our handle would be changed in place, which htb cannot. */
	if (site->root != NULL && site->root->handle == shaper_handle(0)) {
		error = remove_root(work, site->index);
		if (error < 0)
			return error;
	}
	site->classes = NULL;
	error = ask(work, shaper_build_root(buffer, site->index, site->wanted->standard));
	work->changes.devices_added += error == 0;
	return error;
}

/* Reads what is there, with its classes where the root may be ours. */
static int look(struct work *work, struct site *site)
{
	int error;

	site->root = present_queue_find(&work->present, site->index, TC_H_ROOT);
	if (site->root == NULL || site->root->handle != shaper_handle(0))
		return 0;
	error = present_classes_read(work->netlink, &work->present, site->index, &site->classes);
	site->ours = error == 0 && present_is_ours(site->root, site->classes);
	return error;
}

static void apply_device(struct work *work, const struct shaper_device *device)
{
	struct site site = { .wanted = device, .index = if_nametoindex(device->device) };
	int error;

	if (site.index == 0)
		return;
	error = queue_frame(work->netlink, site.index, &site.frame);
	if (error == 0)
		error = look(work, &site);
	if (error == 0 && (!site.ours || site.root->standard != device->standard))
		error = make_root(work, &site);
	if (error < 0) {
		fail(work, error, "the shaper", device->device);
		return;
	}
	for (size_t i = 0; i < device->count; i++)
		apply_class(work, &site, &device->classes[i]);
	remove_classes(work, &site);
}

static bool is_planned(const struct shaper_plan *plan, uint32_t index)
{
	for (size_t i = 0; i < plan->count; i++) {
		if (if_nametoindex(plan->devices[i].device) == index)
			return true;
	}
	return false;
}

static void remove_elsewhere(struct work *work, const struct shaper_plan *plan)
{
	for (const struct present_queue *root = work->present.queues; root != NULL; root = root->next) {
		struct site site = { .index = root->device };
		int error;

		if (root->parent != TC_H_ROOT || root->handle != shaper_handle(0) || is_planned(plan, root->device))
			continue;
		if (look(work, &site) < 0 || !site.ours)
			continue;
		error = remove_root(work, root->device);
		if (error < 0)
			fail(work, error, "the old shaper", "a device");
		else
			work->changes.devices_removed++;
	}
}

int shaper_apply(struct netlink *netlink, const struct shaper_plan *plan, struct shaper_features *features,
	struct shaper_changes *ret_changes, char *message, size_t size)
{
	struct work work = { .netlink = netlink, .features = features, .message = message, .size = size };
	int error = present_queues_read(netlink, &work.present);

	if (size > 0)
		message[0] = '\0';
	if (error < 0) {
		fail(&work, error, "what is there", "all devices");
	} else {
		for (size_t i = 0; i < plan->count; i++)
			apply_device(&work, &plan->devices[i]);
		remove_elsewhere(&work, plan);
	}
	present_queues_free(&work.present);
	*ret_changes = work.changes;
	return work.error;
}

int shaper_remove(struct netlink *netlink)
{
	static const struct shaper_plan nothing;
	struct shaper_features features = { 0 };
	struct shaper_changes changes;

	return shaper_apply(netlink, &nothing, &features, &changes, NULL, 0);
}

static void take_leaf(const struct present_shaper *present, uint32_t device, const struct present_class *class,
	struct shaper_figures *figures)
{
	const struct present_queue *queue = present_queue_find(present, device, shaper_splitter(class->minor) | 1);

	if (queue == NULL)
		queue = present_queue_find(present, device, shaper_handle(class->minor));
	figures->bytes = class->bytes;
	figures->packets = class->packets;
	figures->waiting = class->waiting;
	figures->dropped = queue == NULL ? 0 : queue->dropped;
}

int shaper_figures(struct netlink *netlink, const struct shaper_plan *plan,
	void (*take)(void *data, const struct shaper_figures *figures), void *data)
{
	struct present_shaper present;
	int error = present_queues_read(netlink, &present);

	for (size_t i = 0; i < plan->count && error == 0; i++) {
		const struct shaper_device *device = &plan->devices[i];
		uint32_t index = if_nametoindex(device->device);
		struct present_class *classes;

		if (index == 0)
			continue;
		error = present_classes_read(netlink, &present, index, &classes);
		if (error == -ENODEV)
			error = 0;
		for (size_t j = 0; j < device->count && error == 0; j++) {
			struct shaper_figures figures = { .device = device, .class = &device->classes[j] };
			const struct present_class *class = present_class_find(classes, figures.class->minor);

			if (!figures.class->leaf || class == NULL)
				continue;
			take_leaf(&present, index, class, &figures);
			take(data, &figures);
		}
	}
	present_queues_free(&present);
	return error;
}
