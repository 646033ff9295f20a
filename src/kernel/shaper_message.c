/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages that make, change and delete queueing disciplines and classes; and their units. */

#include "kernel/shaper_message.h"

#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

/* The scheduler's tick, fixed since Linux 2.6.31. */
#define TICK_NS 64

/* codel looks back this long. */
#define INTERVAL_US 100000

static uint64_t bytes_per_second(uint64_t bps)
{
	return bps < 8 ? 1 : bps / 8;
}

/* How long that many bytes take at the rate. */
static uint32_t ticks(uint32_t bytes, uint64_t rate)
{
	uint64_t count = (uint64_t)bytes * 1000000000 / rate / TICK_NS;

	return count < 1 ? 1 : count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

struct shaper_native shaper_native(const struct shaper_class *class)
{
	uint64_t rate = bytes_per_second(class->rate_bps), ceil = bytes_per_second(class->ceil_bps);

	return (struct shaper_native){
		.rate = rate,
		.ceil = ceil,
		.burst = ticks(class->burst, rate),
		.ceil_burst = ticks(class->ceil_burst, ceil),
		.quantum = class->quantum,
		.priority = class->leaf ? class->priority : 0,
	};
}

static struct nlmsghdr *build(void *buffer, uint16_t type, uint32_t device, uint32_t handle, uint32_t parent)
{
	struct nlmsghdr *request = mnl_nlmsg_put_header(buffer);
	struct tcmsg *header = mnl_nlmsg_put_extra_header(request, sizeof(*header));

	request->nlmsg_type = type;
	header->tcm_ifindex = (int)device;
	header->tcm_handle = handle;
	header->tcm_parent = parent;
	return request;
}

/* Where it is there already it is changed in place. */
static struct nlmsghdr *build_new(void *buffer, uint16_t type, uint32_t device, uint32_t handle, uint32_t parent,
	const char *kind)
{
	struct nlmsghdr *request = build(buffer, type, device, handle, parent);

	request->nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE;
	mnl_attr_put_strz(request, TCA_KIND, kind);
	return request;
}

struct nlmsghdr *shaper_build_root(void *buffer, uint32_t device, uint16_t standard)
{
	struct nlmsghdr *request = build_new(buffer, RTM_NEWQDISC, device, shaper_handle(0), TC_H_ROOT, "htb");
	struct tc_htb_glob settings = { .version = TC_HTB_PROTOVER, .rate2quantum = 10, .defcls = standard };
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);

	mnl_attr_put(request, TCA_HTB_INIT, sizeof(settings), &settings);
	mnl_attr_nest_end(request, options);
	return request;
}

/* The old attribute has 32 bits; what is more stands beside it. */
static void set_rate(struct nlmsghdr *request, struct tc_ratespec *spec, uint64_t rate, uint16_t wide)
{
	spec->linklayer = TC_LINKLAYER_ETHERNET;
	spec->rate = rate > UINT32_MAX ? UINT32_MAX : (uint32_t)rate;
	if (rate >= UINT32_MAX)
		mnl_attr_put_u64(request, wide, rate);
}

struct nlmsghdr *shaper_build_class(void *buffer, uint32_t device, const struct shaper_class *class)
{
	struct nlmsghdr *request = build_new(buffer, RTM_NEWTCLASS, device, shaper_handle(class->minor),
		shaper_handle(class->parent), "htb");
	struct shaper_native native = shaper_native(class);
	struct tc_htb_opt settings = { .buffer = native.burst, .cbuffer = native.ceil_burst,
		.quantum = native.quantum, .prio = native.priority };
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);

	set_rate(request, &settings.rate, native.rate, TCA_HTB_RATE64);
	set_rate(request, &settings.ceil, native.ceil, TCA_HTB_CEIL64);
	mnl_attr_put(request, TCA_HTB_PARMS, sizeof(settings), &settings);
	mnl_attr_nest_end(request, options);
	return request;
}

static void put_codel(struct nlmsghdr *request, const struct shaper_class *class)
{
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);

	mnl_attr_put_u32(request, TCA_FQ_CODEL_TARGET, class->target_us);
	mnl_attr_put_u32(request, TCA_FQ_CODEL_INTERVAL, INTERVAL_US);
	mnl_attr_nest_end(request, options);
}

uint32_t shaper_splitter_ticks(uint32_t frame)
{
	return ticks(frame, bytes_per_second(SHAPER_SPLIT_BPS));
}

struct nlmsghdr *shaper_build_splitter(void *buffer, uint32_t device, const struct shaper_class *class, uint32_t frame)
{
	struct nlmsghdr *request = build_new(buffer, RTM_NEWQDISC, device, shaper_splitter(class->minor),
		shaper_handle(class->minor), "tbf");
	struct tc_tbf_qopt settings = { .limit = class->queue_bytes, .buffer = shaper_splitter_ticks(frame) };
	struct nlattr *options = mnl_attr_nest_start(request, TCA_OPTIONS);

	set_rate(request, &settings.rate, bytes_per_second(SHAPER_SPLIT_BPS), TCA_TBF_RATE64);
	mnl_attr_put(request, TCA_TBF_PARMS, sizeof(settings), &settings);
	mnl_attr_put_u32(request, TCA_TBF_BURST, frame);
	mnl_attr_nest_end(request, options);
	return request;
}

struct nlmsghdr *shaper_build_queue(void *buffer, uint32_t device, const struct shaper_class *class, uint32_t parent,
	enum shaper_queue queue)
{
	struct nlmsghdr *request = build_new(buffer, RTM_NEWQDISC, device, 0, parent, shaper_queue_name(queue));
	struct tc_fifo_qopt plain = { .limit = class->queue_packets };

	switch (queue) {
	case QUEUE_FQ_CODEL:
		put_codel(request, class);
		break;
	case QUEUE_PLAIN:
		mnl_attr_put(request, TCA_OPTIONS, sizeof(plain), &plain);
		break;
	case QUEUE_SFQ: /* as it is by itself: 127 packets, the longest queue loses the first */
	case QUEUE_UNKNOWN:
		break;
	}
	return request;
}

struct nlmsghdr *shaper_build_class_removal(void *buffer, uint32_t device, uint16_t minor)
{
	return build(buffer, RTM_DELTCLASS, device, shaper_handle(minor), 0);
}

struct nlmsghdr *shaper_build_root_removal(void *buffer, uint32_t device)
{
	return build(buffer, RTM_DELQDISC, device, shaper_handle(0), TC_H_ROOT);
}
