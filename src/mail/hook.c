/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkd-hook USER COMMAND [ARGUMENT ...]: gives up every right, and becomes the operator's command. */

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "mail/privileges.h"

enum {
	EXIT_NOT_ALLOWED = 125,
	EXIT_NOT_RUNNABLE = 126,
	EXIT_NOT_FOUND = 127,
};

static int complain(const char *what, int error, int code)
{
	fprintf(stderr, "%s: %s\n", what, strerror(error));
	return code;
}

/* "" is nobody where we are root, and else who we are: without root there is no other. */
static int become(const char *name)
{
	const struct passwd *user;

	if (geteuid() != 0 && name[0] == '\0')
		return 0;
	errno = 0;
	user = getpwnam(name[0] == '\0' ? "nobody" : name);
	if (user == NULL)
		return errno != 0 ? -errno : -ENOENT;
	if (geteuid() != 0)
		return geteuid() == user->pw_uid ? 0 : -EPERM;
	if (user->pw_uid == 0)
		return -EPERM;
	if (initgroups(user->pw_name, user->pw_gid) < 0 || setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	int error;

	dup2(STDOUT_FILENO, STDERR_FILENO);
	if (argc < 3)
		return complain("uplinkd-hook USER COMMAND", EINVAL, EXIT_NOT_ALLOWED);
	error = become(argv[1]);
	if (error < 0)
		return complain(argv[1], -error, EXIT_NOT_ALLOWED);
	error = privileges_drop();
	if (error < 0)
		return complain("cannot give up rights", -error, EXIT_NOT_ALLOWED);
	execv(argv[2], argv + 2);
	error = errno;
	return complain(argv[2], error, error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUNNABLE);
}
