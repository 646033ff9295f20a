/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon would do to the kernel, without one running. */

#include "daemon/dry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "kernel/routes.h"

/* Links without their ground are told as comments, and taken as usable: that is what is asked. */
static void assume_links(FILE *out, struct daemon *daemon)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];

		health_ground(&run->health, &run->link->check, world_ground(run), 0);
		if (run->health.cause != CAUSE_NONE)
			fprintf(out, "# link %s (%s): %s\n", run->link->name, run->link->device,
				link_cause_text(run->health.cause));
		run->view.usable = true;
	}
}

static int print_plan(FILE *out, struct daemon *daemon)
{
	struct ruleset_features features = { .native_queue = true };
	struct shaper_features shaping = { QUEUE_FQ_CODEL, SPLIT_BY_TBF };
	struct link_view links[CONFIG_LINKS_MAX];
	struct view view = world_view(daemon, links);
	struct plan *plan = plan_new(daemon->generation->config, &daemon->generation->ids, &view);

	if (plan == NULL)
		return -ENOMEM;
	routes_print(out, plan);
	ruleset_print(out, &plan->ruleset, &features);
	shaper_print(out, &plan->shaper, &shaping);
	plan_free(plan);
	return 0;
}

static int dry_print(FILE *out, struct daemon *daemon)
{
	struct config *config = daemon->generation->config;
	int error = netlink_open(NETLINK_ROUTE, &daemon->routing);

	daemon->links = links_new(daemon, daemon->generation, NULL, 0);
	if (daemon->links == NULL || world_start(daemon, config) < 0)
		return -ENOMEM;
	if (error == 0)
		error = world_read(daemon);
	if (error < 0)
		return error;
	assume_links(out, daemon);
	return print_plan(out, daemon);
}

int dry_run(FILE *out, const struct config *config)
{
	struct generation generation = { .config = (struct config *)(uintptr_t)config };
	struct daemon daemon = { .generation = &generation, .features = { .clamp = true } };
	int error = ids_assign(config->arena, config, NULL, 0, NULL, 0, &generation.ids);

	if (error == 0)
		error = dry_print(out, &daemon);
	if (error < 0)
		fprintf(stderr, "uplinkd: %s\n", strerror(-error));
	links_free(daemon.links, config->link_count);
	free(daemon.zones);
	sets_free(daemon.sets);
	devices_free(daemon.devices);
	netlink_close(daemon.routing);
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int tell(const char *what, int error)
{
	if (error < 0)
		fprintf(stderr, "uplinkd: %s: %s\n", what, strerror(-error));
	return error < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}

int dry_remove(void)
{
	struct netlink *nftables = NULL, *routing = NULL;
	int code = tell("nf_tables", netlink_open(NETLINK_NETFILTER, &nftables));

	code |= tell("routing", netlink_open(NETLINK_ROUTE, &routing));
	if (code == EXIT_SUCCESS) {
		code |= tell("our table stays", ruleset_remove(nftables, "uplinkd"));
		code |= tell("some routes or rules stay", routes_remove(routing));
		code |= tell("some shaping stays", shaper_remove(routing));
	}
	netlink_close(nftables);
	netlink_close(routing);
	return code;
}
