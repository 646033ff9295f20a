/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of every key: type, default, range, place in the plain structs, meaning. */

#include "config/schema.h"

#include "config/forms.h"
#include "config/schema_rows.h"
#include "core/mark.h"

#ifndef RUNSTATEDIR
#define RUNSTATEDIR "/run"
#endif
#ifndef LOCALSTATEDIR
#define LOCALSTATEDIR "/var"
#endif

static const struct word actions[] = {
	{ "allow", ACTION_ALLOW },
	{ "drop", ACTION_DROP },
	{ "reject", ACTION_REJECT },
	{ NULL, 0 },
};

static const struct word algorithms[] = {
	{ "round-robin", ALGORITHM_ROUND_ROBIN },
	{ "random", ALGORITHM_RANDOM },
	{ "hash", ALGORITHM_HASH },
	{ "priority", ALGORITHM_PRIORITY },
	{ "least-connections", ALGORITHM_LEAST_CONNECTIONS },
	{ "least-load", ALGORITHM_LEAST_LOAD },
	{ "spillover", ALGORITHM_SPILLOVER },
	{ "fastest", ALGORITHM_FASTEST },
	{ "lowest-latency", ALGORITHM_LOWEST_LATENCY },
	{ "by-packet", ALGORITHM_BY_PACKET },
	{ NULL, 0 },
};

static const struct word shares[] = {
	{ "connections", SHARE_CONNECTIONS },
	{ "bytes", SHARE_BYTES },
	{ NULL, 0 },
};

static const struct word if_nones[] = {
	{ "next", IF_NONE_NEXT },
	{ "drop", IF_NONE_DROP },
	{ "any", IF_NONE_ANY },
	{ NULL, 0 },
};

static const struct word on_failures[] = {
	{ "reset", ON_FAILURE_RESET },
	{ "keep", ON_FAILURE_KEEP },
	{ "flush", ON_FAILURE_FLUSH },
	{ NULL, 0 },
};

static const struct word on_recoveries[] = {
	{ "keep", ON_RECOVERY_KEEP },
	{ "move-idle", ON_RECOVERY_MOVE_IDLE },
	{ "cut", ON_RECOVERY_CUT },
	{ NULL, 0 },
};

static const struct word policy_nats[] = {
	{ "auto", NAT_AUTO },
	{ "none", NAT_NONE },
	{ "masquerade", NAT_MASQUERADE },
	{ NULL, 0 },
};

static const struct field policy_nat[] = {
	{ "source", NAT_KEY(form_nat_source), .meaning = "a source address, a range, or a list: each client keeps to one of them" },
	{ "prefix", NAT_KEY(form_nat_prefix), .meaning = "an IPv6 network that replaces the prefix of the source" },
	{ "destination", NAT_KEY(form_nat_destination),
		.meaning = "where the connection goes instead: an address, with a port, or one for each family" },
	{ "ipv4", NAT_KEY(form_nat_family), .words = policy_nats, .meaning = "source of IPv4; by default as the link says" },
	{ "ipv6", NAT_KEY(form_nat_family), .words = policy_nats, .meaning = "source of IPv6; by default as the link says" },
	{ .key = NULL },
};

static const struct word limit_pers[] = {
	{ "source", PER_SOURCE },
	{ "destination", PER_DESTINATION },
	{ "all", PER_ALL },
	{ NULL, 0 },
};

static const struct word mail_tls[] = {
	{ "opportunistic", TLS_OPPORTUNISTIC },
	{ "required", TLS_REQUIRED },
	{ "never", TLS_NEVER },
	{ NULL, 0 },
};

static const struct word mail_summaries[] = {
	{ "none", SUMMARY_NONE },
	{ "daily", SUMMARY_DAILY },
	{ "weekly", SUMMARY_WEEKLY },
	{ NULL, 0 },
};

