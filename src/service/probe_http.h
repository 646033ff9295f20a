/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page that is fetched to see whether it can be, and whether it is the right one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
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

/* What came, once it is done. */
struct probe_page {
	long status;          /* 0: no answer of HTTP came */
	const char *body;     /* as much as was read; it lives as long as the probe */
	size_t length;
	bool no_name;         /* its host could not be looked up */
	bool refused;         /* its host, or who looks after it, refused the connection */
	bool bad_certificate; /* somebody answered, but not who should */
};

void probe_http_page(const struct probe_http *probe, struct probe_page *ret_page);

/* Accepts NULL. Nobody is called back any more. */
void probe_http_free(struct probe_http *probe);
