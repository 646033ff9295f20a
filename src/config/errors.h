/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gathers what is wrong, with its place, while a configuration is read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"
#include "config/text.h"

/* A file as it was read. order counts the files of one run. */
struct source {
	const char *name;
	const char *text;
	size_t length;
	unsigned int order;
};

/* line and column count from 1, in characters; line 0: the file as a whole. */
struct position {
	const struct source *source;
	size_t line, column;
};

struct problem {
	struct config_error error;
	unsigned int file; /* order of the source */
	size_t number;     /* keeps the order of two problems at one place */
};

struct problems {
	struct problem *items;
	size_t count, room;
	bool no_memory;
};

/* Told after these many: nobody reads on, and a hostile file shall not fill the memory. */
#define PROBLEMS_MAX 1000

void problem_add(struct problems *problems, struct position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The same for what does not keep the configuration from being loaded. */
void problem_warn(struct problems *problems, struct position at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The way out of the problem that was added last. */
void problem_hint(struct problems *problems, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* "did you mean `word'?"; false where no word is near. */
bool problem_hint_near(struct problems *problems, const struct nearest *nearest);

/* Hands all over in the order of the files, and leaves problems empty. 0, -EINVAL where there are errors, or -ENOMEM. */
int problems_finish(struct problems *problems, struct config_errors *errors);
