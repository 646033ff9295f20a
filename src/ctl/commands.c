/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of verbs, and how a verb of the common kind is run. */

#include "ctl/commands.h"

#include <string.h>

#include "ctl/client.h"
#include "ctl/output.h"

const struct command_option global_options[] = {
	{ 'j', "json", NULL, false, "print JSON" },
	{ 's', "socket", "SOCKET", false, "where the daemon listens" },
	{ 'c', "config", "FILE", false, "the configuration that `check', `explain' and `simulate' read" },
	{ 'h', "help", NULL, false, "explain this verb" },
	{ 'V', "version", NULL, false, "print the version" },
	{ 0 },
};

static const struct command_option explain_options[] = {
	{ 0, "from", "ADDRESS", true, "source address, or router: this machine" },
	{ 0, "to", "ADDRESS", true, "destination address, or router" },
	{ 0, "protocol", "PROTOCOL", true, "name or number: tcp, udp, icmp, 47" },
	{ 0, "to-port", "PORT", false, "destination port" },
	{ 0, "from-port", "PORT", false, "source port" },
	{ 0, "in", "DEVICE", false, "device that it comes in by" },
	{ 0, "icmp-type", "TYPE", false, "echo-request, 3, 3/1" },
	{ 0, "dscp", "DSCP", false, "0 to 63, or a name: ef, af41" },
	{ 0, "at", "TIME", false, "local time: \"mon 22:30\", 2026-11-23T22:30" },
	{ 0, "down", "LINKS", false, "links that are down; with --config alone" },
	{ 0 },
};

static const struct command_option why_options[] = {
	{ 0, "from", "ADDRESS", false, "source address" },
	{ 0, "to", "ADDRESS", false, "destination address" },
	{ 0, "protocol", "PROTOCOL", false, "name or number: tcp, udp, icmp, 47" },
	{ 0, "to-port", "PORT", false, "destination port" },
	{ 0, "from-port", "PORT", false, "source port" },
	{ 0, "last", "NUMBER", false, "so many, the newest first; with -j a list" },
	{ 0 },
};

static const struct command_option try_options[] = {
	{ 0, "timeout", "TIME", false, "undone after: 120s, 5m; by default 120s" },
	{ 0 },
};

static const struct command_option drain_options[] = {
	{ 0, "deadline", "TIME", false, "disable the link then: 90s, 10m, 2h; by default never" },
	{ 0, "force", NULL, false, "though no other link works" },
	{ 0 },
};

static const struct command_option disable_options[] = {
	{ 0, "force", NULL, false, "though no other link works" },
	{ 0 },
};

static const struct command_option events_options[] = {
	{ 'f', "follow", NULL, false, "wait for what happens next" },
	{ 'n', "lines", "NUMBER", false, "so many of the latest" },
	{ 0 },
};

static const struct command_option paths_options[] = {
	{ 'n', "lines", "NUMBER", false, "so many of the most popular: 1 to 1000, by default 100" },
	{ 0 },
};

static const struct command_option sticky_options[] = {
	{ 0, "forget", NULL, false, "drop the entries of ADDRESS" },
	{ 0 },
};

static const struct command_option simulate_options[] = {
	{ 0, "policies", "FILE", true, "a configuration, or policies in place of those of --config" },
	{ 0, "connections", "LOG", true, "the daemon's connection log, or a capture (pcap, pcapng)" },
	{ 0, "compare", "FILE", false, "compare with these policies, not with what was recorded" },
	{ 0, "down", "LINKS", false, "links that are down: lte, fiber@10m-25m since the first connection" },
	{ 0, "inside", "NETWORKS", false, "of a capture: networks that are inside" },
	{ 0, "examples", "NUMBER", false, "so many of the connections that fare otherwise; by default 10" },
	{ 0, "seed", "NUMBER", false, "of chance; by default 1" },
	{ 0 },
};

static const struct command_option use_options[] = {
	{ 0, "even-if-down", NULL, false, "though the link takes no new connections" },
	{ 0, "user", "NAME", false, "run it as this user" },
	{ 0 },
};

static const struct command_option help_options[] = {
	{ 0, "words", NULL, false, "print the bare words that may come next, for completion" },
	{ 0 },
};