const struct field schema_class[] = {
	{ "min", FORM(qos_class, min, form_bandwidth), .meaning = "what is guaranteed on each link: a rate, or percent of the link's" },
	{ "max", FORM(qos_class, max, form_bandwidth), .meaning = "what it gets at most; by default all that the link has" },
	{ "priority", NUMBER(qos_class, priority, 0, 7), .standard = "4",
		.meaning = "who is served first with what is left: 0 before 7" },
	{ .key = NULL },
};

static const struct field qos[] = {
	{ "classes", FORM(qos, classes, form_classes), .table = schema_class, .meaning = "the classes, by name" },
	{ "default", FORM(qos, standard, form_standard_class),
		.meaning = "the class of connections that no policy gives one" },
	{ .key = NULL },
};

const struct field schema_zone[] = {
	{ "devices", FORM(zone, devices, form_names), .check = check_device, .meaning = "inside network devices" },
	{ "networks", FORM(zone, networks, form_networks), .meaning = "inside networks" },
	{ .key = NULL },
};

const struct field schema_set[] = {
	{ "networks", FORM(set, networks, form_networks), .meaning = "networks, addresses and ranges" },
	{ "file", TEXT(set, file, check_file), OPTIONAL,
		.meaning = "a file with one of them in each line; read anew when it changes" },
	{ .key = NULL },
};

static const struct field timetable[] = {
	{ "days", FORM(timetable, days, form_days), .meaning = "mon to sun, ranges as mon-fri; by default every day" },
	{ "hours", FORM(timetable, hours, form_hours),
		.meaning = "from and to as 08:00-18:00, also over midnight; by default the whole day" },
	{ .key = NULL },
};

static const struct field match[] = {
	{ "from", FORM(match, from, form_ends), .meaning = "where it comes from; by default anywhere" },
	{ "to", FORM(match, to, form_ends), .meaning = "where it goes to; by default anywhere" },
	{ "not-from", FORM(match, not_from, form_ends), .meaning = "where it must not come from" },
	{ "not-to", FORM(match, not_to, form_ends), .meaning = "where it must not go to" },
	{ "protocol", FORM(match, protocols, form_protocols), .meaning = "name or number; by default any" },
	{ "from-port", FORM(match, from_ports, form_ports), .meaning = "port or range at the source" },
	{ "to-port", FORM(match, to_ports, form_ports), .meaning = "port or range at the destination" },
	{ "icmp-type", FORM(match, icmp_types, form_icmp_types),
		.meaning = "type of ICMP: a name, a number, or type and code as 3/1; with protocol icmp or icmpv6 alone" },
	{ "dscp", FORM(match, dscps, form_dscps), .meaning = "code point of the first packet: ef, af11, cs0, or a number" },
	{ "time", MAP(match, timetable, timetable), .flags = FIELD_ONE_LINE,
		.meaning = "when, by the router's time zone; by default always" },
	{ .key = NULL },
};

static const struct field sticky[] = {
	{ "by", WORD(balance, sticky_by, flow_keys), OPTIONAL, .standard = "source",
		.meaning = "what stays on one link" },
	{ "for", TIME(balance, sticky_for_s, SECOND, 365ull * DAY), .scale = SECOND, OPTIONAL, .standard = "10m",
		.meaning = "how long after its last new connection" },
	{ .key = NULL },
};

static bool without_turns(const void *base)
{
	return ((const struct balance *)base)->algorithm != ALGORITHM_ROUND_ROBIN;
}

