/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the file of a set: one address, network or range in each line. */

#include "config/set_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A file with more wrong lines is of another kind: the first tell enough. */
#define WRONG_LINES_MAX 20

struct reading {
	struct problems *problems;
	struct arena *arena;
	struct networks *networks;
	size_t room;
	size_t wrong;
};

static bool make_room(struct reading *reading, size_t count)
{
	struct networks *networks = reading->networks;
	struct network *grown;

	if (networks->count + count <= reading->room)
		return true;
	reading->room = 2 * (networks->count + count);
	grown = arena_array(reading->arena, reading->room, sizeof(*grown));
	if (grown == NULL) {
		reading->problems->no_memory = true;
		return false;
	}
	if (networks->count > 0)
		memcpy(grown, networks->items, networks->count * sizeof(*grown));
	networks->items = grown;
	return true;
}

static void add_item(struct reading *reading, struct position at, const char *text)
{
	struct network items[NETWORKS_OF_RANGE_MAX];
	size_t count = read_range(reading->problems, at, text, items);

	if (count == 0) {
		reading->wrong++;
	} else if (reading->networks->count + count > SET_NETWORKS_MAX) {
		problem_add(reading->problems, at, "more than %d networks", SET_NETWORKS_MAX);
		problem_hint(reading->problems, "join neighbours into larger networks, or make several sets");
		reading->wrong = WRONG_LINES_MAX;
	} else if (make_room(reading, count)) {
		memcpy(reading->networks->items + reading->networks->count, items, count * sizeof(*items));
		reading->networks->count += count;
	}
}

static bool is_blank(char character)
{
	return character == ' ' || character == '\t' || character == '\r';
}

/* One line without its end. What follows a # is for people. */
static void read_line(struct reading *reading, struct position at, const char *line, size_t length)
{
	const char *comment = memchr(line, '#', length);
	size_t start = 0, end = comment == NULL ? length : (size_t)(comment - line), word;
	char text[2 * ADDRESS_TEXT_MAX];

	while (start < end && is_blank(line[start]))
		start++;
	while (end > start && is_blank(line[end - 1]))
		end--;
	if (start == end)
		return;
	at.column = start + 1;
	for (word = start; word < end && !is_blank(line[word]); word++)
		;
	if (end - start >= sizeof(text) || word < end || memchr(line + start, '\0', end - start) != NULL) {
		problem_add(reading->problems, at, "a line has one address, network or range");
		problem_hint(reading->problems, "what is for people begins with `#'");
		reading->wrong++;
		return;
	}
	memcpy(text, line + start, end - start);
	text[end - start] = '\0';
	add_item(reading, at, text);
}

static void read_lines(struct reading *reading, const struct source *source)
{
	const char *line = source->text, *end = line + source->length;
	struct position at = { source, 1, 1 };

	for (; line < end && reading->wrong < WRONG_LINES_MAX && !reading->problems->no_memory; at.line++) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		if (next == NULL)
			next = end;
		read_line(reading, at, line, (size_t)(next - line));
		line = next + 1;
	}
}

/* Only a file: what has no end, or waits for somebody, would hold us up. NULL with errno set. */
static char *read_text(const char *path, size_t *ret_length)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), error;
	struct stat status;
	char *text = NULL;

	if (fd < 0)
		return NULL;
	if (fstat(fd, &status) == 0) {
		if (S_ISREG(status.st_mode))
			text = read_all(fd, SET_BYTES_MAX, ret_length);
		else
			errno = S_ISDIR(status.st_mode) ? EISDIR : EINVAL;
	}
	error = errno;
	close(fd);
	errno = error;
	return text;
}

void set_file_read(struct problems *problems, const char *path, unsigned int order, struct position at,
	struct arena *arena, struct networks *networks)
{
	struct reading reading = { .problems = problems, .arena = arena, .networks = networks };
	struct source source = { .name = path, .order = order };
	char *text = read_text(path, &source.length);

	*networks = (struct networks){ .items = NULL };
	if (text == NULL) {
		int error = errno;

		problem_add(problems, at, "`%s' cannot be read: %s", path, strerror(error));
		problem_hint(problems, error == ENOENT ? "create it, it may be empty, or correct the path" :
			"check what it is, and who may read it");
		return;
	}
	source.text = text;
	read_lines(&reading, &source);
	free(text);
}

int config_read_set(const char *path, struct arena *arena, struct networks *ret_networks, struct config_errors *errors)
{
	struct source source = { .name = path };
	struct problems problems = { .items = NULL };

	set_file_read(&problems, path, 0, (struct position){ &source, 0, 0 }, arena, ret_networks);
	return problems_finish(&problems, errors);
}
