/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small folder of messages that the server refused for good, for the operator to look at. */

#include "mail/failed.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/spool.h"

static void make_room(int failed, const char *path)
{
	char **names;
	size_t count;

	if (spool_list(path, &names, &count) < 0)
		return;
	for (size_t i = 0; i + FAILED_MAX <= count; i++)
		unlinkat(failed, names[i], 0);
	spool_names_free(names, count);
}

void failed_keep(int spool, const char *folder, const char *name)
{
	char path[PATH_MAX];
	int failed;

	mkdirat(spool, "failed", 0700);
	failed = openat(spool, "failed", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (failed < 0)
		return;
	if (snprintf(path, sizeof(path), "%s/failed", folder) < (int)sizeof(path))
		make_room(failed, path);
	renameat(spool, name, failed, name);
	close(failed);
}
