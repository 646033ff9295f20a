/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads the YAML configuration into core's plain structs, checks it, and prints it back. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/config.h"

enum config_severity {
	CONFIG_ERROR,
	CONFIG_WARNING, /* it loads, but is hardly what was meant */
};

/* What is wrong where. line and column count from 1; line 0: the file as a whole. */
struct config_error {
	char *file;
	unsigned int line, column;
	char *message;
	char *hint;   /* NULL, or the way out: "did you mean `weight'?" */
	char *source; /* the line of the file, or NULL */
	enum config_severity severity;
};

struct config_errors {
	struct config_error *items;
	size_t count;
};

/*
 * Reads path and, beside it, policies.d/ with its *.yaml in name order. On any error *ret_config is
 * NULL and errors has all of them, in the order of the files; the caller frees both with
 * config_free() and config_errors_free(). 0, -EINVAL where there are errors, or -ENOMEM.
 */
int config_load(const char *path, struct config **ret_config, struct config_errors *errors);

/*
 * As config_load(), but where there are no errors, errors has warnings: policies that can never match, names that
 * nothing uses, and the like. device_exists says whether this machine has a device; NULL: nobody asks.
 */
int config_check(const char *path, bool (*device_exists)(const char *device), struct config **ret_config,
	struct config_errors *errors);

/*
 * As config_load() of base, but with the policies of file in place of its own and of those in policies.d. A file that
 * says more than policies is loaded by itself: then nobody looks at base.
 */
int config_load_policies(const char *base, const char *file, struct config **ret_config, struct config_errors *errors);

/* As config_load() from memory, without policies.d; the files of sets are not looked at. name stands for the file in errors. */
int config_parse(const char *name, const char *text, size_t length, struct config **ret_config, struct config_errors *errors);

/*
 * The networks in the file of a set, as they stand there, in the arena. 0, -EINVAL with errors that the caller frees,
 * or -ENOMEM.
 */
int config_read_set(const char *path, struct arena *arena, struct networks *ret_networks, struct config_errors *errors);

void config_errors_free(struct config_errors *errors);

/* file:line:col: error: message (or warning:), the source line, a caret, the hint; colours where colour is set. */
void config_errors_print(FILE *out, const struct config_errors *errors, int colour);

/* The configuration whole, every default filled in, as YAML that loads again to the same; where its schema is, first. */
void config_print(FILE *out, const struct config *config);

/* The same as text; the caller frees it. NULL: no memory. */
char *config_text(const struct config *config);

/* A JSON Schema (draft 2020-12) of the file and of those in policies.d, for editors, made from the table of all keys. */
void config_schema_print(FILE *out);

/* The weights that links have by their bandwidths, in their order; 0 of those that are not known, which get 1. */
void config_weights(const struct config *config, const uint64_t *bandwidths, unsigned int *ret_weights);

/* Whether no policy's turns get too long with these weights of the links, where weights follow what is learnt. */
bool config_weights_fit(const struct config *config, const unsigned int *weights);

/* Name of an enum value as the configuration writes it. */
const char *config_algorithm_name(enum algorithm algorithm);
const char *config_action_name(enum action action);
const char *config_on_recovery_name(enum on_recovery on_recovery);
const char *config_flow_key_name(enum flow_key key);
