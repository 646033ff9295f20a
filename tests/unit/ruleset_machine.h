/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the first packet of a flow through a ruleset as plain data, as the kernel would without the daemon. */
#pragma once

#include "core/flow.h"
#include "core/ruleset.h"

struct machine_packet {
	struct flow flow;
	const char *device_in, *device_out; /* names; "" where it has none */
	bool to_self, of_self;              /* its destination, or its source, is an address of this machine */
	uint32_t mark, connection_mark;
	const struct statement *translation; /* what became of its addresses, or NULL */
};

enum machine_end {
	MACHINE_ACCEPTED,
	MACHINE_DROPPED,
	MACHINE_REJECTED,
};

/* Of a base chain that has to be there; the packet is the first of its connection. SPREAD draws with rand(); a queue has no listener. */
enum machine_end machine_run(const struct ruleset *ruleset, const char *chain, struct machine_packet *packet);
