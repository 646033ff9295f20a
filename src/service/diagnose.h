/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gathers the evidence of what is wrong with a link: asks through it and beside it, all at once, for a bounded time. */
#pragma once

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "core/diagnosis.h"
#include "service/checker.h"

#define DIAGNOSE_OTHERS_MAX  2 /* links that are asked for comparison */
#define DIAGNOSE_FOREIGN_MAX 4 /* targets of other links that are asked through this one */

struct diagnose_way {
	char device[IF_NAMESIZE];
	uint32_t mark;
	uint64_t *bytes; /* as checker_path has it; outlives the diagnosis, or NULL */
	unsigned int mtu[FAMILIES]; /* largest packet, as configured or as the device says; 0: not known */
	bool works;      /* of another link: as far as its checks say */
	bool names_gateway[FAMILIES];
	struct address gateway[FAMILIES];
};

/* What is asked. Texts that targets point to must outlive the diagnosis; all else is copied. */
struct diagnose_request {
	struct diagnose_way way;
	const struct target *targets; /* of the link's check */
	size_t target_count;
	struct target foreign[DIAGNOSE_FOREIGN_MAX];
	size_t foreign_count;
	struct diagnose_way others[DIAGNOSE_OTHERS_MAX];
	size_t other_count;
	const char *public_url; /* a page that tells who asks for it; NULL: none */
	uint32_t patience_ms;   /* an answer that takes longer is none */
	bool thorough;          /* for people: more hops, sizes and echoes, all of which are answered a little later */
};

struct diagnose;

/* Called once, from the loop, when all is answered or patience_ms are over; it may free the diagnosis, and must some time. */
typedef void (*diagnose_done)(void *data, const struct evidence *evidence);

/*
 * Begins. known has the ground, need, the families' addresses and gateways and the name servers, and is copied; the
 * rest of the evidence is gathered. 0 or -errno.
 */
int diagnose_new(uv_loop_t *loop, const struct diagnose_request *request, const struct evidence *known,
	diagnose_done done, void *data, struct diagnose **ret_diagnose);

/* Accepts NULL. Nobody is called back any more. */
void diagnose_free(struct diagnose *diagnose);