static const struct field balance[] = {
	{ "algorithm", WORD(balance, algorithm, algorithms), .standard = "round-robin", .meaning = "how a link is chosen" },
	{ "by", WORD(balance, hash_by, flow_keys), OPTIONAL, .meaning = "for hash: what is hashed; by default source" },
	{ "share", WORD(balance, share, shares), .standard = "connections", .absent = without_turns,
		.meaning = "for round-robin: what is in proportion to weights" },
	{ "links", FORM(balance, choices, form_choices), .standard = "internet",
		.meaning = "links and labels to choose from, or groups of them, best first; the order counts for priority; by default all" },
	{ "weights", FORM(balance, choices, form_weights), .meaning = "shares; by default the weights of the links" },
	{ "sticky", SAME(sticky), .flags = FIELD_OPTIONAL | FIELD_ONE_LINE,
		.meaning = "keeps what belongs together on one link" },
	{ "together", FORM(balance, together_by, form_together), .table = schema_together,
		.meaning = "the same over all policies that say so: `by source', or keys; not with sticky" },
	{ "if-none", WORD(balance, if_none, if_nones), .standard = "next", .meaning = "when none of the links is usable" },
	{ "on-failure", WORD(balance, on_failure, on_failures), .standard = "reset",
		.meaning = "what happens to connections of a link that failed" },
	{ "on-recovery", WORD(balance, on_recovery, on_recoveries), .standard = "keep",
		.meaning = "what happens to connections on another link when a better one is back" },
	{ .key = NULL },
};

static const struct field limits[] = {
	{ "connections", NUMBER(limits, connections, 1, 1000000), OPTIONAL, .meaning = "that live at the same time" },
	{ "new-connections", FORM(limits, new_connections, form_events), .meaning = "in a time: 50/s, 300/m, 10/h" },
	{ "burst", NUMBER(limits, burst, 1, 1000000), OPTIONAL,
		.meaning = "new connections that may come at once; by default as many as in one second" },
	{ "bandwidth", RATE(limits, bandwidth_bps), OPTIONAL, .meaning = "in both directions together" },
	{ "per", WORD(limits, per, limit_pers), .standard = "source", .meaning = "what is counted by" },
	{ "over", FORM(limits, over, form_over), .standard = "drop",
		.meaning = "what is done with what is too much: drop, reject or { class: NAME }" },
	{ "block-for", TIME(limits, block_for_s, SECOND, 365ull * DAY), .scale = SECOND, .standard = "none", .zero = "none",
		.meaning = "how long a source that is over the limit is shut out" },
	{ .key = NULL },
};

static bool without_limits(const void *base)
{
	return !limits_any(&((const struct policy *)base)->limits);
}

#define DETECTOR_PER WORD(detector_settings, per, limit_pers), .standard = "source", .meaning = "what is counted by"
#define DETECTOR_BLOCK(time) \
	TIME(detector_settings, block_for_s, SECOND, 365ull * DAY), .scale = SECOND, .standard = time, .zero = "none", \
	.meaning = "how long the source is shut out; twice as long each time that it comes back"
#define FLOOD(name, often, once) \
	const struct field name[] = { \
		{ "rate", FORM(detector_settings, rate, form_events), .standard = often, .meaning = "what is allowed" }, \
		{ "burst", NUMBER(detector_settings, burst, 1, 1000000), .standard = once, .meaning = "and at once on top" }, \
		{ "per", DETECTOR_PER }, \
		{ "block-for", DETECTOR_BLOCK("5m") }, \
		{ .key = NULL }, \
	}

FLOOD(schema_flood, "50/s", "100");
static FLOOD(ping_flood, "10/s", "20");
static FLOOD(udp_flood, "500/s", "1000");

const struct field schema_connections[] = {
	{ "max", NUMBER(detector_settings, max, 1, 1000000), .standard = "512", .meaning = "connections that live at the same time" },
	{ "per", DETECTOR_PER },
	{ "block-for", DETECTOR_BLOCK("none") },
	{ .key = NULL },
};

#define SCAN(name, often) \
	const struct field name[] = { \
		{ "failures", NUMBER(detector_settings, failures, 2, 100), .standard = often, \
			.meaning = "first contacts that fail, less those that succeed, until it is a scan" }, \
		{ "block-for", DETECTOR_BLOCK("1h") }, \
		{ .key = NULL }, \
	}

