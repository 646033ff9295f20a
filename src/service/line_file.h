/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that grows by whole lines, and is put aside where it becomes too large. Blocks: for worker threads. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* One thread at a time. */
struct line_file;

/* Opens nothing yet. limit: bytes that it has at most, unless one write alone is more. NULL: no memory. */
struct line_file *line_file_new(const char *path, uint64_t limit);

/* Accepts NULL. */
void line_file_free(struct line_file *file);

/*
 * Appends lines, all or none of them. Where the file would be larger than its limit it is renamed to PATH.1 before,
 * which replaces an older one. A new file has mode 0640; a symbolic link is not followed. 0 or -errno.
 */
int line_file_write(struct line_file *file, const char *lines, size_t size);

/* The next write opens the path anew: somebody has put the file aside. */
void line_file_reopen(struct line_file *file);
