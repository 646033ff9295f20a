/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl diagnose: a thorough look at one link, as a report. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"
#include "ctl/units.h"

static bool is_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

static void title(const char *text)
{
	printf("%-13s", text);
}

static void show_head(const struct invocation *invocation, const json_t *report)
{
	const char *finding = field_text(report, "finding");

	title("Link");
	output_text("%s (device %s), %s\n", field_text(report, "link"), field_text(report, "device"),
		field_text(report, "state"));
	title("Finding");
	fputs(output_colour(invocation->colour, finding[0] == '\0' ? COLOUR_GOOD : COLOUR_BAD), stdout);
	output_text("%s", finding[0] == '\0' ? "nothing is wrong" : field_text(report, "text"));
	puts(output_plain(invocation->colour));
	if (finding[0] == '\0')
		return;
	title("Advice");
	output_text("%s.\n", field_text(report, "advice"));
}

static void show_device(const json_t *report)
{
	title("Device");
	puts(!is_true(report, "present") ? "it does not exist" : is_true(report, "carrier") ? "has a carrier" : "has no carrier");
}

static void show_addresses(const json_t *family)
{
	const json_t *addresses = json_object_get(family, "addresses"), *address;
	size_t i;

	title("  Addresses");
	json_array_foreach(addresses, i, address) output_text("%s%s", i == 0 ? "" : ", ", json_string_value(address));
	puts(json_array_size(addresses) == 0 ? "none" : "");
}

static void show_gateway(const json_t *family)
{
	const char *gateway = field_text(family, "gateway"), *neighbour = field_text(family, "neighbour");
	bool ipv6 = strcmp(field_text(family, "family"), "ipv6") == 0;

	title("  Gateway");
	if (gateway[0] == '\0') {
		puts(is_true(family, "routed") ? "none is needed: the device leads to one neighbour" : "none is known");
		return;
	}
	output_text("%s: ", gateway);
	output_text("%s %s, ", ipv6 ? "ND" : "ARP", strcmp(neighbour, "good") == 0 ? "answered" :
		strcmp(neighbour, "none") == 0 ? "not answered" : "not asked");
	puts(strcmp(field_text(family, "gateway_echo"), "good") == 0 ? "ping answered" : "ping not answered");
}

static void show_hops(const json_t *family)
{
	const json_t *hops = json_object_get(family, "hops"), *hop;
	size_t i;

	title("  Path");
	output_text("to %s", field_text(family, "destination"));
	json_array_foreach(hops, i, hop)
	{
		const char *address = field_text(hop, "address");

		printf("\n%15zu  ", i + 1);
		output_text("%s", address[0] == '\0' ? "silent" : address);
		if (address[0] != '\0')
			printf("  %s", measure_latency(field_number(hop, "latency_ms")).text);
	}
	puts(json_array_size(hops) == 0 ? ": nobody on it answers" : "");
}

static void show_delay(const json_t *family)
{
	title("  Latency");
	if (field_number(family, "received") == 0) {
		printf("not measured: none of %.0f pings was answered\n", field_number(family, "sent"));
		return;
	}
	printf("%s, ", measure_latency(field_number(family, "least_ms")).text);
	printf("%s at the mean, ", measure_latency(field_number(family, "mean_ms")).text);
	printf("%s at the most\n", measure_latency(field_number(family, "most_ms")).text);
	title("  Loss");
	printf("%s: ", measure_share(field_number(family, "loss")).text);
	printf("%.0f of %.0f pings were answered\n", field_number(family, "received"), field_number(family, "sent"));
}

static void show_mtu(const json_t *family)
{
	double passes = field_number(family, "mtu_passes"), device = field_number(family, "mtu_device");
	double told = field_number(family, "mtu_told");

	if (!isfinite(passes))
		return;
	title("  MTU");
	printf("%.0f bytes pass", passes);
	if (passes < device)
		printf(", %.0f do not", device);
	if (isfinite(told))
		printf("; a router says that it takes %.0f", told);
	else if (passes < device)
		fputs(", and nobody says so", stdout);
	putchar('\n');
}

static void show_family(const json_t *family)
{
	bool ipv6 = strcmp(field_text(family, "family"), "ipv6") == 0;

	if (json_array_size(json_object_get(family, "addresses")) == 0 && !is_true(family, "routed"))
		return;
	puts(ipv6 ? "IPv6" : "IPv4");
	show_addresses(family);
	show_gateway(family);
	if (field_text(family, "destination")[0] == '\0')
		return;
	show_hops(family);
	show_delay(family);
	show_mtu(family);
}

static void show_answer(const char *text, const json_t *latency)
{
	output_text("%s", text);
	if (json_is_number(latency) && strcmp(text, "none") != 0)
		printf(" after %s", measure_latency(json_number_value(latency)).text);
}

static void show_targets(const json_t *targets)
{
	const json_t *target;
	size_t i;

	json_array_foreach(targets, i, target)
	{
		title(i == 0 ? "Targets" : "");
		output_text("%s %s: ", field_text(target, "kind"), field_text(target, "target"));
		show_answer(field_text(target, "here"), json_object_get(target, "latency_ms"));
		output_text("; by other links: %s\n", field_text(target, "elsewhere"));
	}
}

static void show_servers(const json_t *servers)
{
	const json_t *server;
	size_t i;

	json_array_foreach(servers, i, server)
	{
		title(i == 0 ? "DNS" : "");
		output_text("%s: ", field_text(server, "server"));
		show_answer(field_text(server, "answer"), json_object_get(server, "latency_ms"));
		putchar('\n');
	}
}

static void show_public(const json_t *report)
{
	const char *address = field_text(report, "public_address"), *page = field_text(report, "public_page");

	if (strcmp(page, "not configured") == 0)
		return;
	title("Public");
	if (address[0] != '\0')
		output_text("the world sees it as %s\n", address);
	else
		output_text("not told: %s\n", strcmp(page, "good") == 0 ? "there is no address in the page" : page);
}

static void show(const struct invocation *invocation, const json_t *report)
{
	const json_t *families = json_object_get(report, "families"), *family;
	size_t i;

	show_head(invocation, report);
	show_device(report);
	json_array_foreach(families, i, family) show_family(family);
	show_targets(json_object_get(report, "targets"));
	show_servers(json_object_get(report, "servers"));
	show_public(report);
}

int run_diagnose(const struct invocation *invocation)
{
	struct query query[] = { { "link", invocation->argument }, { 0 } };
	json_t *report = NULL;
	int code = client_ask(invocation, false, "/diagnose", query, &report);

	if (code == EXIT_FINE && invocation->json)
		output_json(report);
	else if (code == EXIT_FINE)
		show(invocation, report);
	json_decref(report);
	return code;
}
