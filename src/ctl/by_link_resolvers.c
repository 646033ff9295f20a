/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Name servers for a command alone: a file of its own in the place of resolv.conf, in mounts of its own. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ctl/by_link.h"

#define PLACE "/etc/resolv.conf"

/* What is there but servers: search, options. */
static void copy_rest(FILE *out)
{
	FILE *in = fopen(PLACE, "re");
	char line[512];

	while (in != NULL && fgets(line, sizeof(line), in) != NULL) {
		if (strncmp(line, "nameserver", strlen("nameserver")) != 0)
			fputs(line, out);
	}
	if (in != NULL)
		fclose(in);
}

/* path is a template, and becomes the file's. */
static int write_file(char *path, const char *const *servers, size_t count)
{
	int fd = mkostemp(path, O_CLOEXEC);
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (out == NULL) {
		int error = errno;

		if (fd >= 0)
			close(fd);
		return -error;
	}
	fchmod(fd, 0644);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "nameserver %s\n", servers[i]);
	copy_rest(out);
	return fclose(out) == 0 ? 0 : -errno;
}

int by_link_resolvers(const char *const *servers, size_t count, char *problem, size_t size)
{
	char path[] = "/tmp/uplinkd-resolv.XXXXXX";
	int result = 0;

	if (count == 0 || access(PLACE, F_OK) < 0)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) {
		result = -errno;
	} else {
		result = write_file(path, servers, count);
		if (result == 0 && mount(path, PLACE, NULL, MS_BIND, NULL) < 0)
			result = -errno;
		unlink(path); /* the mount keeps it */
	}
	if (result < 0)
		snprintf(problem, size, "the command cannot be given name servers of its own: %s", strerror(-result));
	return result;
}
