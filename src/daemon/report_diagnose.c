/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was found out about a link, in words and as JSON. */

#include <stdio.h>
#include <string.h>

#include "daemon/daemon.h"
#include "daemon/diagnosing.h"

static const char *const family_names[FAMILIES] = { "ipv4", "ipv6" };

/* The farthest that answered, or NULL. */
static const struct hop_evidence *last_hop(const struct family_evidence *found)
{
	for (unsigned int i = found->hop_count; i > 0; i--) {
		if (found->hops[i - 1].heard)
			return &found->hops[i - 1];
	}
	return NULL;
}

static void add_gateways(FILE *out, const struct evidence *evidence)
{
	char text[ADDRESS_TEXT_MAX];
	const char *separator = ": ";

	for (enum family family = IPV4; family <= IPV6; family++) {
		const struct family_evidence *found = &evidence->families[family];

		if (!found->names_gateway || found->neighbour != ANSWER_NONE)
			continue;
		fprintf(out, "%s%s", separator, address_format(&found->gateway, text, sizeof(text)));
		separator = ", ";
	}
}

static void add_last_hops(FILE *out, const struct evidence *evidence)
{
	char text[ADDRESS_TEXT_MAX];

	for (enum family family = IPV4; family <= IPV6; family++) {
		const struct hop_evidence *hop = last_hop(&evidence->families[family]);

		if (hop != NULL)
			fprintf(out, "; the last that answers is %s", address_format(&hop->address, text, sizeof(text)));
	}
}

static void add_sizes(FILE *out, const struct evidence *evidence)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		const struct family_evidence *found = &evidence->families[family];

		if (found->mtu_heard != 0 && found->mtu_heard < found->mtu_device && found->mtu_told == 0)
			fprintf(out, "; %u bytes pass, %u do not", found->mtu_heard, found->mtu_device);
	}
}

static bool anybody_beyond(const struct evidence *evidence)
{
	for (enum family family = IPV4; family <= IPV6; family++) {
		const struct family_evidence *found = &evidence->families[family];

		if (found->others == ANSWER_GOOD || found->echoes_heard > 0 || found->hop_count > 1)
			return last_hop(found) > &found->hops[0] || found->others == ANSWER_GOOD || found->echoes_heard > 0;
	}
	return false;
}

static void add_detail(FILE *out, enum finding finding, const struct evidence *evidence)
{
	switch (finding) {
	case FINDING_GATEWAY_SILENT:
		add_gateways(out, evidence);
		break;
	case FINDING_BEYOND_GATEWAY:
		add_last_hops(out, evidence);
		break;
	case FINDING_MTU_BLACK_HOLE:
		add_sizes(out, evidence);
		break;
	case FINDING_TARGET_ONLY:
		if (!anybody_beyond(evidence))
			fputs("; so it seems, for no other link reaches them", out);
		break;
	case FINDING_NONE:
	case FINDING_NO_DEVICE:
	case FINDING_NO_CARRIER:
	case FINDING_NO_ADDRESS:
	case FINDING_NO_GATEWAY:
	case FINDING_DNS_ONLY:
	case FINDING_CAPTIVE_PORTAL:
	case FINDING_UNKNOWN:
		break;
	}
}

const char *diagnosis_text(enum finding finding, const struct evidence *evidence, char *text, size_t size)
{
	FILE *out;

	text[0] = '\0';
	if (finding == FINDING_NONE)
		return text;
	out = fmemopen(text, size, "w");
	if (out == NULL)
		return text;
	fprintf(out, "%s: %s", finding_name(finding), finding_meaning(finding));
	if (evidence != NULL)
		add_detail(out, finding, evidence);
	fclose(out);
	text[size - 1] = '\0';
	return text;
}

static json_t *milliseconds(uint32_t us)
{
	return us == 0 ? json_null() : json_real((double)us / 1000);
}

static json_t *address_document(bool known, const struct address *address)
{
	char text[ADDRESS_TEXT_MAX];

	return known ? json_string(address_format(address, text, sizeof(text))) : json_null();
}

static json_t *bytes(unsigned int count)
{
	return count == 0 ? json_null() : json_integer(count);
}

static json_t *hops_document(const struct family_evidence *found)
{
	const struct hop_evidence *last = last_hop(found);
	json_t *list = json_array();

	for (const struct hop_evidence *hop = found->hops; last != NULL && hop <= last; hop++)
		json_array_append_new(list, json_pack("{s:o, s:o}", "address", address_document(hop->heard, &hop->address),
			"latency_ms", milliseconds(hop->latency_us)));
	return list;
}

static json_t *addresses_document(const struct link_run *run, enum family family)
{
	json_t *list = json_array();

	for (size_t i = 0; i < run->view.addresses.count; i++) {
		const struct network *address = &run->view.addresses.items[i];
		char text[ADDRESS_TEXT_MAX];

		if (address->address.family == family)
			json_array_append_new(list, json_string(network_format(address, text, sizeof(text))));
	}
	return list;
}

