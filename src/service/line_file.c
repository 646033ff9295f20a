/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A file that grows by whole lines, and is put aside where it becomes too large. */

#include "service/line_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct line_file {
	char *path, *aside;
	uint64_t limit, size;
	int fd; /* -1: not open */
};

struct line_file *line_file_new(const char *path, uint64_t limit)
{
	struct line_file *file = calloc(1, sizeof(*file));

	if (file == NULL)
		return NULL;
	file->fd = -1;
	file->limit = limit;
	file->path = strdup(path);
	file->aside = malloc(strlen(path) + sizeof(".1"));
	if (file->path == NULL || file->aside == NULL) {
		line_file_free(file);
		return NULL;
	}
	sprintf(file->aside, "%s.1", path);
	return file;
}

void line_file_free(struct line_file *file)
{
	if (file == NULL)
		return;
	line_file_reopen(file);
	free(file->path);
	free(file->aside);
	free(file);
}

void line_file_reopen(struct line_file *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

static int open_file(struct line_file *file)
{
	struct stat status;
	int error;

	if (file->fd >= 0)
		return 0;
	/* A pipe or device in its place must not hold us up. */
	file->fd = open(file->path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0640);
	if (file->fd < 0)
		return -errno;
	error = fstat(file->fd, &status) < 0 ? -errno : S_ISREG(status.st_mode) ? 0 : -EINVAL;
	if (error < 0) {
		line_file_reopen(file);
		return error;
	}
	file->size = (uint64_t)status.st_size;
	return 0;
}

static int put_aside(struct line_file *file)
{
	if (rename(file->path, file->aside) < 0)
		return -errno;
	line_file_reopen(file);
	return open_file(file);
}

static int append(struct line_file *file, const char *lines, size_t size)
{
	size_t written = 0;

	while (written < size) {
		ssize_t count = write(file->fd, lines + written, size - written);

		if (count < 0 && errno == EINTR)
			continue;
		if (count <= 0)
			return count == 0 ? -EIO : -errno;
		written += (size_t)count;
	}
	file->size += size;
	return 0;
}

int line_file_write(struct line_file *file, const char *lines, size_t size)
{
	int error = open_file(file);

	if (error == 0 && file->size > 0 && file->size + size > file->limit)
		error = put_aside(file);
	if (error < 0)
		return error;
	error = append(file, lines, size);
	/* Half a line would spoil the one that comes after it. */
	if (error < 0 && ftruncate(file->fd, (off_t)file->size) < 0)
		line_file_reopen(file);
	return error;
}
