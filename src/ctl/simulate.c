/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl simulate: what a configuration would have done to the connections of a log, without a daemon. */

#include "ctl/simulate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/value.h"
#include "core/decide.h"
#include "core/networks.h"
#include "ctl/output.h"
#include "ctl/past.h"

#define DEFAULT_FILE   SYSCONFDIR "/uplinkd/uplinkd.yaml"
#define EXAMPLES       10
#define STEP           16384 /* connections between two looks at the progress */
#define NEVER          1e12

/* A configuration and the past under it. */
struct side {
	struct config *config;
	struct replay *replay;
};

static int load(const struct invocation *invocation, const char *file, struct config **ret_config)
{
	const char *base = invocation->file != NULL ? invocation->file : DEFAULT_FILE;
	struct config_errors errors = { 0 };
	int error = config_load_policies(base, file, ret_config, &errors);

	if (error == -EINVAL)
		config_errors_print(stderr, &errors, output_likes_colour(STDERR_FILENO));
	else if (error < 0)
		output_error("cannot read %s: %s", file, strerror(-error));
	config_errors_free(&errors);
	return error == 0 ? EXIT_FINE : error == -EINVAL ? EXIT_CONFIGURATION : EXIT_ERROR;
}

/* A whole number, or what there is without. False: it is told. */
static bool read_count(const struct invocation *invocation, const char *name, unsigned long most, unsigned long *number)
{
	const char *text = command_value(invocation, name);
	char *end;

	if (text == NULL)
		return true;
	errno = 0;
	*number = strtoul(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *number <= most)
		return true;
	output_error("--%s: `%s' is no number from 0 to %lu", name, text, most);
	return false;
}

/* "10m-25m", in seconds since the first connection. */
static bool read_span(char *text, double *ret_from, double *ret_to)
{
	char *to = strchr(text, '-');
	uint64_t from_ms, to_ms;

	if (to == NULL)
		return false;
	*to++ = '\0';
	if (value_read(text, UNIT_TIME, &from_ms) != VALUE_FINE || value_read(to, UNIT_TIME, &to_ms) != VALUE_FINE)
		return false;
	*ret_from = (double)from_ms / 1000;
	*ret_to = (double)to_ms / 1000;
	return from_ms < to_ms;
}

/* "fiber" or "fiber@10m-25m". */
static bool take_outage(const struct side *side, char *item)
{
	char *span = strchr(item, '@');
	double from = 0, to = NEVER;
	int link;

	if (span != NULL)
		*span++ = '\0';
	link = config_link(side->config, item);
	if (link < 0) {
		output_error("--down: there is no link `%s'", item);
		return false;
	}
	if (span != NULL && !read_span(span, &from, &to)) {
		output_error("--down: write LINK, or LINK@FROM-TO with times since the first connection: fiber@10m-25m");
		return false;
	}
	if (replay_outage(side->replay, (size_t)link, from, to) == 0)
		return true;
	output_error("--down: at most %d", REPLAY_OUTAGES_MAX);
	return false;
}

static bool take_outages(const struct invocation *invocation, const struct side *side)
{
	const char *given = command_value(invocation, "down");
	char *copy, *rest, *item;
	bool good = true;

	if (given == NULL)
		return true;
	copy = rest = output_need(strdup(given));
	while (good && (item = strsep(&rest, ",")) != NULL)
		good = take_outage(side, item);
	free(copy);
	return good;
}

static bool add_network(struct networks *networks, const char *text)
{
	struct network network;

	if (!network_parse(text, &network))
		return false;
	networks->items = output_need(reallocarray(networks->items, networks->count + 1, sizeof(network)));
	networks->items[networks->count++] = network;
	return true;
}

/* What --inside says, else networks of zones and those that are nobody's in the internet. */
static bool find_inside(const struct invocation *invocation, const struct config *config, struct networks *inside)
{
	static const char private[] = "10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,100.64.0.0/10,fc00::/7";
	const char *given = command_value(invocation, "inside");
	char *copy = output_need(strdup(given != NULL ? given : private)), *rest = copy, *item;
	bool good = true;

	while (good && (item = strsep(&rest, ",")) != NULL) {
		good = add_network(inside, item);
		if (!good)
			output_error("--inside: `%s' is no network", item);
	}
	for (size_t i = 0; given == NULL && i < config->zone_count; i++) {
		const struct networks *networks = &config->zones[i].networks;

		inside->items = output_need(reallocarray(inside->items, inside->count + networks->count + 1,
			sizeof(struct network)));
		for (size_t j = 0; j < networks->count; j++)
			inside->items[inside->count++] = networks->items[j];
	}
	networks_sort(inside);
	free(copy);
	return good;
}

