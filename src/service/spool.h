/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mail on its way: files in a folder, each a whole message, kept until a server has taken it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define SPOOL_MESSAGES_MAX 256
#define SPOOL_BYTES_MAX    (8u << 20)

enum spool_rank {
	SPOOL_FIRST,
	SPOOL_LATER, /* gives way where there is no room, the oldest first */
};

/*
 * Puts a message into folder, which is made where it is missing: written beside, synced, renamed, so
 * a crash leaves the whole of it or nothing. *ret_gave_way: others were removed for it. 0, -ENOSPC where
 * there is no room for it, or -errno.
 */
int spool_put(const char *folder, const char *message_id, const char *message, enum spool_rank rank, bool *ret_gave_way);

/* Names of what waits, oldest first; the caller frees with spool_names_free(). 0 or -errno. */
int spool_list(const char *folder, char ***ret_names, size_t *ret_count);
void spool_names_free(char **names, size_t count);
