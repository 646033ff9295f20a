/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a link, told from what was asked through it and beside it. */

#include "core/diagnosis.h"

#include <string.h>

/* What the evidence says of one family, reduced to what the table asks for. */
enum fact {
	CHECKS_PASS = 1 << 0,    /* enough targets answer; without targets, somebody beyond the gateway does */
	PORTAL = 1 << 1,         /* a page is another one through this link alone */
	BIG_LOST = 1 << 2,       /* small packets come back, large ones do not, and nobody says why */
	HAS_WAY = 1 << 3,        /* there is a gateway for it */
	HAS_ADDRESS = 1 << 4,
	BEYOND = 1 << 5,         /* somebody beyond the gateway was heard */
	BEYOND_ASKED = 1 << 6,
	NAMES_ALONE = 1 << 7,    /* what fails, fails for want of names, and nothing else does */
	DEAD_ELSEWHERE = 1 << 8, /* what fails here fails through every other link that was asked */
	FINE_ELSEWHERE = 1 << 9, /* some of it is answered through another */
	GATEWAY_ASKED = 1 << 10,
	GATEWAY_HEARD = 1 << 11,
	SEVERAL = 1 << 12,       /* more than one target fails */
};

/* The first row whose facts all hold, and none of those that must not, has the finding. */
static const struct row {
	unsigned int all, none;
	enum finding finding;
} rows[] = {
	{ PORTAL, 0, FINDING_CAPTIVE_PORTAL },
	{ BIG_LOST, 0, FINDING_MTU_BLACK_HOLE },
	{ CHECKS_PASS, 0, FINDING_NONE },
	{ 0, HAS_WAY | HAS_ADDRESS, FINDING_NO_ADDRESS },
	{ 0, HAS_WAY, FINDING_NO_GATEWAY },
	{ BEYOND | DEAD_ELSEWHERE, 0, FINDING_TARGET_ONLY },
	{ BEYOND | NAMES_ALONE, 0, FINDING_DNS_ONLY },
	{ BEYOND | FINE_ELSEWHERE, 0, FINDING_BEYOND_GATEWAY }, /* a part of the world is not reached */
	{ BEYOND, 0, FINDING_TARGET_ONLY },
	{ GATEWAY_ASKED, GATEWAY_HEARD, FINDING_GATEWAY_SILENT },
	/* Not proven, but links of different providers do not lose the same target at one time; several may share a way. */
	{ DEAD_ELSEWHERE, SEVERAL, FINDING_TARGET_ONLY },
	{ GATEWAY_HEARD | BEYOND_ASKED, 0, FINDING_BEYOND_GATEWAY },
	{ 0, 0, FINDING_UNKNOWN },
};

enum finding diagnosis_of_ground(enum link_ground ground)
{
	switch (ground) {
	case GROUND_READY:
		return FINDING_NONE;
	case GROUND_NO_DEVICE:
		return FINDING_NO_DEVICE;
	case GROUND_NO_CARRIER:
		return FINDING_NO_CARRIER;
	case GROUND_NO_ADDRESS:
		return FINDING_NO_ADDRESS;
	case GROUND_NO_GATEWAY:
		return FINDING_NO_GATEWAY;
	}
	return FINDING_UNKNOWN;
}

/* Whoever said it, there is a way to him. */
static bool heard(enum answer answer)
{
	return answer == ANSWER_GOOD || answer == ANSWER_REFUSED;
}

static bool fails(const struct target_evidence *target)
{
	return target->here != ANSWER_GOOD && target->here != ANSWER_NOT_ASKED;
}

static bool is_of(const struct target_evidence *target, enum family family)
{
	return target->by_name || target->family == family;
}

/* The same other page everywhere is how the server is. */
static bool shows_portal(const struct target_evidence *target)
{
	return target->here == ANSWER_OTHER && target->elsewhere != ANSWER_OTHER;
}

static bool fails_for_names(const struct target_evidence *target)
{
	return target->kind == TARGET_DNS || target->here == ANSWER_NO_NAME;
}