static json_t *family_document(const struct link_run *run, const struct evidence *evidence, enum family family)
{
	const struct family_evidence *found = &evidence->families[family];
	unsigned int sent = found->echoes_sent, lost = sent - found->echoes_heard;

	return json_pack("{s:s, s:o, s:b, s:o, s:s, s:s, s:o, s:o, s:i, s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"family", family_names[family],
		"addresses", addresses_document(run, family),
		"routed", found->has_gateway,
		"gateway", address_document(found->names_gateway, &found->gateway),
		"neighbour", answer_name(found->neighbour),
		"gateway_echo", answer_name(found->gateway_echo),
		"destination", address_document(found->destination_known, &found->destination),
		"hops", hops_document(found),
		"sent", (int)sent,
		"received", (int)found->echoes_heard,
		"loss", sent == 0 ? json_null() : json_real((double)lost / sent),
		"least_ms", milliseconds(found->echo_least_us),
		"mean_ms", milliseconds(found->echo_mean_us),
		"most_ms", milliseconds(found->echo_most_us),
		"mtu_device", bytes(found->mtu_device),
		"mtu_passes", bytes(found->mtu_heard),
		"mtu_told", bytes(found->mtu_told));
}

static json_t *target_document(const struct target *target, const struct target_evidence *found)
{
	static const char *const kinds[] = { [TARGET_PING] = "ping", [TARGET_TCP] = "tcp", [TARGET_HTTP] = "http",
		[TARGET_DNS] = "dns", [TARGET_NEIGHBOUR] = "neighbour" };
	char address[ADDRESS_TEXT_MAX], text[400];

	address_format(&target->address, address, sizeof(address));
	switch (target->kind) {
	case TARGET_PING:
		snprintf(text, sizeof(text), "%s", address);
		break;
	case TARGET_NEIGHBOUR:
		snprintf(text, sizeof(text), "%s", target->gateway ? "gateway" : address);
		break;
	case TARGET_TCP:
		snprintf(text, sizeof(text), target->address.family == IPV6 ? "[%s]:%u" : "%s:%u", address, target->port);
		break;
	case TARGET_HTTP:
		snprintf(text, sizeof(text), "%s", target->url);
		break;
	case TARGET_DNS:
		snprintf(text, sizeof(text), "%s at %s", target->name, address);
		break;
	}
	return json_pack("{s:s, s:s, s:s, s:s, s:o}", "kind", kinds[target->kind], "target", text, "here",
		answer_name(found->here), "elsewhere", answer_name(found->elsewhere), "latency_ms",
		milliseconds(found->here == ANSWER_NONE ? 0 : found->latency_us));
}

static json_t *targets_document(const struct link_run *run, const struct evidence *evidence)
{
	json_t *list = json_array();

	for (size_t i = 0; i < evidence->target_count && i < run->link->check.count; i++)
		json_array_append_new(list, target_document(&run->link->check.targets[i], &evidence->targets[i]));
	return list;
}

static json_t *servers_document(const struct evidence *evidence)
{
	json_t *list = json_array();

	for (size_t i = 0; i < evidence->server_count; i++)
		json_array_append_new(list, json_pack("{s:o, s:s, s:o}", "server",
			address_document(true, &evidence->servers[i].address), "answer",
			answer_name(evidence->servers[i].answer), "latency_ms", milliseconds(evidence->servers[i].latency_us)));
	return list;
}

json_t *diagnosis_document(const struct link_run *run, const struct evidence *evidence, uint64_t took_ms)
{
	enum finding finding = diagnosis_find(evidence);
	bool asked = run->link->check.public_url != NULL && evidence->ground == GROUND_READY;
	enum link_ground ground = evidence->ground;
	char text[DIAGNOSIS_TEXT_MAX];
	json_t *families = json_array();

	for (enum family family = IPV4; family <= IPV6; family++)
		json_array_append_new(families, family_document(run, evidence, family));
	return json_pack("{s:s, s:s, s:s, s:b, s:b, s:o, s:o, s:o, s:s, s:o, s:s, s:s, s:s, s:I}",
		"link", run->link->name,
		"device", run->link->device,
		"state", duty_state_text(run),
		"present", ground != GROUND_NO_DEVICE,
		"carrier", ground != GROUND_NO_DEVICE && ground != GROUND_NO_CARRIER,
		"families", families,
		"targets", targets_document(run, evidence),
		"servers", servers_document(evidence),
		"public_page", asked ? answer_name(evidence->public_page) : "not configured",
		"public_address", address_document(evidence->public_known, &evidence->public_address),
		"finding", finding_name(finding),
		"text", diagnosis_text(finding, evidence, text, sizeof(text)),
		"advice", finding_advice(finding),
		"took_ms", (json_int_t)took_ms);
}