static const struct command_option check_options[] = {
	{ 0, "devices", NULL, false, "look for the devices of FILE on this machine" },
	{ 0 },
};

const struct command commands[] = {
	{ .name = "status",
		.summary = "one screen: is all well, where does traffic go, since when",
		.path = "/status",
		.show = show_status },
	{ .name = "links",
		.argument = ARGUMENT_LINK,
		.summary = "links with state, reason, latency, loss, rates, connections",
		.details = "With NAME it tells about this link alone, and exits 1 if\n"
			   "the link is not up. A degraded link counts as up.",
		.run = run_links },
	{ .name = "policies",
		.summary = "policies with connections, bytes, drops, and the share of each link",
		.path = "/policies",
		.show = show_policies },
	{ .name = "flows",
		.summary = "live connections with policy, link, class, bytes",
		.path = "/flows",
		.show = show_flows },
	{ .name = "paths",
		.argument = ARGUMENT_PREFIX,
		.options = paths_options,
		.summary = "destinations by popularity: how soon each link's connections are answered",
		.details = "What `fastest' has learnt. With PREFIX only of destinations within that network, or of the\n"
			   "one that it belongs to.",
		.run = run_paths },
	{ .name = "classes",
		.summary = "QoS classes by device and link, with limits, rates, bytes, drops",
		.path = "/classes",
		.show = show_classes },
	{ .name = "explain",
		.options = explain_options,
		.summary = "what would be decided for a connection now, and why",
		.details = "Step by step, with every candidate link and its score. Nothing is sent "
			   "and nothing changes.\nWith --config FILE it needs no daemon: that file "
			   "decides, in a world in which all that\nit names exists and every link is up.",
		.run = run_explain },
	{ .name = "why",
		.options = why_options,
		.summary = "what was decided for a connection that lives or lived, and why",
		.details = "Of those that fit the newest, or with --last more of them. The record of "
			   "decisions is\nbounded: see `decisions' in uplinkd.yaml(5).",
		.path = "/why",
		.show = show_why },
	{ .name = "events",
		.options = events_options,
		.summary = "what happened: links, attacks, reloads, errors",
		.run = run_events },
	{ .name = "blocked",
		.summary = "who is shut out, why, and until when",
		.path = "/blocked",
		.show = show_blocked },
	{ .name = "unblock",
		.argument = ARGUMENT_ADDRESS,
		.summary = "let an address in again, and forget what it did",
		.run = run_unblock },
	{ .name = "diagnose",
		.argument = ARGUMENT_ONE_LINK,
		.summary = "what is wrong with a link: path, MTU, latency, loss, DNS, public address",
		.details = "It asks through the link, and beside it for comparison, for up to three seconds, with\n"
			   "about fifty small packets. Nothing changes.",
		.run = run_diagnose },
	{ .name = "drain",
		.argument = ARGUMENT_ONE_LINK,
		.options = drain_options,
		.summary = "give a link no new connections; those that run go on",
		.details = "The order lasts until `enable', over restarts of the daemon too. Checks go on.",
		.run = run_duty },
	{ .name = "disable",
		.argument = ARGUMENT_ONE_LINK,
		.options = disable_options,
		.summary = "take a link out; its connections are told as if it had failed",
		.details = "The order lasts until `enable', over restarts of the daemon too. Checks go on, and\n"
			   "no mail tells of the link meanwhile.",
		.run = run_duty },
	{ .name = "enable",
		.argument = ARGUMENT_ONE_LINK,
		.summary = "put a link back that was drained or disabled",
		.run = run_duty },
	{ .name = "use",
		.argument = ARGUMENT_COMMAND,
		.options = use_options,
		.summary = "run a command whose traffic leaves by a link",
		.details = "All of it, and that of its children: TCP, UDP, ping, names. It takes root; the exit status is\n"
			   "that of the command.",
		.run = run_use },
	{ .name = "sticky",
		.argument = ARGUMENT_SOURCE,
		.options = sticky_options,
		.summary = "what is kept on one link: policy, key, link, time left",
		.details = "With ADDRESS, also a network, of this source alone. With --forget its next connections\n"
			   "choose anew; those that live stay where they are.",
		.run = run_sticky },
	{ .name = "check",
		.argument = ARGUMENT_FILE,
		.options = check_options,
		.summary = "check a configuration file; needs no daemon",
		.details = "Tells all errors, each with its place, and exits 4 if there are any. Without\n"
			   "errors it warns of policies that can never match, of names that nothing uses,\n"
			   "and, unless FILE is given, of devices that this machine has not; and exits 0.",
		.run = run_check },
	{ .name = "diff",
		.argument = ARGUMENT_FILE,
		.summary = "what a reload would change, in words; nothing changes",
		.details = "Compares the daemon's file, or FILE, with what is in force. Exits 0 also where\n"
			   "there are changes, and 4 where the file has errors.",
		.run = run_diff },
	{ .name = "reload",
		.summary = "make the daemon read its configuration again",
		.details = "A configuration with errors changes nothing: the errors are told, and "
			   "it exits 4.",
		.run = run_reload },
	{ .name = "try",
		.argument = ARGUMENT_FILE,
		.options = try_options,
		.summary = "load a configuration that undoes itself unless confirmed",
		.details = "The daemon's own file, or FILE. It goes back to the configuration before after "
			   "the time,\non `rollback', and where the daemon ends meanwhile.",
		.run = run_try },
	{ .name = "confirm",
		.summary = "keep the configuration that is on trial",
		.path = "/confirm",
		.changes = true,
		.show = show_confirm },
	{ .name = "rollback",
		.summary = "return to the configuration before the trial, or before the last reload",
		.path = "/rollback",
		.changes = true,
		.show = show_rollback },
	{ .name = "simulate",
		.options = simulate_options,
		.summary = "what policies would have done to the connections of a log or a capture",
		.details = "Shares, bytes, load and limits for each link and policy, and what would differ. Needs "
			   "no daemon\nand no root. Policies alone are put in place of those of --config, by default\n"
			   SYSCONFDIR "/uplinkd/uplinkd.yaml.",
		.run = run_simulate },
	{ .name = "schema",
		.summary = "print a JSON Schema of the configuration, for editors",
		.details = "It is also installed as " PKGDATADIR "/schema.json. Needs no daemon.",
		.run = run_schema },
	{ .name = "ruleset",
		.summary = "the kernel objects in force: rules, routes, tables, qdiscs",
		.path = "/ruleset",
		.show = show_ruleset },
	{ .name = "test-mail",
		.summary = "send a mail, and say what the server said",
		.path = "/test-mail",
		.changes = true,
		.show = show_test_mail },
	{ .name = "help",
		.argument = ARGUMENT_VERB,
		.options = help_options,
		.summary = "explain a verb",
		.run = run_help },
	{ .name = NULL },
};

