/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks name servers for an address through one link and no other. */
#pragma once

#include <stdint.h>
#include <uv.h>

#include "core/address.h"
#include "service/checker.h"

struct lookup;

/*
 * Called once, with 0 and an address, or with -ENOENT: the server says that there is none, -ETIMEDOUT: nobody
 * answered, or another -errno. It may free the lookup, and must do so some time.
 */
typedef void (*lookup_done)(void *data, int result, const struct address *address);

/*
 * Asks for an address of that family by name. server NULL: the name servers of this machine; those on its loopback
 * are asked as they are, for what they ask in turn leaves by what they know. 0 or -errno.
 */
int lookup_new(uv_loop_t *loop, const struct checker_path *path, const struct address *server, const char *name,
	enum family family, uint32_t timeout_ms, lookup_done done, void *data, struct lookup **ret_lookup);

/* Accepts NULL. Nobody is called back any more. */
void lookup_free(struct lookup *lookup);
