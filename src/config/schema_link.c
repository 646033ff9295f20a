/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The part of the table of every key that is about links. */

#include "config/forms.h"
#include "config/schema_rows.h"

static const struct word link_nats[] = {
	{ "none", NAT_NONE },
	{ "masquerade", NAT_MASQUERADE },
	{ NULL, 0 },
};

static const struct field link_nat[] = {
	{ "prefix", NAT_KEY(form_nat_prefix), .meaning = "an IPv6 network that replaces the prefix of the source" },
	{ "ipv4", NAT_KEY(form_nat_family), .words = link_nats,
		.meaning = "source of IPv4: masquerade, none or an address; by default masquerade" },
	{ "ipv6", NAT_KEY(form_nat_family), .words = link_nats,
		.meaning = "source of IPv6: masquerade, none or an address; by default masquerade where it must be" },
	{ .key = NULL },
};

const struct field schema_learning[] = {
	{ "at-least", RATE(learning, least_bps), OPTIONAL, .meaning = "it has never less" },
	{ "at-most", RATE(learning, most_bps), OPTIONAL, .meaning = "nor more" },
	{ .key = NULL },
};

/* What the two below read where they are no words. */
const struct field schema_rates[] = {
	{ "download", RATE(link, download_bps) },
	{ "upload", RATE(link, upload_bps) },
	{ .key = NULL },
};

#define PIPE(member, form) FORM(link, member, form), .table = schema_learning

const struct field schema_bandwidth[] = {
	{ "download", PIPE(download_bps, form_download),
		.meaning = "what the link brings in at most: a rate, learn, or learnt within { at-least, at-most }" },
	{ "upload", PIPE(upload_bps, form_upload), .meaning = "what the link takes out at most, in the same words" },
	{ .key = NULL },
};

/* It is not in the file, and follows from what is learnt. */
static bool weight_follows(const void *base)
{
	return ((const struct link *)base)->weight_follows;
}

static const struct field degraded[] = {
	{ "latency", TIME(check, degraded_latency_ms, 1, MINUTE), OPTIONAL, .meaning = "a round trip that is too long" },
	{ "loss", PERCENT(check, degraded_loss_permille), OPTIONAL, .meaning = "a part of lost probes that is too large" },
	{ "jitter", TIME(check, degraded_jitter_ms, 1, MINUTE), OPTIONAL, .meaning = "a round trip that varies too much" },
	{ .key = NULL },
};

static const struct word records[] = {
	{ "a", IPV4 },
	{ "aaaa", IPV6 },
	{ NULL, 0 },
};

const struct field schema_target_http[] = {
	{ "url", TEXT(target, url, check_url), REQUIRED, .meaning = "what is fetched, by http: or https:" },
	{ "address", TEXT(target, at, check_address), OPTIONAL,
		.meaning = "where its host is; by default the name is looked up through the link" },
	{ "status", NUMBER(target, status, 100, 599), OPTIONAL, .meaning = "what must come; by default 200 to 299" },
	{ "text", TEXT(target, text, check_phrase), OPTIONAL, .meaning = "what must be in the first 64 KB of the page" },
	{ "verify", BOOL(target, verify), .standard = "true", .meaning = "whether the certificate must be good" },
	{ .key = NULL },
};

const struct field schema_target_dns[] = {
	{ "server", TEXT(target, at, check_address), REQUIRED, .meaning = "the address of the name server" },
	{ "name", TEXT(target, name, check_host), REQUIRED, .meaning = "a name that has an address" },
	{ "type", WORD(target, record, records), .standard = "a", .meaning = "the kind of address: a or aaaa" },
	{ .key = NULL },
};

/* As enum target_kind has them. */
const struct field schema_target[] = {
	{ "ping", FORM(target, address, form_ping), .meaning = "an ICMP echo to this address" },
	{ "tcp", FORM(target, address, form_tcp), .meaning = "a TCP handshake with this address and port" },
	{ "http", FORM(target, url, form_http), .table = schema_target_http, .meaning = "a page: its URL, or more of it" },
	{ "dns", FORM(target, name, form_dns), .table = schema_target_dns, .meaning = "a name that a server must know" },
	{ "neighbour", FORM(target, gateway, form_neighbour),
		.meaning = "who must be on the wire, by ARP or neighbour discovery: gateway, or an address" },
	{ .key = NULL },
};

const struct field schema_sparing[] = {
	{ "busy", TIME(sparing, busy_ms, 100, 60 * MINUTE), .standard = "30s",
		.meaning = "time between rounds while traffic is answered" },
	{ "idle", TIME(sparing, idle_ms, 100, 60 * MINUTE), .standard = "10s",
		.meaning = "and while there is none" },
	{ .key = NULL },
};

