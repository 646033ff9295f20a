/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One question to one target through one link, of whatever kind. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "service/checker.h"

struct probe;

/* Called once: 1 and how long it took, or -errno: it never will be answered. It may free the probe, and must some time. */
typedef void (*probe_done)(void *data, int result, uint64_t latency_us);

/* What is asked of whom; path and target must outlive the probe. */
struct probe_question {
	const struct checker_path *path;
	const struct target *target;
	const struct address *address; /* of the target; a gateway's is known to the caller alone */
	uint16_t sequence;
	uint32_t timeout_ms; /* of exchanges of many packets: when they give up by themselves */
};

/* Asks. Nobody is called back before the loop runs. 0 or -errno; the caller frees it with probe_free(). */
int probe_new(uv_loop_t *loop, const struct probe_question *question, probe_done done, void *data,
	struct probe **ret_probe);

/* Looks once more whether the answer is there, and calls back where it is. */
void probe_look(struct probe *probe);

/* What came of a page, once it is done: see probe_http_page(). */
struct probe_page;
void probe_page(const struct probe *probe, struct probe_page *ret_page);

/* Accepts NULL. Nobody is called back any more; descriptors are free at once. */
void probe_free(struct probe *probe);

/* One packet there and one back; other targets are exchanges of many. */
bool probe_is_single(const struct target *target);
