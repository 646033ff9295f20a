/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A YAML file as a tree of nodes that know where they stand. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "config/errors.h"
#include "core/arena.h"

/* What a file may hold at most. Aliases count as if what they stand for were written out. */
#define YAML_DEPTH_MAX   64
#define YAML_NODES_MAX   500000
#define YAML_KEYS_MAX    1000
#define YAML_ANCHORS_MAX 100
#define YAML_TEXT_MAX    4096
#define YAML_BYTES_MAX   (8u << 20)

enum node_kind {
	NODE_WORD,
	NODE_LIST,
	NODE_MAP,
};

struct node {
	enum node_kind kind;
	bool plain;            /* NODE_WORD: without quotes */
	bool open;             /* its end has not been read yet */
	struct position at;
	const char *text;      /* NODE_WORD; without zero bytes inside */
	struct node **items;   /* NODE_LIST: the items; NODE_MAP: keys (words, each once) and values in turn */
	size_t count;          /* of items, or of pairs */
	size_t weight;         /* nodes in it, itself included */
};

/*
 * Reads the one document of source. Everything lives in the arena. NULL with a problem added where it
 * cannot be read, and without one where it is empty. Problems may also be added where a tree is returned.
 */
struct node *yaml_read(struct arena *arena, const struct source *source, struct problems *problems);

/* The value of a key, or NULL. Of a node that is no map: NULL. */
struct node *node_get(const struct node *node, const char *key);

/* The word that stands for a key, or NULL. */
struct node *node_key(const struct node *node, const char *key);

/* Nothing after the colon, or one of YAML's words for nothing. */
bool node_is_empty(const struct node *node);

/* A word stands for a list of one: the number of items, and the items. */
size_t node_items(const struct node *node);
const struct node *node_item(const struct node *node, size_t index);

/* Says in plain words what libyaml found to be wrong. */
struct yaml_parser_s;
void yaml_explain(const struct yaml_parser_s *parser, const struct source *source, struct problems *problems);
