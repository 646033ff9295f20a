/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks into the tree of nodes. */

#include "config/yaml.h"

#include <string.h>

static struct node *const *find(const struct node *node, const char *key)
{
	for (size_t i = 0; node != NULL && node->kind == NODE_MAP && i < node->count; i++) {
		if (strcmp(node->items[2 * i]->text, key) == 0)
			return &node->items[2 * i];
	}
	return NULL;
}

struct node *node_key(const struct node *node, const char *key)
{
	struct node *const *pair = find(node, key);

	return pair == NULL ? NULL : pair[0];
}

struct node *node_get(const struct node *node, const char *key)
{
	struct node *const *pair = find(node, key);

	return pair == NULL ? NULL : pair[1];
}

bool node_is_empty(const struct node *node)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL" };

	for (size_t i = 0; node->kind == NODE_WORD && node->plain && i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(node->text, words[i]) == 0)
			return true;
	}
	return false;
}

size_t node_items(const struct node *node)
{
	return node->kind == NODE_WORD ? 1 : node->count;
}

const struct node *node_item(const struct node *node, size_t index)
{
	return node->kind == NODE_WORD ? node : node->items[index];
}
