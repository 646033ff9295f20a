/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Takes what waits in the spool to the server, oldest first, and keeps what could not go. */

#include "mail/outbox.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "mail/addressed.h"
#include "mail/deliver.h"
#include "mail/failed.h"
#include "mail/report.h"
#include "service/spool.h"

#define REFUSALS_MAX 3
#define LEFTOVER_S   600 /* no writer takes that long for one file */

/* What is known of a message that could not go yet. */
struct record {
	char name[NAME_MAX + 1]; /* "": free */
	unsigned int refusals;
	uint64_t served;
};

struct outbox {
	const char *folder;
	const struct settings *settings;
	bool (*stop_wanted)(void *data);
	void *data;
	int fd; /* of the folder */
	struct record records[SPOOL_MESSAGES_MAX];
};

int outbox_new(const char *folder, const struct settings *settings, bool (*stop_wanted)(void *data), void *data,
	struct outbox **ret_outbox)
{
	struct outbox *outbox = calloc(1, sizeof(*outbox));

	if (outbox == NULL)
		return -ENOMEM;
	outbox->folder = folder;
	outbox->settings = settings;
	outbox->stop_wanted = stop_wanted;
	outbox->data = data;
	outbox->fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (outbox->fd < 0) {
		int result = -errno;

		free(outbox);
		return result;
	}
	*ret_outbox = outbox;
	return 0;
}

void outbox_free(struct outbox *outbox)
{
	if (outbox == NULL)
		return;
	close(outbox->fd);
	free(outbox);
}

static bool is_leftover(int folder, const char *name)
{
	size_t length = strlen(name);
	struct stat status;

	if (name[0] != '.' || length < 4 || strcmp(name + length - 4, ".tmp") != 0)
		return false;
	if (fstatat(folder, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return llabs((long long)(time(NULL) - status.st_mtime)) > LEFTOVER_S;
}

void outbox_tidy(struct outbox *outbox)
{
	DIR *directory = opendir(outbox->folder);
	const struct dirent *entry;

	if (directory == NULL)
		return;
	while ((entry = readdir(directory)) != NULL) {
		if (is_leftover(outbox->fd, entry->d_name))
			unlinkat(outbox->fd, entry->d_name, 0);
	}
	closedir(directory);
}

/* Forgets what is known of messages that wait no more. */
static void forget_gone(struct outbox *outbox, char *const *names, size_t count)
{
	for (size_t i = 0; i < SPOOL_MESSAGES_MAX; i++) {
		struct record *record = &outbox->records[i];
		bool waits = false;

		for (size_t n = 0; n < count && record->name[0] != '\0' && !waits; n++)
			waits = strcmp(names[n], record->name) == 0;
		if (!waits)
			*record = (struct record){ 0 };
	}
}

/* The record of a message, a fresh one where there is none; NULL where somebody else overfilled the spool. */
static struct record *find_record(struct outbox *outbox, const char *name)
{
	struct record *fresh = NULL;

	for (size_t i = 0; i < SPOOL_MESSAGES_MAX; i++) {
		struct record *record = &outbox->records[i];

		if (strcmp(record->name, name) == 0)
			return record;
		if (record->name[0] == '\0' && fresh == NULL)
			fresh = record;
	}
	if (fresh != NULL)
		snprintf(fresh->name, sizeof(fresh->name), "%s", name);
	return fresh;
}

/* Removed before anything else is done: from here on a crash must not send it again. */
static void remove_delivered(const struct outbox *outbox, const char *name)
{
	if (unlinkat(outbox->fd, name, 0) == 0)
		fsync(outbox->fd);
}

static void give_up(const struct outbox *outbox, const struct record *record, char answer[ANSWER_SIZE])
{
	size_t length = strlen(answer);

	failed_keep(outbox->fd, outbox->folder, record->name);
	snprintf(answer + length, ANSWER_SIZE - length, " (given up, kept in failed/)");
}

static enum verdict send_one(struct outbox *outbox, struct sender *sender, struct record *record)
{
	int file = openat(outbox->fd, record->name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char message_id[MESSAGE_ID_SIZE], answer[ANSWER_SIZE];
	enum verdict verdict;

	if (file < 0) {
		snprintf(answer, sizeof(answer), "cannot read it: %s", strerror(errno));
		report_write(record->name, false, answer);
		return LATER;
	}
	report_message_id(file, record->name, message_id);
	record->served |= ~addressed_to(file, outbox->settings);
	verdict = sender_send(sender, file, &record->served, answer);
	close(file);

	if (verdict == DELIVERED)
		remove_delivered(outbox, record->name);
	else if (verdict == REFUSED && ++record->refusals >= REFUSALS_MAX)
		give_up(outbox, record, answer);
	report_write(message_id, verdict == DELIVERED, answer);
	return verdict;
}

static void send_all(struct outbox *outbox, struct sender *sender, char *const *names, size_t count)
{
	for (size_t i = 0; i < count && !outbox->stop_wanted(outbox->data); i++) {
		struct record *record = find_record(outbox, names[i]);

		if (record != NULL && send_one(outbox, sender, record) == SERVER_AWAY)
			return;
	}
}

static int count_waiting(const struct outbox *outbox)
{
	char **names;
	size_t count;
	int result = spool_list(outbox->folder, &names, &count);

	if (result < 0)
		return result;
	spool_names_free(names, count);
	return (int)count;
}

int outbox_pass(struct outbox *outbox)
{
	char **names = NULL;
	size_t count = 0;
	int result = spool_list(outbox->folder, &names, &count);
	struct sender *sender = NULL;

	if (result < 0 || count == 0)
		goto cleanup;

	forget_gone(outbox, names, count);
	sender = sender_new(outbox->settings);
	if (sender == NULL) {
		result = -ENOMEM;
		goto cleanup;
	}
	send_all(outbox, sender, names, count);
	result = count_waiting(outbox);

cleanup:
	sender_free(sender);
	spool_names_free(names, count);
	return result;
}
