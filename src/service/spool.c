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
#define NAME_LENGTH 47 /* at most */
#define STEM_LENGTH 37

static const char *const endings[] = { [SPOOL_FIRST] = ".eml", [SPOOL_LATER] = ".later.eml" };

static bool has_rank(const char *name, enum spool_rank rank)
{
	return strcmp(name + STEM_LENGTH, endings[rank]) == 0;
}

static bool is_message(const char *name)
{
	return strlen(name) > STEM_LENGTH && strspn(name, "0123456789") == 20 && name[20] == '-' &&
	       strspn(name + 21, "0123456789abcdef") == 16 && (has_rank(name, SPOOL_FIRST) || has_rank(name, SPOOL_LATER));
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
static uint64_t next_moment(char *const *names, size_t count)
{
	struct timespec now;
	uint64_t moment, newest;

	clock_gettime(CLOCK_REALTIME, &now);
	moment = (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
	if (count == 0)
		return moment;
	newest = strtoull(names[count - 1], NULL, 10);
	return newest >= moment && newest < UINT64_MAX ? newest + 1 : moment;
}

static uint64_t size_of(int folder, const char *name)
{
	struct stat status;

	return fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : (uint64_t)status.st_size;
}

/* Removes what gives way, oldest first, as long as there is no room for so many bytes more. 0 or -ENOSPC. */
static int make_room(int folder, char *const *names, size_t count, uint64_t bytes, bool *ret_gave_way)
{
	size_t waiting = count;

	for (size_t i = 0; i < count; i++)
		bytes += size_of(folder, names[i]);
	for (size_t i = 0; i < count && (waiting >= SPOOL_MESSAGES_MAX || bytes > SPOOL_BYTES_MAX); i++) {
		uint64_t size = size_of(folder, names[i]);

		if (!has_rank(names[i], SPOOL_LATER) || unlinkat(folder, names[i], 0) < 0)
			continue;
		*ret_gave_way = true;
		bytes -= size;
		waiting--;
	}
	return waiting >= SPOOL_MESSAGES_MAX || bytes > SPOOL_BYTES_MAX ? -ENOSPC : 0;
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

static int put_file(int folder, const char *name, const char *message)
{
	char beside[NAME_LENGTH + 8];
	int result;

	snprintf(beside, sizeof(beside), ".%s.tmp", name);
	result = write_file(folder, beside, message);
	if (result == 0 && renameat(folder, beside, folder, name) < 0)
		result = -errno;
	if (result < 0)
		unlinkat(folder, beside, 0);
	else if (fsync(folder) < 0)
		result = -errno;
	return result;
}

int spool_put(const char *folder, const char *message_id, const char *message, enum spool_rank rank, bool *ret_gave_way)
{
	char name[NAME_LENGTH + 1], **names = NULL;
	int fd = open_folder(folder), result;
	size_t count = 0;

	*ret_gave_way = false;
	if (fd < 0)
		return fd;
	result = spool_list(folder, &names, &count);
	if (result == 0)
		result = make_room(fd, names, count, strlen(message), ret_gave_way);
	if (result == 0) {
		snprintf(name, sizeof(name), "%020" PRIu64 "-%016" PRIx64 "%s", next_moment(names, count), hash(message_id),
			endings[rank]);
		result = put_file(fd, name, message);
	}
	spool_names_free(names, count);
	close(fd);
	return result;
}
