/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comparing settings and comparing policies share. */
#pragma once

#include "config/compare.h"
#include "config/schema.h"

struct comparer {
	const struct config *before, *after;
	struct config_changes *changes;
	struct arena *scratch; /* trees */
	int error;             /* 0, or the first that happened */
};

/* What two nodes are compared as. */
struct compared {
	const char *what, *name;
	const char *path;          /* of keys, from the named thing on; "" at its top */
	const struct field *table; /* of the rows at path, where it is known */
	bool restart;
	const char *const *without; /* paths that are passed over, ended by NULL; NULL: none */
};

void compare_add(struct comparer *comparer, const struct config_change *change);

/* Either may be NULL: not given. */
void compare_nodes(struct comparer *comparer, const struct compared *as, const struct node *before, const struct node *after);

/* A table as it is printed; the caller frees it. NULL with comparer.error set. */
char *compare_print(struct comparer *comparer, const struct config *config, const struct field *table, const void *base);

/* The tree of a printed text. NULL with comparer.error set. */
struct node *compare_tree(struct comparer *comparer, const char *text);

/* compare_policies.c */
void compare_policies(struct comparer *comparer);
