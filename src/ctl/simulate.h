/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of uplinkctl simulate share. */
#pragma once

#include "core/replay.h"
#include "ctl/commands.h"

/* What was simulated. */
struct simulation {
	const struct config *config;
	const struct replay *replay;
	const char *policies, *compared, *log; /* files; compared: NULL where it is the record */
	uint64_t bad;                          /* lines or packets that are no connections */
};

/* What came of it, for scripts; the caller owns it. Ends the program where there is no memory. */
json_t *simulate_document(const struct simulation *simulation);

/* The same for people. */
void show_simulation(const struct invocation *invocation, const json_t *document);
