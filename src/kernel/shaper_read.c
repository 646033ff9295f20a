/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queueing disciplines and classes of the kernel, as far as they matter to the plan. */

#include "kernel/shaper_read.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "core/mark.h"
#include "kernel/attributes.h"

#define DUMP_TRIES 10

struct reading {
	struct arena *arena;
	void *items; /* present_queue or present_class, the newest first */
};

static int no_memory(void)
{
	errno = ENOMEM;
	return MNL_CB_ERROR;
}

/* A copy of the first size bytes of what the attribute has; zeros where it is absent or shorter. */
static void copy(const struct attributes *attributes, unsigned int type, void *to, size_t size)
{
	const struct nlattr *attribute = attributes->items[type];

	memset(to, 0, size);
	if (attribute != NULL && mnl_attr_get_payload_len(attribute) >= size)
		memcpy(to, mnl_attr_get_payload(attribute), size);
}

static void read_kind(const struct attributes *attributes, char *kind, size_t size)
{
	const struct nlattr *attribute = attributes->items[TCA_KIND];
	size_t length = attribute == NULL ? 0 : strnlen(mnl_attr_get_payload(attribute), mnl_attr_get_payload_len(attribute));

	if (length >= size)
		length = size - 1;
	if (length > 0)
		memcpy(kind, mnl_attr_get_payload(attribute), length);
	kind[length] = '\0';
}

static void read_options(const struct attributes *attributes, struct present_queue *queue)
{
	struct tc_fifo_qopt plain;
	struct tc_tbf_qopt bucket;
	struct tc_htb_glob htb;
	struct attributes options;

	if (strcmp(queue->kind, "htb") == 0) {
		attributes_read_nested(attributes, TCA_OPTIONS, &options);
		copy(&options, TCA_HTB_INIT, &htb, sizeof(htb));
		queue->standard = htb.defcls;
	} else if (strcmp(queue->kind, "pfifo") == 0) {
		copy(attributes, TCA_OPTIONS, &plain, sizeof(plain));
		queue->limit = plain.limit;
	} else if (strcmp(queue->kind, "tbf") == 0) {
		attributes_read_nested(attributes, TCA_OPTIONS, &options);
		copy(&options, TCA_TBF_PARMS, &bucket, sizeof(bucket));
		queue->limit = bucket.limit;
		queue->ticks = bucket.buffer;
	}
}