static const struct field check[] = {
	{ "targets", FORM(check, targets, form_targets), .standard = NULL, .table = schema_target,
		.meaning = "who must answer: a list of { ping: ADDRESS }, { tcp: \"ADDRESS:PORT\" }, { http: URL }, { dns: { server: ADDRESS, name: NAME } }, { neighbour: gateway }" },
	{ "need", NUMBER(check, need, 1, 16), .standard = "1", .meaning = "targets that must answer" },
	{ "interval", TIME(check, interval_ms, 100, 60 * MINUTE), .standard = "1s", .meaning = "time between rounds" },
	{ "timeout", TIME(check, timeout_ms, 10, 60 * MINUTE), .standard = "auto", .zero = "auto",
		.meaning = "how long an answer may take; auto: from the measured round trip, at most the interval" },
	{ "down-after", NUMBER(check, down_after, 1, 1000), .standard = "3",
		.meaning = "failed rounds in a row until the link is down" },
	{ "up-after", NUMBER(check, up_after, 1, 1000), .standard = "5",
		.meaning = "good rounds in a row until the link is up" },
	{ "public-address", TEXT(check, public_url, check_url), OPTIONAL,
		.meaning = "a page that tells who asks for it: diagnoses tell the address by which the world sees the link" },
	{ "degraded", SAME(degraded), .flags = FIELD_ONE_LINE, .meaning = "from when on a link is avoided, but not down" },
	{ "hold", TIME(check, hold_ms, 1, DAY), OPTIONAL,
		.meaning = "how long a link that was down must be good before it is up" },
	{ "damping", BOOL(check, damping), .standard = "true",
		.meaning = "whether a link that goes down again and again is avoided until it was calm for minutes" },
	{ "sparing", FORM(check, sparing, form_sparing), .standard = "false", .table = schema_sparing,
		.meaning = "fewer rounds while nothing speaks against the link: true, false or { busy: TIME, idle: TIME }" },
	{ .key = NULL },
};

static const struct word periods[] = {
	{ "monthly", QUOTA_MONTHLY },
	{ "weekly", QUOTA_WEEKLY },
	{ "daily", QUOTA_DAILY },
	{ NULL, 0 },
};

static const struct word counts[] = {
	{ "both", QUOTA_BOTH },
	{ "download", QUOTA_DOWNLOAD },
	{ "upload", QUOTA_UPLOAD },
	{ NULL, 0 },
};

static const struct word alones[] = {
	{ "use", QUOTA_USE },
	{ "stop", QUOTA_STOP },
	{ NULL, 0 },
};

static bool without_quota(const void *base)
{
	return ((const struct link *)base)->quota.volume == 0;
}

static bool without_reset(const void *base)
{
	return ((const struct quota_settings *)base)->period == QUOTA_DAILY;
}

#define PART(member, part) PERCENT(quota_settings, member), .standard = part, .zero = "none"

static const struct field quota[] = {
	{ "volume", NUMBER(quota_settings, volume, 1000000, 1000000000000000), .unit = UNIT_SIZE, REQUIRED,
		.meaning = "what the link may carry in a period" },
	{ "period", WORD(quota_settings, period, periods), .standard = "monthly", .meaning = "how long a period is" },
	{ "reset-day", NUMBER(quota_settings, reset_day, 1, 31), .standard = "1", .absent = without_reset,
		.meaning = "the day that it begins on: of the month, or of the week, Monday being 1" },
	{ "count", WORD(quota_settings, count, counts), .standard = "both", .meaning = "what is counted: both, download or upload" },
	{ "warn", PART(warn_permille, "80%"), .meaning = "from when on it is told" },
	{ "taper", PART(taper_permille, "90%"), .meaning = "from when on the link gets fewer and fewer new connections" },
	{ "cut-off", PART(cut_off_permille, "100%"), .meaning = "from when on it gets none where another link can" },
	{ "alone", WORD(quota_settings, alone, alones), .standard = "use",
		.meaning = "beyond the cut-off, where no other link of a policy is usable: use it, or stop" },
	{ .key = NULL },
};

const struct field schema_link[] = {
	{ "device", TEXT(link, device, check_device), REQUIRED, .meaning = "the network device of the link" },
	{ "gateway", FORM(link, gateway, form_gateway), .standard = "auto",
		.meaning = "the provider's router: an address, one per family, auto or none" },
	{ "mtu", NUMBER(link, mtu, 576, 65535), .standard = "auto", .zero = "auto",
		.meaning = "the largest packet in bytes; TCP is told on its handshake. auto: that of the device" },
	{ "bandwidth", FORM(link, learn, form_link_bandwidth), .table = schema_bandwidth,
		.meaning = "what the provider sold; learn: what is seen to go through" },
	{ "weight", NUMBER(link, weight, 1, 1000), OPTIONAL, .absent = weight_follows, .meaning = "share; by default in proportion to bandwidth" },
	{ "labels", FORM(link, labels, form_labels), .check = check_name,
		.meaning = "words that stand for all links that have them" },
	{ "nat", FORM(link, nat, form_link_nat), .standard = "masquerade", .words = link_nats, .table = link_nat,
		.meaning = "source address outside: masquerade, none, an address per family, or the keys of a map" },
	{ "resolvers", FORM(link, resolvers, form_resolvers),
		.meaning = "addresses of name servers that answer by this link alone; this machine asks them by it" },
	{ "check", MAP(link, check, check), .meaning = "how the link is tested" },
	{ "quota", MAP(link, quota, quota), .flags = FIELD_OPTIONAL | FIELD_ONE_LINE, .absent = without_quota,
		.meaning = "what it may carry in a month, a week or a day" },
	{ .key = NULL },
};
