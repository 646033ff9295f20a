/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the mail process needs before it can start: a user, its folder, its settings. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/config.h"

/* As whom the mail process runs. */
struct mailer_user {
	bool change; /* we are root and it must not be */
	uid_t uid;
	gid_t gid;
};

/* User `uplinkd`, else `nobody`, where we are root. 0 or -ENOENT. */
int mailer_find_user(struct mailer_user *ret_user);

/* Makes folder where it is missing, for that user alone. 0 or -errno. */
int mailer_make_folder(const char *folder, const struct mailer_user *user);

/*
 * The line of JSON that tells the mail process its settings; it holds the password. The caller frees
 * it. 0, -EACCES for a password file that others may read, -EINVAL for one that holds no password, or -errno.
 */
int mailer_settings_line(const struct mail_settings *settings, char **ret_line);