static int take_queue(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *header = mnl_nlmsg_get_payload(message);
	struct attributes attributes, statistics;
	struct gnet_stats_queue figures;
	struct reading *reading = data;
	struct present_queue *queue;

	if (message->nlmsg_type != RTM_NEWQDISC || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	queue = arena_alloc(reading->arena, sizeof(*queue));
	if (queue == NULL)
		return no_memory();
	attributes_read(message, sizeof(*header), &attributes);
	attributes_read_nested(&attributes, TCA_STATS2, &statistics);
	copy(&statistics, TCA_STATS_QUEUE, &figures, sizeof(figures));
	queue->device = (uint32_t)header->tcm_ifindex;
	queue->handle = header->tcm_handle;
	queue->parent = header->tcm_parent;
	queue->dropped = figures.drops;
	read_kind(&attributes, queue->kind, sizeof(queue->kind));
	read_options(&attributes, queue);
	queue->next = reading->items;
	reading->items = queue;
	return MNL_CB_OK;
}

static uint64_t rate_of(const struct attributes *options, unsigned int wide, const struct tc_ratespec *spec)
{
	uint64_t rate;

	copy(options, wide, &rate, sizeof(rate));
	return rate != 0 ? rate : spec->rate;
}

static void read_class(const struct attributes *attributes, struct present_class *class)
{
	struct attributes options, statistics;
	struct gnet_stats_basic basic;
	struct gnet_stats_queue queue;
	struct tc_htb_opt settings;

	attributes_read_nested(attributes, TCA_OPTIONS, &options);
	copy(&options, TCA_HTB_PARMS, &settings, sizeof(settings));
	class->leaf = settings.level == 0;
	class->native = (struct shaper_native){
		.rate = rate_of(&options, TCA_HTB_RATE64, &settings.rate),
		.ceil = rate_of(&options, TCA_HTB_CEIL64, &settings.ceil),
		.burst = settings.buffer,
		.ceil_burst = settings.cbuffer,
		.quantum = settings.quantum,
		.priority = settings.prio,
	};
	attributes_read_nested(attributes, TCA_STATS2, &statistics);
	copy(&statistics, TCA_STATS_BASIC, &basic, sizeof(basic));
	copy(&statistics, TCA_STATS_QUEUE, &queue, sizeof(queue));
	/* Packets in 64 bits, where there are so many. */
	copy(&statistics, TCA_STATS_PKT64, &class->packets, sizeof(class->packets));
	class->bytes = basic.bytes;
	if (class->packets == 0)
		class->packets = basic.packets;
	class->waiting = queue.backlog > 0 ? queue.backlog : queue.qlen;
}

static int take_class(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *header = mnl_nlmsg_get_payload(message);
	struct attributes attributes;
	struct reading *reading = data;
	struct present_class *class;

	if (message->nlmsg_type != RTM_NEWTCLASS || mnl_nlmsg_get_payload_len(message) < sizeof(*header))
		return MNL_CB_OK;
	attributes_read(message, sizeof(*header), &attributes);
	if (header->tcm_handle >> 16 != SHAPER_MAJOR || !attributes_is_text(&attributes, TCA_KIND, "htb"))
		return MNL_CB_OK;
	class = arena_alloc(reading->arena, sizeof(*class));
	if (class == NULL)
		return no_memory();
	class->minor = (uint16_t)header->tcm_handle;
	class->parent = header->tcm_parent == TC_H_ROOT ? 0 : (uint16_t)header->tcm_parent;
	read_class(&attributes, class);
	class->next = reading->items;
	reading->items = class;
	return MNL_CB_OK;
}

/* device 0: of all. */
static int dump(struct netlink *netlink, uint16_t type, uint32_t device, mnl_cb_t take, struct reading *reading)
{
	uint8_t buffer[MNL_NLMSG_HDRLEN + sizeof(struct tcmsg)] __attribute__((aligned(NLMSG_ALIGNTO)));
	int error = -EINTR;

	for (int i = 0; error == -EINTR && i < DUMP_TRIES; i++) {
		struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
		struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

		request->nlmsg_type = type;
		request->nlmsg_flags = NLM_F_DUMP;
		header->tcm_ifindex = (int)device;
		reading->items = NULL;
		error = netlink_ask(netlink, request, take, reading);
	}
	return error;
}

int present_queues_read(struct netlink *netlink, struct present_shaper *ret_present)
{
	struct reading reading = { .arena = arena_new() };
	int error = reading.arena == NULL ? -ENOMEM : dump(netlink, RTM_GETQDISC, 0, take_queue, &reading);

	*ret_present = (struct present_shaper){ reading.arena, reading.items };
	return error;
}

void present_queues_free(struct present_shaper *present)
{
	arena_free(present->arena);
	*present = (struct present_shaper){ 0 };
}

int present_classes_read(struct netlink *netlink, struct present_shaper *present, uint32_t device,
	struct present_class **ret_classes)
{
	struct reading reading = { .arena = present->arena };
	int error = dump(netlink, RTM_GETTCLASS, device, take_class, &reading);

	*ret_classes = reading.items;
	return error;
}

const struct present_queue *present_queue_find(const struct present_shaper *present, uint32_t device, uint32_t parent)
{
	for (const struct present_queue *queue = present->queues; queue != NULL; queue = queue->next) {
		if (queue->device == device && queue->parent == parent && queue->handle != 0)
			return queue;
	}
	return NULL;
}

const struct present_class *present_class_find(const struct present_class *classes, uint16_t minor)
{
	for (; classes != NULL; classes = classes->next) {
		if (classes->minor == minor)
			return classes;
	}
	return NULL;
}

bool present_is_ours(const struct present_queue *root, const struct present_class *classes)
{
	if (root->handle != shaper_handle(0) || strcmp(root->kind, "htb") != 0)
		return false;
	for (; classes != NULL; classes = classes->next) {
		if (classes->parent == 0 && classes->minor < SHAPER_LINK_MINOR)
			return false;
	}
	/* Before its classes are there only the leaf for the rest tells. */
	return root->standard == SHAPER_FREE_MINOR || root->standard >> MARK_LINK_BITS == MARK_CLASS_CHECK;
}
