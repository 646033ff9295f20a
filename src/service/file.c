/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that are there whole or not at all, whatever happens while they are written. */

#include "service/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER_MODE 0750
#define FILE_MODE   0600

static bool is_plain_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && !strchr(name, '/');
}

static int make_one(const char *path)
{
	return mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST ? 0 : -errno;
}

int file_make_folder(const char *folder)
{
	char path[PATH_MAX];
	size_t length = strlen(folder);

	if (length >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, folder, length + 1);
	for (size_t i = 1; i < length; i++) {
		int result;

		if (path[i] != '/')
			continue;
		path[i] = '\0';
		result = make_one(path);
		if (result < 0)
			return result;
		path[i] = '/';
	}
	return make_one(path);
}

/* Descriptor, or -errno. */
static int open_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

static int write_all(int fd, const uint8_t *bytes, size_t size)
{
	while (size > 0) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0)
			return -errno;
		bytes += written;
		size -= (size_t)written;
	}
	return fsync(fd) == 0 ? 0 : -errno;
}

/* A fresh file each time: what an earlier crash left behind may have other rights. */
static int write_beside(int folder, const char *name, const void *bytes, size_t size)
{
	int fd, result;

	unlinkat(folder, name, 0);
	fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return -errno;
	result = write_all(fd, bytes, size);
	if (close(fd) < 0 && result == 0)
		result = -errno;
	return result;
}

int file_write(const char *folder, const char *name, const void *bytes, size_t size)
{
	char beside[NAME_MAX + 1];
	int fd, result;

	if (!is_plain_name(name) || snprintf(beside, sizeof(beside), ".%s.new", name) >= (int)sizeof(beside))
		return -EINVAL;
	result = file_make_folder(folder);
	if (result < 0)
		return result;
	fd = open_folder(folder);
	if (fd < 0)
		return fd;
	result = write_beside(fd, beside, bytes, size);
	if (result == 0 && renameat(fd, beside, fd, name) < 0)
		result = -errno;
	if (result < 0)
		unlinkat(fd, beside, 0);
	else if (fsync(fd) < 0)
		result = -errno;
	close(fd);
	return result;
}

/* Size of a regular file that keeps to limit, or -errno. */
static int check_size(int fd, size_t limit, size_t *ret_size)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((uintmax_t)status.st_size > limit)
		return -EFBIG;
	*ret_size = (size_t)status.st_size;
	return 0;
}

/* A file that shrinks meanwhile gives less; one that grows gives what it had. */
static int read_all(int fd, uint8_t *bytes, size_t *size)
{
	size_t length = 0;

	while (length < *size) {
		ssize_t got = read(fd, bytes + length, *size - length);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		length += (size_t)got;
	}
	bytes[length] = '\0';
	*size = length;
	return 0;
}

static int read_open(int fd, size_t limit, void **ret_bytes, size_t *ret_size)
{
	size_t size = 0;
	uint8_t *bytes;
	int result = check_size(fd, limit, &size);

	if (result < 0)
		return result;
	bytes = malloc(size + 1);
	if (!bytes)
		return -ENOMEM;
	result = read_all(fd, bytes, &size);
	if (result < 0) {
		free(bytes);
		return result;
	}
	*ret_bytes = bytes;
	*ret_size = size;
	return 0;
}

int file_read(const char *folder, const char *name, size_t limit, void **ret_bytes, size_t *ret_size)
{
	int folder_fd, fd, result;

	if (!is_plain_name(name))
		return -EINVAL;
	folder_fd = open_folder(folder);
	if (folder_fd < 0)
		return folder_fd;
	/* A named pipe in its place must not hold us. */
	fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	result = fd >= 0 ? read_open(fd, limit, ret_bytes, ret_size) : -errno;
	if (fd >= 0)
		close(fd);
	close(folder_fd);
	return result;
}

int file_rename(const char *folder, const char *name, const char *new_name)
{
	int fd, result;

	if (!is_plain_name(name) || !is_plain_name(new_name))
		return -EINVAL;
	fd = open_folder(folder);
	if (fd < 0)
		return fd;
	result = renameat(fd, name, fd, new_name) == 0 ? 0 : -errno;
	close(fd);
	return result;
}
