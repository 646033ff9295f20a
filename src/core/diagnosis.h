/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is wrong with a link, told from what was asked through it and beside it. Pure: evidence in, finding out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/address.h"
#include "core/config.h"
#include "core/health.h"

enum finding {
	FINDING_NONE,            /* nothing is wrong */
	FINDING_NO_DEVICE,
	FINDING_NO_CARRIER,
	FINDING_NO_ADDRESS,
	FINDING_NO_GATEWAY,
	FINDING_GATEWAY_SILENT,  /* it answers neither ARP or ND nor an echo */
	FINDING_BEYOND_GATEWAY,  /* it answers, and nobody behind it, or not all: requests or answers are lost there */
	FINDING_DNS_ONLY,        /* names are not answered, all else is */
	FINDING_CAPTIVE_PORTAL,  /* somebody else answers in the place of a page */
	FINDING_MTU_BLACK_HOLE,  /* large packets are lost without a word */
	FINDING_TARGET_ONLY,     /* the link is fine; who should answer is not */
	FINDING_UNKNOWN,         /* what was seen does not tell */
};
#define FINDINGS (FINDING_UNKNOWN + 1)

/* What came of a question. */
enum answer {
	ANSWER_NOT_ASKED,
	ANSWER_NONE,    /* in time */
	ANSWER_GOOD,
	ANSWER_REFUSED, /* its host, or who looks after it, says no: there is a way to it */
	ANSWER_OTHER,   /* a page came, another than the one that was asked for: also a redirection */
	ANSWER_NO_NAME, /* its name could not be looked up, so that it was not asked */
};

#define EVIDENCE_TARGETS_MAX 16
#define EVIDENCE_HOPS_MAX    16
#define EVIDENCE_SERVERS_MAX 8

/* A target of the link's own check. */
struct target_evidence {
	enum target_kind kind;
	enum family family;    /* neither where it is a page by name: see by_name */
	bool by_name;          /* a page whose host is looked up */
	enum answer here;      /* through the link */
	enum answer elsewhere; /* through other links; the best of them */
	uint32_t latency_us;   /* of the answer through the link */
};

/* What was found of one family. */
struct family_evidence {
	bool has_address, has_gateway; /* a route can be made; also where the device leads to one neighbour alone */
	bool names_gateway;            /* the gateway has an address, so that it can be asked */
	struct address gateway;
	enum answer neighbour;         /* ARP or ND */
	enum answer gateway_echo;
	enum answer others;            /* targets of other links, and name servers that answered anything: the best */
	struct hop_evidence {
		bool heard;
		struct address address;
		uint32_t latency_us;
	} hops[EVIDENCE_HOPS_MAX];     /* by TTL: the first is the gateway, or who answers for it */
	unsigned int hop_count;        /* that were asked for; the destination, where it answered, is the last */
	bool destination_known;        /* somebody beyond the gateway was asked for all below */
	struct address destination;
	unsigned int echoes_sent, echoes_heard;
	uint32_t echo_least_us, echo_mean_us, echo_most_us;
	unsigned int mtu_device;       /* what the device lets out; 0: packets of different sizes were not sent */
	unsigned int mtu_heard;        /* the largest that was answered, with its header; 0: none */
	enum answer mtu_elsewhere;     /* whether one of the device's size is answered through another link */
	unsigned int mtu_told;         /* what somebody on the way said is the most; 0: nobody spoke */
};

struct evidence {
	enum link_ground ground;
	unsigned int need;             /* targets that must answer */
	struct target_evidence targets[EVIDENCE_TARGETS_MAX];
	size_t target_count;
	unsigned int others_able;      /* other links through which targets were asked, and that have a gateway that is heard */
	struct family_evidence families[FAMILIES];
	struct server_evidence {
		struct address address;
		enum answer answer;
		uint32_t latency_us;
	} servers[EVIDENCE_SERVERS_MAX]; /* name servers of this machine that are not on it */
	size_t server_count;
	enum answer public_page;       /* that tells by which address the world sees the link */
	bool public_known;
	struct address public_address;
};

/* The table in diagnosis.c from above: the first row that holds. */
enum finding diagnosis_find(const struct evidence *evidence);

/* Of a device that is not ready; FINDING_NONE for GROUND_READY. */
enum finding diagnosis_of_ground(enum link_ground ground);

/* "gateway silent"; "" for FINDING_NONE. */
const char *finding_name(enum finding finding);

/* What it means, as a sentence without its stop, and what to do about it, as another. Never NULL, "" for FINDING_NONE. */
const char *finding_meaning(enum finding finding);
const char *finding_advice(enum finding finding);

/* "good", "none", "refused", "another page", "name not found", "not asked". */
const char *answer_name(enum answer answer);

/*
 * What a page says of who asked it: the first word of it that is an address. Its bytes are hostile. False where there
 * is none.
 */
bool diagnosis_public_address(const char *page, size_t length, struct address *ret_address);
