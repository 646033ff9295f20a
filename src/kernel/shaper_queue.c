/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The queue of a leaf: what splits large segments, and below it the best discipline that the kernel has. */

#include "kernel/shaper_queue.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "kernel/attributes.h"

/* An Ethernet header, and tags of VLANs and the like. */
#define HEADERS 64

const char *shaper_queue_name(enum shaper_queue queue)
{
	static const char *const names[] = {
		[QUEUE_UNKNOWN] = "pfifo", [QUEUE_FQ_CODEL] = "fq_codel", [QUEUE_SFQ] = "sfq", [QUEUE_PLAIN] = "pfifo" };

	return names[queue];
}

static int take_size(const struct nlmsghdr *message, void *data)
{
	struct attributes attributes;
	uint32_t *size = data;

	if (message->nlmsg_type != RTM_NEWLINK)
		return MNL_CB_OK;
	attributes_read(message, sizeof(struct ifinfomsg), &attributes);
	*size = attributes_u32(&attributes, IFLA_MTU, 0);
	return MNL_CB_OK;
}

int queue_frame(struct netlink *netlink, uint32_t device, uint32_t *ret_frame)
{
	uint8_t buffer[MNL_NLMSG_HDRLEN + sizeof(struct ifinfomsg)] __attribute__((aligned(NLMSG_ALIGNTO)));
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct ifinfomsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));
	uint32_t size = 0;
	int error;

	request->nlmsg_type = RTM_GETLINK;
	header->ifi_index = (int)device;
	error = netlink_ask(netlink, request, take_size, &size);
	*ret_frame = size + HEADERS;
	return error;
}

static bool splits(const struct queue_site *site, const struct shaper_class *class)
{
	return class->split && site->features->split != SPLIT_MISSING;
}

/* The kernel rounds: a tick more or less is the same. */
static bool is_splitter(const struct queue_site *site, const struct shaper_class *class, const struct present_queue *queue)
{
	uint32_t ticks = shaper_splitter_ticks(site->frame);

	return strcmp(queue->kind, "tbf") == 0 && queue->limit == class->queue_bytes && queue->ticks + 1 >= ticks
	       && queue->ticks <= ticks + 1;
}

static bool is_queue(const struct queue_site *site, const struct shaper_class *class, const struct present_queue *queue)
{
	return strcmp(queue->kind, shaper_queue_name(site->features->queue)) == 0
	       && (site->features->queue != QUEUE_PLAIN || queue->limit == class->queue_packets);
}

bool queue_present(const struct queue_site *site, const struct shaper_class *class)
{
	const struct present_queue *first = present_queue_find(site->present, site->device, shaper_handle(class->minor));
	const struct present_queue *below;

	if (first == NULL || site->features->queue == QUEUE_UNKNOWN)
		return false;
	if (!splits(site, class))
		return is_queue(site, class, first);
	below = present_queue_find(site->present, site->device, shaper_splitter(class->minor) | 1);
	if (!is_splitter(site, class, first))
		return false;
	/* Its own queue, which is a plain one, is not told of. */
	return site->features->queue == QUEUE_PLAIN ? below == NULL : below != NULL && is_queue(site, class, below);
}

static int set_splitter(const struct queue_site *site, const struct shaper_class *class)
{
	uint8_t buffer[SHAPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	int error = netlink_ask(site->netlink, shaper_build_splitter(buffer, site->device, class, site->frame), NULL, NULL);

	if (error == 0)
		site->features->split = SPLIT_BY_TBF;
	if (error != -ENOENT || site->features->split != SPLIT_UNKNOWN)
		return error;
	site->features->split = SPLIT_MISSING;
	return 0;
}

static int try_queue(const struct queue_site *site, const struct shaper_class *class, enum shaper_queue queue)
{
	uint8_t buffer[SHAPER_MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool split = splits(site, class);
	uint32_t parent = split ? shaper_splitter(class->minor) | 1 : shaper_handle(class->minor);

	if (split && queue == QUEUE_PLAIN)
		return 0;
	return netlink_ask(site->netlink, shaper_build_queue(buffer, site->device, class, parent, queue), NULL, NULL);
}

int queue_set(const struct queue_site *site, const struct shaper_class *class)
{
	enum shaper_queue queue = site->features->queue == QUEUE_UNKNOWN ? QUEUE_FQ_CODEL : site->features->queue;
	int error = splits(site, class) ? set_splitter(site, class) : 0;

	if (error < 0)
		return error;
	error = try_queue(site, class, queue);
	while (error == -ENOENT && site->features->queue == QUEUE_UNKNOWN && queue < QUEUE_PLAIN) {
		queue++;
		error = try_queue(site, class, queue);
	}
	if (error == 0)
		site->features->queue = queue;
	return error;
}
