/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mail on its way: files in a folder, each a whole message, kept until a server has taken it. */

#include "service/spool.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* 20 digits of microseconds, a dash, 16 hex digits, ".eml": order by name is order by time. */
#define NAME_LENGTH 41

static bool is_message(const char *name)
{
	return strlen(name) == NAME_LENGTH && strspn(name, "0123456789") == 20 && name[20] == '-' &&
	       strspn(name + 21, "0123456789abcdef") == 16 && strcmp(name + 37, ".eml") == 0;
}

static int is_message_entry(const struct dirent *entry)
{
	return is_message(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

int spool_list(const char *folder, char ***ret_names, size_t *ret_count)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, is_message_entry, by_name);
	char **names = NULL;
	int result = 0;

	if (count < 0)
		return -errno;

	names = calloc((size_t)count + 1, sizeof(*names));
	if (names == NULL)
		result = -ENOMEM;
	for (int i = 0; i < count; i++) {
		if (result == 0 && (names[i] = strdup(entries[i]->d_name)) == NULL)
			result = -ENOMEM;
		free(entries[i]);
	}
	free(entries);
	if (result < 0) {
		spool_names_free(names, (size_t)count);
		return result;
	}
	*ret_names = names;
	*ret_count = (size_t)count;
	return 0;
}

void spool_names_free(char **names, size_t count)
{
	if (names == NULL)
		return;
	for (size_t i = 0; i < count; i++)
		free(names[i]);
	free(names);
}

/* FNV-1a; it only tells messages of one moment apart. */
static uint64_t hash(const char *text)
{
	uint64_t value = 0xcbf29ce484222325;

	for (; *text != '\0'; text++)
		value = (value ^ (unsigned char)*text) * 0x100000001b3;
	return value;
}

/* Now, or just after the newest that waits: a clock that was set back must not change the order. */
static int next_moment(const char *folder, uint64_t *ret_moment)
{
	struct timespec now;
	char **names;
	size_t count;
	int result = spool_list(folder, &names, &count);

	if (result < 0)
		return result;
	if (count >= SPOOL_MESSAGES_MAX) {
		result = -ENOSPC;
		goto cleanup;
	}
	clock_gettime(CLOCK_REALTIME, &now);
	*ret_moment = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (count > 0) {
		uint64_t newest = strtoull(names[count - 1], NULL, 10);

		if (newest >= *ret_moment && newest < UINT64_MAX)
			*ret_moment = newest + 1;
	}

cleanup:
	spool_names_free(names, count);
	return result;
}

static int open_folder(const char *folder)
{
	int fd;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd < 0 ? -errno : fd;
}

/* The process that sends runs as the folder's owner, who must be able to read what root wrote. */
static int give_to_owner(int file, int folder)
{
	struct stat status;

	if (geteuid() != 0)
		return 0;
	if (fstat(folder, &status) < 0 || fchown(file, status.st_uid, status.st_gid) < 0)
		return -errno;
	return 0;
}

static int write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t count = write(fd, text, length);

		if (count < 0 && errno == EINTR)
			continue;
		if (count < 0)
			return -errno;
		text += count;
		length -= (size_t)count;
	}
	return 0;
}

static int write_file(int folder, const char *name, const char *message)
{
	int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int result;

	if (fd < 0)
		return -errno;

	result = write_all(fd, message, strlen(message));
	if (result == 0)
		result = give_to_owner(fd, folder);
	if (result == 0 && fsync(fd) < 0)
		result = -errno;
	if (close(fd) < 0 && result == 0)
		result = -errno;
	return result;
}

int spool_put(const char *folder, const char *message_id, const char *message)
{
	char name[NAME_LENGTH + 1], beside[NAME_LENGTH + 8];
	uint64_t moment = 0;
	int fd = open_folder(folder), result;

	if (fd < 0)
		return fd;

	result = next_moment(folder, &moment);
	if (result < 0)
		goto cleanup;
	snprintf(name, sizeof(name), "%020" PRIu64 "-%016" PRIx64 ".eml", moment, hash(message_id));
	snprintf(beside, sizeof(beside), ".%s.tmp", name);

	result = write_file(fd, beside, message);
	if (result == 0 && renameat(fd, beside, fd, name) < 0)
		result = -errno;
	if (result < 0)
		unlinkat(fd, beside, 0);
	else if (fsync(fd) < 0)
		result = -errno;

cleanup:
	close(fd);
	return result;
}
