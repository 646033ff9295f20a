/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the mail process needs before it can start: a user, its folder, its settings. */

#include "service/mailer_start.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#define PASSWORD_MAX 1024

int mailer_find_user(struct mailer_user *ret_user)
{
	static const char *const names[] = { "uplinkd", "nobody" };

	*ret_user = (struct mailer_user){ .uid = geteuid(), .gid = getegid() };
	if (geteuid() != 0)
		return 0;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct passwd *entry = getpwnam(names[i]);

		if (entry != NULL && entry->pw_uid != 0) {
			*ret_user = (struct mailer_user){ .change = true, .uid = entry->pw_uid, .gid = entry->pw_gid };
			return 0;
		}
	}
	return -ENOENT;
}

int mailer_make_folder(const char *folder, const struct mailer_user *user)
{
	int fd, result = 0;

	if (mkdir(folder, 0700) < 0 && errno != EEXIST)
		return -errno;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return -errno;
	if (user->change && (fchown(fd, user->uid, user->gid) < 0 || fchmod(fd, 0700) < 0))
		result = -errno;
	close(fd);
	return result;
}

/* The service manager hands secrets over in its own folder, where a group bit may stand for our right. */
static bool is_credential(const char *path)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY");
	size_t length = folder != NULL ? strlen(folder) : 0;

	return length > 1 && strncmp(path, folder, length) == 0 && path[length] == '/' && strstr(path, "/../") == NULL;
}

static int check_password_file(int fd, const char *path)
{
	mode_t forbidden = is_credential(path) ? 0037 : 0077;
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if ((status.st_mode & forbidden) != 0 || (status.st_uid != 0 && status.st_uid != geteuid()))
		return -EACCES;
	return 0;
}

/* password has room for PASSWORD_MAX + 2 bytes. */
static int read_password(const char *path, char *password)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ssize_t length;
	int result;

	if (fd < 0)
		return -errno;
	result = check_password_file(fd, path);
	if (result < 0)
		goto cleanup;

	length = read(fd, password, PASSWORD_MAX + 1);
	if (length < 0) {
		result = -errno;
		goto cleanup;
	}
	if (length > PASSWORD_MAX) {
		result = -EINVAL;
		goto cleanup;
	}
	if (length > 0 && password[length - 1] == '\n')
		length--;
	if (length > 0 && password[length - 1] == '\r')
		length--;
	password[length] = '\0';
	if (length == 0 || strlen(password) != (size_t)length || strpbrk(password, "\r\n") != NULL)
		result = -EINVAL;

cleanup:
	close(fd);
	return result;
}

static const char *tls_name(enum mail_tls tls)
{
	switch (tls) {
	case TLS_OPPORTUNISTIC:
		return "opportunistic";
	case TLS_REQUIRED:
		return "required";
	case TLS_NEVER:
		return "never";
	}
	return "required";
}

static json_t *settings_document(const struct mail_settings *settings, const char *password)
{
	const char *addresses[MAIL_RECIPIENTS_MAX];
	size_t count = mail_recipients(settings, 0, addresses);
	json_t *to = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(to, json_string(addresses[i]));
	return json_pack("{s:s, s:s, s:o, s:s*, s:s*, s:s*, s:s, s:I}", "server", settings->server, "from", settings->from,
		"to", to, "user", settings->user, "password", password, "ca_file", settings->ca_file,
		"tls", tls_name(settings->tls), "timeout_s", (json_int_t)settings->timeout_s);
}

int mailer_settings_line(const struct mail_settings *settings, char **ret_line)
{
	char password[PASSWORD_MAX + 2] = "", *text = NULL, *line = NULL;
	json_t *document = NULL;
	int result = 0;

	if (settings->password_file != NULL)
		result = read_password(settings->password_file, password);
	if (result < 0)
		goto cleanup;

	/* a text that is no UTF-8 makes no document */
	document = settings_document(settings, settings->password_file != NULL ? password : NULL);
	if (document == NULL) {
		result = -EINVAL;
		goto cleanup;
	}
	text = json_dumps(document, JSON_COMPACT);
	if (text == NULL || asprintf(&line, "%s\n", text) < 0)
		result = -ENOMEM;
	else
		*ret_line = line;

cleanup:
	if (text != NULL)
		explicit_bzero(text, strlen(text));
	free(text);
	json_decref(document);
	explicit_bzero(password, sizeof(password));
	return result;
}
