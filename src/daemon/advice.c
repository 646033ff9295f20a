/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells of kernel settings that would break what the configuration asks for. */

#include <stdio.h>
#include <stdlib.h>

#include "daemon/daemon.h"

/* The number in a file below /proc/sys/net, or -1. */
static long read_setting(const char *path)
{
	FILE *file = fopen(path, "re");
	long value = -1;

	if (file == NULL)
		return -1;
	if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

static const struct {
	const char *path;
	long wanted;
	const char *name, *why;
} settings[] = {
	{ "/proc/sys/net/ipv4/ip_forward", 1, "net.ipv4.ip_forward", "nothing is forwarded" },
	{ "/proc/sys/net/ipv6/conf/all/forwarding", 1, "net.ipv6.conf.all.forwarding", "no IPv6 is forwarded" },
	{ "/proc/sys/net/ipv4/fwmark_reflect", 1, "net.ipv4.fwmark_reflect", "ICMP errors may leave by the wrong link" },
	{ "/proc/sys/net/ipv4/tcp_fwmark_accept", 1, "net.ipv4.tcp_fwmark_accept",
		"answers of this machine may leave by the wrong link" },
	{ "/proc/sys/net/netfilter/nf_conntrack_acct", 1, "net.netfilter.nf_conntrack_acct",
		"bytes of connections and policies stay 0" },
};

static void check_settings(struct daemon *daemon)
{
	for (size_t i = 0; i < sizeof(settings) / sizeof(*settings); i++) {
		long value = read_setting(settings[i].path);

		if (value >= 0 && value != settings[i].wanted)
			events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL, "%s is %ld, not %ld: %s",
				settings[i].name, value, settings[i].wanted, settings[i].why);
	}
}

/* Strict reverse path filtering drops answers that come in by another link than the main table's. */
static void check_reverse_path(struct daemon *daemon, const struct link_run *run, long of_all)
{
	char path[128];
	long value;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%.64s/rp_filter", run->link->device);
	value = read_setting(path);
	/* The kernel takes the higher of the two. */
	if ((value > of_all ? value : of_all) == 1)
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, run->link->name,
			"rp_filter is strict on %s: answers on link %s are dropped (set it to 2)", run->link->device,
			run->link->name);
}

/* The higher of what all devices and this one have. */
static long read_both(const char *device, const char *name)
{
	char path[128];
	long all, own;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/all/%s", name);
	all = read_setting(path);
	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%.64s/%s", device, name);
	own = read_setting(path);
	return own > all ? own : all;
}

static bool share_network(const struct networks *a, const struct networks *b)
{
	for (size_t i = 0; i < a->count; i++) {
		for (size_t j = 0; j < b->count; j++) {
			if (a->items[i].address.family == IPV4 && network_contains(&a->items[i], &b->items[j].address))
				return true;
		}
	}
	return false;
}

/* On one wire a device answers for the addresses of the other, and what is sent to one link comes in by the other. */
static void check_twins(struct daemon *daemon, const struct link_run *run)
{
	for (const struct link_run *other = daemon->links; other < run; other++) {
		if (!share_network(&run->view.addresses, &other->view.addresses) || read_both(run->link->device, "arp_ignore") > 0)
			continue;
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, run->link->name,
			"links %s and %s have addresses of one network: if it is also one wire, set net.ipv4.conf.all.arp_ignore to 1 and "
			"arp_announce to 2, else their packets may come in by the other", other->link->name, run->link->name);
	}
}

static bool limits_live_connections(const struct config *config)
{
	bool found = config->dos.detectors[DETECT_CONNECTIONS].enabled;

	for (size_t i = 0; i < config->policy_count; i++)
		found |= config->policies[i].limits.connections != 0;
	return found;
}

/* Where connections were made without it, nobody is told of their end. */
static void check_events(struct daemon *daemon)
{
	if (read_setting("/proc/sys/net/netfilter/nf_conntrack_events") == 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"net.netfilter.nf_conntrack_events is 0: the end of connections is seen late, and connections.log misses them "
			"(set it to 1 or 2)");
}

/* What the kernel lacks, where the configuration asks for it. */
static void check_features(struct daemon *daemon)
{
	const struct config *config = daemon->generation->config;

	if (!daemon->features.connection_limit && limits_live_connections(config))
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"this kernel lacks CONFIG_NFT_CONNLIMIT: live connections are not limited");
	if (!daemon->features.copies)
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"this kernel lacks CONFIG_NFT_LOG or CONFIG_NETFILTER_NETLINK_LOG: handshakes are not measured, "
			"and a link is not suspected for what its connections show");
	if (!daemon->features.clamp)
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"this kernel's nf_tables cannot write TCP options: segments are not clamped to what links carry");
	if (!daemon->features.synproxy && plan_watches_handshakes(config))
		events_add(daemon->events, EVENT_KERNEL, EVENT_WARNING, NULL,
			"this kernel lacks CONFIG_NFT_SYNPROXY: while a link is flooded, served ports are limited too");
}

void advice_give(struct daemon *daemon)
{
	long of_all = read_setting("/proc/sys/net/ipv4/conf/all/rp_filter");

	check_settings(daemon);
	check_events(daemon);
	check_features(daemon);
	shape_advise(daemon);
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		check_reverse_path(daemon, &daemon->links[i], of_all);
		check_twins(daemon, &daemon->links[i]);
	}
}
