/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers echo requests in the place of the far kernel: honestly, or as an attacker would. */
#pragma once

#include <stdint.h>
#include <sys/types.h>
#include <uv.h>

#include "core/address.h"

enum forgery {
	HONEST,
	HONEST_AMONG_MANY, /* after a few hundred with a wrong cookie */
	WRONG_COOKIE,
	WRONG_IDENTIFIER,
	WRONG_SEQUENCE,
	WRONG_TYPE,
	WRONG_SOURCE,
	WRONG_DEVICE,      /* all is right, but it comes by wan1 */
	TOO_SHORT,         /* the cookie is not whole */
	OF_LAST_ROUND,     /* the right answer, one round late */
};

struct forger {
	uv_poll_t poll;
	enum family family;
	enum forgery forgery;
	int ear, mouth;
	uint8_t last[100];
	size_t last_length;
	unsigned int requests;
};

/* Set family and forgery before. The far kernel must have been told not to answer itself. */
void forger_start(struct forger *forger, uv_loop_t *loop);
void forger_stop(struct forger *forger);