SCAN(schema_port_scan, "10");
static SCAN(schema_address_scan, "4");

#define DETECTOR(which, rows) FORM(dos, detectors[which], form_detector), .table = rows

static const struct field dos[] = {
	{ "syn-flood", DETECTOR(DETECT_SYN_FLOOD, schema_flood), .meaning = "TCP connections that are begun" },
	{ "ping-flood", DETECTOR(DETECT_PING_FLOOD, ping_flood), .meaning = "echo requests of ICMP and ICMPv6" },
	{ "udp-flood", DETECTOR(DETECT_UDP_FLOOD, udp_flood), .meaning = "UDP connections that are begun" },
	{ "connections", DETECTOR(DETECT_CONNECTIONS, schema_connections), .meaning = "connections that live" },
	{ "port-scan", DETECTOR(DETECT_PORT_SCAN, schema_port_scan),
		.meaning = "a source on a link that tries many ports, hardly any of them open" },
	{ "address-scan", DETECTOR(DETECT_ADDRESS_SCAN, schema_address_scan),
		.meaning = "a source on a link that tries many addresses, hardly any of which answers" },
	{ "exempt", FORM(dos, exempt, form_networks), .meaning = "networks that are never limited and never shut out" },
	{ .key = NULL },
};

/* Connections that are not allowed leave by no link. */
static bool without_balance(const void *base)
{
	const struct policy *policy = base;

	return policy->action != ACTION_ALLOW;
}

const struct field schema_policy[] = {
	{ "name", TEXT(policy, name, check_name), REQUIRED, .meaning = "the policy's name, each once" },
	{ "match", MAP(policy, match, match), .meaning = "which connections; by default all" },
	{ "action", WORD(policy, action, actions), .standard = "allow", .meaning = "allow, drop or reject" },
	{ "balance", MAP(policy, balance, balance), .absent = without_balance, .meaning = "by which link they leave" },
	{ "nat", FORM(policy, nat, form_policy_nat), .standard = "auto", .words = policy_nats, .table = policy_nat,
		.meaning = "auto: as the link says; none, masquerade, or the keys of a map" },
	{ "log", BOOL(policy, log), .standard = "false", .meaning = "a line in the log for each connection" },
	{ "qos", FORM(policy, qos_class, form_class), .meaning = "the class that shares the link's bandwidth; by default that of qos" },
	{ "limits", MAP(policy, limits, limits), .flags = FIELD_ONE_LINE, .absent = without_limits,
		.meaning = "how much of it there may be" },
	{ .key = NULL },
};

static const struct field mail[] = {
	{ "server", TEXT(mail_settings, server, check_mail_server), REQUIRED,
		.meaning = "\"smtp://HOST:PORT\" or \"smtps://HOST:PORT\"" },
	{ "from", TEXT(mail_settings, from, check_mail_address), REQUIRED, .meaning = "the address that mails come from" },
	{ "to", FORM(mail_settings, to, form_names), .check = check_mail_address,
		.meaning = "the addresses that mails go to" },
	{ "kinds", FORM(mail_settings, kinds, form_alert_kinds), .words = schema_alert_kinds,
		.meaning = "what `to' is told of; by default everything" },
	{ "recipients", FORM(mail_settings, others, form_recipients), .table = schema_recipients,
		.meaning = "a list of { to: ..., kinds: ... }: who else is told of what" },
	{ "reminder", TIME(mail_settings, reminder_s, MINUTE, 7 * DAY), .scale = SECOND, .zero = "never", .standard = "never",
		.meaning = "a mail after so long while a link is still in trouble" },
	{ "summary", WORD(mail_settings, summary, mail_summaries), .standard = "none",
		.meaning = "a mail with what was, each day or each Monday" },
	{ "summary-hour", NUMBER(mail_settings, summary_hour, 0, 23), .standard = "7", .meaning = "when it is sent, by local time" },
	{ "templates", TEXT(mail_settings, templates, check_file), OPTIONAL,
		.meaning = "a folder with KIND.txt: the subject in the first line, then the text, with ${placeholders}" },
	{ "timeout", TIME(mail_settings, timeout_s, SECOND, 10 * MINUTE), .scale = SECOND, .standard = "1m",
		.meaning = "how long one mail may take to be sent" },
	{ "user", TEXT(mail_settings, user, check_mail_user), OPTIONAL, .meaning = "the name for the server" },
	{ "password-file", TEXT(mail_settings, password_file, check_path), OPTIONAL,
		.meaning = "a file with the password in its first line" },
	{ "ca-file", TEXT(mail_settings, ca_file, check_path), OPTIONAL,
		.meaning = "certificates to trust; by default the system's" },
	{ "tls", WORD(mail_settings, tls, mail_tls), .standard = "opportunistic", .meaning = "whether the way is encrypted" },
	{ .key = NULL },
};

