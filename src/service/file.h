/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are there whole or not at all, whatever happens while they are written. */
#pragma once

#include <stddef.h>

/*
 * Writes folder/name with mode 0600: beside it first, then synced, renamed, and the folder synced.
 * The folder and those above it are made where they are missing. name has no slash and does not
 * begin with a dot (-EINVAL). 0 or -errno; the old file stays on any error.
 */
int file_write(const char *folder, const char *name, const void *bytes, size_t size);

/* Makes the folder and those above it where they are missing. 0 or -errno. */
int file_make_folder(const char *folder);

/*
 * Reads folder/name, at most limit bytes (-EFBIG), and only a regular file (-EINVAL). A zero byte
 * follows what was read. The caller frees *ret_bytes. 0 or -errno.
 */
int file_read(const char *folder, const char *name, size_t limit, void **ret_bytes, size_t *ret_size);

/* Renames folder/name within the folder. 0 or -errno. */
int file_rename(const char *folder, const char *name, const char *new_name);