const struct command *command_find(const char *name)
{
	for (const struct command *command = commands; command->name != NULL; command++) {
		if (strcmp(command->name, name) == 0)
			return command;
	}
	return NULL;
}

const char *command_value(const struct invocation *invocation, const char *name)
{
	const struct command_option *options = invocation->command->options;

	for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
		if (strcmp(options[i].name, name) == 0)
			return invocation->values[i];
	}
	return NULL;
}

/* Options of such verbs are named as the query is. */
void command_query(const struct invocation *invocation, struct query *query)
{
	const struct command_option *options = invocation->command->options;
	size_t count = 0;

	for (size_t i = 0; options != NULL && options[i].name != NULL; i++) {
		if (invocation->values[i] != NULL)
			query[count++] = (struct query){ options[i].name, invocation->values[i] };
	}
	query[count] = (struct query){ 0 };
}

int command_run(const struct invocation *invocation)
{
	const struct command *command = invocation->command;
	struct query query[COMMAND_OPTIONS_MAX + 1];
	json_t *document = NULL;
	int code;

	if (command->run != NULL)
		return command->run(invocation);
	command_query(invocation, query);
	code = client_ask(invocation, command->changes, command->path, query, &document);
	if (code == EXIT_FINE && invocation->json)
		output_json(document);
	else if (code == EXIT_FINE)
		code = command->show(invocation, document);
	json_decref(document);
	return code;
}