static const struct field command[] = {
	{ "run", FORM(command_settings, run, form_argv), REQUIRED,
		.meaning = "the program, by its path, and its arguments: no shell reads them" },
	{ "kinds", FORM(command_settings, kinds, form_alert_kinds), .words = schema_alert_kinds,
		.meaning = "what it is run for; by default everything" },
	{ "timeout", TIME(command_settings, timeout_ms, SECOND, 10 * MINUTE), .standard = "30s",
		.meaning = "how long it may take" },
	{ "user", TEXT(command_settings, user, check_user), OPTIONAL,
		.meaning = "who runs it; by default nobody, or the daemon's own user where that is not root" },
	{ .key = NULL },
};

static const struct field alerts[] = {
	{ "mail", MAP(config, mail, mail), OPTIONAL, .meaning = "mails about links" },
	{ "command", MAP(config, command, command), OPTIONAL, .meaning = "a program that is run for alerts" },
	{ "syslog", FORM(config, syslog, form_syslog), .table = schema_syslog,
		.meaning = "alerts by syslog, and records of connections" },
	{ .key = NULL },
};

static const struct field control[] = {
	{ "socket", TEXT(config, socket, check_socket), RESTART, .standard = RUNSTATEDIR "/uplinkd/control.sock",
		.meaning = "where uplinkctl reaches the daemon" },
	{ .key = NULL },
};

static const struct field kernel[] = {
	{ "mark-shift", NUMBER(kernel_settings, mark_shift, 0, MARK_SHIFT_MAX), RESTART, .standard = "0",
		.meaning = "moves the 24 bits of the mark to the left" },
	{ "mark-policy-bits", NUMBER(kernel_settings, mark_policy_bits, MARK_POLICY_BITS_LEAST, MARK_POLICY_BITS),
		RESTART, .standard = "13", .meaning = "bits of the mark that tell policies apart" },
	{ "first-table", NUMBER(kernel_settings, first_table, 1, 2147483000), .standard = "7000",
		.meaning = "first number of the routing tables" },
	{ "rule-priority", NUMBER(kernel_settings, rule_priority, 1, 32465), .standard = "1000",
		.meaning = "first of 300 priorities of routing rules" },
	{ "first-queue", NUMBER(kernel_settings, first_queue, 0, 65534), RESTART, .standard = "200",
		.meaning = "first number of the packet queues" },
	{ "queues", NUMBER(kernel_settings, queues, 1, 64), RESTART, .standard = "2",
		.meaning = "queues for packets from inside, and as many for those from links" },
	{ "queue-length", NUMBER(kernel_settings, queue_length, 16, 65535), RESTART, .standard = "256",
		.meaning = "packets that a queue holds" },
	{ "log-group", NUMBER(kernel_settings, log_group, 1, 65535), RESTART, .standard = "200",
		.meaning = "number of the log group that copies of handshakes come by" },
	{ .key = NULL },
};