static unsigned int target_facts(const struct evidence *evidence, enum family family)
{
	bool names = true, beyond = false, dead = evidence->others_able > 0;
	unsigned int facts = 0, failed = 0;

	for (size_t i = 0; i < evidence->target_count; i++) {
		const struct target_evidence *target = &evidence->targets[i];

		if (!is_of(target, family))
			continue;
		if (shows_portal(target))
			facts |= PORTAL;
		if (heard(target->here) && !target->by_name && target->kind != TARGET_NEIGHBOUR)
			facts |= BEYOND;
		if (!fails(target))
			continue;
		failed++;
		beyond |= target->kind != TARGET_NEIGHBOUR;
		names = names && fails_for_names(target);
		dead = dead && target->elsewhere != ANSWER_GOOD && target->elsewhere != ANSWER_NOT_ASKED;
		if (target->elsewhere == ANSWER_GOOD)
			facts |= FINE_ELSEWHERE;
	}
	if (failed > 0)
		facts |= (beyond ? BEYOND_ASKED : 0u) | (names ? NAMES_ALONE : 0u) | (dead ? DEAD_ELSEWHERE : 0u);
	if (failed > 1)
		facts |= SEVERAL;
	return facts;
}

static bool server_heard(const struct evidence *evidence, enum family family)
{
	for (size_t i = 0; i < evidence->server_count; i++) {
		if (evidence->servers[i].address.family == family && heard(evidence->servers[i].answer))
			return true;
	}
	return false;
}

/* Also a gateway that answers by another of its addresses is the first. */
static bool hop_beyond(const struct family_evidence *found)
{
	for (unsigned int i = 1; i < found->hop_count; i++) {
		if (found->hops[i].heard && !(found->names_gateway && address_equal(&found->hops[i].address, &found->gateway)))
			return true;
	}
	return false;
}

static bool gateway_heard(const struct family_evidence *found)
{
	return heard(found->neighbour) || heard(found->gateway_echo) || (found->hop_count > 0 && found->hops[0].heard);
}

/* Where echoes are lost anyway, large ones tell nothing; nor where the destination answers them on no link. */
static bool big_lost(const struct family_evidence *found)
{
	return found->mtu_heard != 0 && found->mtu_heard < found->mtu_device && found->mtu_told == 0 &&
	       found->echoes_heard == found->echoes_sent &&
	       (found->mtu_elsewhere == ANSWER_GOOD || found->mtu_elsewhere == ANSWER_NOT_ASKED);
}

static unsigned int family_facts(const struct evidence *evidence, enum family family)
{
	const struct family_evidence *found = &evidence->families[family];
	unsigned int facts = found->has_address ? HAS_ADDRESS : 0u;

	if (!found->has_gateway)
		return facts;
	facts |= HAS_WAY;
	if (heard(found->others) || found->echoes_heard > 0 || hop_beyond(found) || server_heard(evidence, family))
		facts |= BEYOND;
	if (found->others != ANSWER_NOT_ASKED || found->destination_known)
		facts |= BEYOND_ASKED;
	if (found->neighbour != ANSWER_NOT_ASKED)
		facts |= GATEWAY_ASKED;
	if (gateway_heard(found))
		facts |= GATEWAY_HEARD;
	if (big_lost(found))
		facts |= BIG_LOST;
	return facts;
}

static bool checks_pass(const struct evidence *evidence, unsigned int facts)
{
	size_t good = 0;

	if (evidence->target_count == 0)
		return (facts & BEYOND) != 0;
	for (size_t i = 0; i < evidence->target_count; i++)
		good += evidence->targets[i].here == ANSWER_GOOD;
	return good >= evidence->need;
}

static enum finding find_in_family(const struct evidence *evidence, enum family family)
{
	unsigned int facts = target_facts(evidence, family) | family_facts(evidence, family);
	const struct row *row = rows;

	if (checks_pass(evidence, facts))
		facts |= CHECKS_PASS;
	while ((facts & row->all) != row->all || (facts & row->none) != 0) /* the last one always holds */
		row++;
	return row->finding;
}

/* Whether something fails in it; where nothing fails at all, every family counts. */
static bool family_fails(const struct evidence *evidence, enum family family)
{
	bool any = false;

	for (size_t i = 0; i < evidence->target_count; i++) {
		if (fails(&evidence->targets[i]) && is_of(&evidence->targets[i], family))
			return true;
		any |= fails(&evidence->targets[i]);
	}
	return !any;
}