static void show_progress(const char *what, double part)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r%s: %3.0f %%", what, 100 * part);
}

static void show_reading(double part)
{
	show_progress("reading", part);
}

static void end_progress(void)
{
	if (isatty(STDERR_FILENO))
		fputs("\r\033[K", stderr);
}

/* Under the other configuration, and then it is what was. */
static int replay_then(const struct side *other, struct replay_connection *connection)
{
	struct replay_outcome outcome;
	int error;

	if (other->replay == NULL)
		return 0;
	error = replay_add(other->replay, connection, &outcome);
	connection->known = true;
	connection->link = outcome.fate == FATE_LINK ? other->config->links[outcome.link].name : NULL;
	connection->policy = outcome.policy == NO_POLICY ? NULL : other->config->policies[outcome.policy].name;
	connection->refused = outcome.fate != FATE_LINK && outcome.fate != FATE_DIRECT;
	return error;
}

static int run_past(struct past *past, const struct side *side, const struct side *other)
{
	int error = 0;

	for (size_t i = 0; i < past_count(past) && error == 0; i++) {
		struct replay_connection connection;
		struct replay_outcome outcome;

		if (i % STEP == STEP - 1)
			show_progress("simulating", (double)i / (double)past_count(past));
		past_get(past, i, &connection);
		error = replay_then(other, &connection);
		if (error == 0)
			error = replay_add(side->replay, &connection, &outcome);
	}
	if (error == 0)
		error = replay_finish(side->replay);
	end_progress();
	return error;
}

static int tell(const struct invocation *invocation, const struct simulation *simulation)
{
	json_t *document = simulate_document(simulation);

	if (invocation->json)
		output_json(document);
	else
		show_simulation(invocation, document);
	json_decref(document);
	return EXIT_FINE;
}

static int open_side(const struct invocation *invocation, const char *file, struct side *side)
{
	unsigned long examples = EXAMPLES, seed = 1;
	int code;

	if (!read_count(invocation, "examples", REPLAY_EXAMPLES_MAX, &examples)
	    || !read_count(invocation, "seed", UINT32_MAX, &seed))
		return EXIT_USAGE;
	code = load(invocation, file, &side->config);
	if (code != EXIT_FINE)
		return code;
	side->replay = output_need(replay_new(side->config, seed, examples));
	return take_outages(invocation, side) ? EXIT_FINE : EXIT_USAGE;
}

static void close_side(struct side *side)
{
	replay_free(side->replay);
	config_free(side->config);
}

static int simulate(const struct invocation *invocation, const struct side *side, const struct side *other)
{
	struct simulation simulation = {
		.config = side->config, .replay = side->replay, .policies = command_value(invocation, "policies"),
		.compared = command_value(invocation, "compare"), .log = command_value(invocation, "connections"),
	};
	struct networks inside = { .items = NULL };
	struct past *past = NULL;
	int code = EXIT_ERROR, error;

	if (!find_inside(invocation, side->config, &inside)) {
		code = EXIT_USAGE;
		goto cleanup;
	}
	past = past_read(simulation.log, &inside, show_reading);
	end_progress();
	if (past == NULL)
		goto cleanup;
	simulation.bad = past_bad(past);
	error = run_past(past, side, other);
	if (error < 0)
		output_error("%s", strerror(-error));
	else
		code = tell(invocation, &simulation);

cleanup:
	past_free(past);
	free(inside.items);
	return code;
}

int run_simulate(const struct invocation *invocation)
{
	const char *compare = command_value(invocation, "compare");
	struct side side = { .config = NULL }, other = { .config = NULL };
	int code = open_side(invocation, command_value(invocation, "policies"), &side);

	if (code == EXIT_FINE && compare != NULL)
		code = open_side(invocation, compare, &other);
	if (code == EXIT_FINE)
		code = simulate(invocation, &side, &other);
	close_side(&other);
	close_side(&side);
	return code;
}