static const struct field sticky_table[] = {
	{ "entries", NUMBER(config, sticky_entries, 8, 1u << 24), RESTART, .standard = "65536",
		.meaning = "what the memory for sticky holds; rounded up to a power of two" },
	{ .key = NULL },
};

static const struct field paths_table[] = {
	{ "entries", NUMBER(config, path_entries, 8, 1u << 22), RESTART, .standard = "65536",
		.meaning = "destinations that fastest remembers; rounded up to a power of two" },
	{ "probe", BOOL(config, path_probe), .standard = "false",
		.meaning = "measures popular destinations by links that connections do not take" },
	{ .key = NULL },
};

static const struct field decisions[] = {
	{ "record", NUMBER(config, decision_records, 0, 1u << 22), RESTART, .standard = "16384",
		.meaning = "decisions that are kept for `why'; rounded up to a power of two; 0: none" },
	{ .key = NULL },
};

static const struct field connections[] = {
	{ "entries", NUMBER(config, living_entries, 1024, 1u << 24), RESTART, .standard = "131072",
		.meaning = "connections that are watched at once" },
	{ "log", TEXT(config, connection_log, check_path), OPTIONAL,
		.meaning = "a file that gets a line of JSON for each that is over" },
	{ "limit", NUMBER(config, connection_log_limit, 1000000, 1000000000000), .unit = UNIT_SIZE, .standard = "100 MB",
		.meaning = "size from which on the file is put aside as FILE.1" },
	{ .key = NULL },
};

const struct field schema_top[] = {
	{ "version", FORM(config, arena, form_version), REQUIRED, .meaning = "the version of this format: 1" },
	{ "control", SAME(control), .flags = FIELD_ONE_LINE, .meaning = "the control socket" },
	{ "state-directory", TEXT(config, state_directory, check_path), RESTART, .standard = LOCALSTATEDIR "/lib/uplinkd",
		.meaning = "where spool and learnt state are kept" },
	{ "kernel", MAP(config, kernel, kernel), .meaning = "numbers that must not collide with others'" },
	{ "sticky", SAME(sticky_table), .flags = FIELD_ONE_LINE, .meaning = "the memory for sticky" },
	{ "paths", SAME(paths_table), .flags = FIELD_ONE_LINE, .meaning = "what fastest learns of destinations" },
	{ "decisions", SAME(decisions), .flags = FIELD_ONE_LINE, .meaning = "the record of decisions" },
	{ "connections", SAME(connections), .flags = FIELD_ONE_LINE, .meaning = "connections that live, and their log" },
	{ "alerts", SAME(alerts), .meaning = "who is told" },
	{ "zones", FORM(config, zones, form_zones), .table = schema_zone, .meaning = "the inside, by name" },
	{ "links", FORM(config, links, form_links), .table = schema_link, REQUIRED, .meaning = "the ways to the internet, by name" },
	{ "sets", FORM(config, sets, form_sets), .table = schema_set, .meaning = "networks, by name" },
	{ "qos", MAP(config, qos, qos), .meaning = "classes that share the bandwidth of the links" },
	{ "policies", FORM(config, policies, form_policies), .table = schema_policy,
		.meaning = "a list: the first whose match holds decides" },
	{ "dos", MAP(config, dos, dos), .meaning = "what is too much of anything, before the policies" },
	{ .key = NULL },
};

const struct field schema_policy_file[] = {
	{ "version", FORM(config, arena, form_version), .meaning = "the version of this format: 1" },
	{ "policies", FORM(config, policies, form_policies), .table = schema_policy, REQUIRED,
		.meaning = "a list of policies" },
	{ .key = NULL },
};

const char *config_algorithm_name(enum algorithm algorithm)
{
	return algorithms[algorithm].word;
}

const char *config_action_name(enum action action)
{
	return actions[action].word;
}

const char *config_on_recovery_name(enum on_recovery on_recovery)
{
	return on_recoveries[on_recovery].word;
}