/* Where families differ, that which can be used counts, and of two such the trouble that is nearer to us. */
enum finding diagnosis_find(const struct evidence *evidence)
{
	enum finding finding = FINDING_NONE;
	bool with_way = false;

	if (evidence->ground != GROUND_READY)
		return diagnosis_of_ground(evidence->ground);
	for (enum family family = IPV4; family <= IPV6; family++)
		with_way |= evidence->families[family].has_gateway && family_fails(evidence, family);
	for (enum family family = IPV4; family <= IPV6; family++) {
		enum finding found;

		if (!family_fails(evidence, family) || evidence->families[family].has_gateway != with_way)
			continue;
		found = find_in_family(evidence, family);
		if (found != FINDING_NONE && (finding == FINDING_NONE || found < finding))
			finding = found;
	}
	return finding;
}

static const struct {
	const char *name, *meaning, *advice;
} words[FINDINGS] = {
	[FINDING_NONE] = { "", "", "" },
	[FINDING_NO_DEVICE] = { "no device", "the device of the link does not exist",
		"Look whether the modem, the VLAN or the tunnel that makes it is there" },
	[FINDING_NO_CARRIER] = { "no carrier", "the device has no carrier, or is switched off",
		"Look at the cable and at the power of the modem" },
	[FINDING_NO_ADDRESS] = { "no address", "the device has no address",
		"Look at the DHCP client, PPP or router advertisements of this link" },
	[FINDING_NO_GATEWAY] = { "no gateway", "no gateway is known for the link",
		"Look at the lease or the session, or write the gateway into the configuration" },
	[FINDING_GATEWAY_SILENT] = { "gateway silent", "the gateway answers neither ARP or ND nor an echo",
		"Restart the modem or the provider's router; look whether the gateway's address is right" },
	[FINDING_BEYOND_GATEWAY] = { "beyond the gateway", "the gateway answers, but packets or their answers are lost beyond it",
		"Call the provider: the line to him works, his network does not" },
	[FINDING_DNS_ONLY] = { "DNS only", "the link carries traffic, but its names are not answered",
		"Use other name servers, or ask who runs these" },
	[FINDING_CAPTIVE_PORTAL] = { "captive portal", "somebody else answers in the place of web pages",
		"Log in at the portal, or pay the bill; until then the provider keeps the traffic" },
	[FINDING_MTU_BLACK_HOLE] = { "MTU black hole", "large packets are lost without a word, small ones pass",
		"Set the MTU of the link to what passes, and let nobody drop ICMP" },
	[FINDING_TARGET_ONLY] = { "target only", "the link works, but the targets of its check do not answer",
		"Take targets that are reliable, of different networks" },
	[FINDING_UNKNOWN] = { "unknown", "checks fail, and what was seen does not tell why",
		"Run `uplinkctl diagnose' while it lasts; targets of different kinds tell more" },
};

const char *finding_name(enum finding finding)
{
	return words[finding].name;
}

const char *finding_meaning(enum finding finding)
{
	return words[finding].meaning;
}

const char *finding_advice(enum finding finding)
{
	return words[finding].advice;
}

const char *answer_name(enum answer answer)
{
	switch (answer) {
	case ANSWER_NOT_ASKED:
		return "not asked";
	case ANSWER_NONE:
		return "none";
	case ANSWER_GOOD:
		return "good";
	case ANSWER_REFUSED:
		return "refused";
	case ANSWER_OTHER:
		return "another page";
	case ANSWER_NO_NAME:
		return "name not found";
	}
	return "";
}

bool diagnosis_public_address(const char *page, size_t length, struct address *ret_address)
{
	static const char letters[] = "0123456789abcdefABCDEF.:";
	struct address address;
	size_t at = 0;

	while (at < length) {
		char word[ADDRESS_TEXT_MAX];
		size_t count = 0;

		while (at + count < length && page[at + count] != '\0' && strchr(letters, page[at + count]) != NULL)
			count++;
		if (count > 0 && count < sizeof(word)) {
			memcpy(word, page + at, count);
			word[count] = '\0';
			if (address_parse(word, &address) && !address_is_zero(&address)) {
				*ret_address = address;
				return true;
			}
		}
		at += count > 0 ? count : 1;
	}
	return false;
}
