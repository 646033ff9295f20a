/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page that is fetched to see whether it can be, and whether it is the right one. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "service/checker.h"

struct probe_http;

/* Called once: 1 where the page came as the target asks for, or -errno. It may free the probe, and must some time. */
typedef void (*probe_http_done)(void *data, int result);

/*
 * Begins. Redirections are not followed: a captive portal sends one. What is asked for is read up to 64 KB.
 * Proxies of the environment are not used. 0 or -errno.
 */
int probe_http_new(uv_loop_t *loop, const struct checker_path *path, const struct target *target, uint32_t timeout_ms,
	probe_http_done done, void *data, struct probe_http **ret_probe);

/* Accepts NULL. Nobody is called back any more. */
void probe_http_free(struct probe_http *probe);
