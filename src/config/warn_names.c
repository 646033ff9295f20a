/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells of names that were made and are used nowhere: zones, labels, sets, classes; and of sets without anything in them. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/loader.h"

/* Every word that the configuration uses. It goes by words and not by what they mean: a new key needs nothing here. */
struct words {
	const char **items;
	size_t count, room;
};

static void add_word(struct words *words, const char *word)
{
	if (words->count < words->room)
		words->items[words->count] = word;
	words->count++;
}

static void add_words(struct words *words, const struct node *node)
{
	switch (node->kind) {
	case NODE_WORD:
		add_word(words, node->text);
		break;
	case NODE_LIST:
		for (size_t i = 0; i < node->count; i++)
			add_words(words, node->items[i]);
		break;
	case NODE_MAP:
		for (size_t i = 0; i < 2 * node->count; i++)
			add_words(words, node->items[i]);
		break;
	}
}

/* All of a map but what is below one key. */
static void add_others(struct words *words, const struct node *map, const char *except)
{
	for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->count; i++) {
		if (strcmp(map->items[2 * i]->text, except) != 0)
			add_words(words, map->items[2 * i + 1]);
	}
}

/* Counts where there is no room, fills in where there is. */
static void gather(const struct loader *loader, struct words *words)
{
	static const char *const places[] = { "dos", "qos" };
	const struct node *root = loader->documents[0].root;

	words->count = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		add_others(words, node_get(root, places[i]), "classes");
	for (size_t i = 0; i < loader->config->policy_count; i++)
		add_others(words, loader->policies[i].value, "name");
}

static int compare(const void *left, const void *right)
{
	const char *const *a = left, *const *b = right;

	return strcmp(*a, *b);
}

static bool has_word(const struct words *words, const char *word)
{
	return words->count > 0 && bsearch(&word, words->items, words->count, sizeof(word), compare) != NULL;
}

static void warn_unused(struct loader *loader, const struct words *words, const struct node *name, const char *what,
	const char *where)
{
	if (has_word(words, name->text))
		return;
	problem_warn(&loader->problems, name->at, "%s `%.60s' is used by no policy", what, name->text);
	problem_hint(&loader->problems, "name it in %s, or take it out", where);
}

static void warn_map(struct loader *loader, const struct words *words, const struct node *map, const char *what,
	const char *where)
{
	for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->count; i++)
		warn_unused(loader, words, map->items[2 * i], what, where);
}

/* A label that several links have is told of once. */
static bool has_label_before(const struct config *config, size_t count, const char *label)
{
	for (size_t i = 0; i < count; i++) {
		if (link_has_label(&config->links[i], label))
			return true;
	}
	return false;
}

static void warn_labels(struct loader *loader, const struct words *words)
{
	const struct config *config = loader->config;

	for (size_t link = 0; link < config->link_count; link++) {
		const struct node *labels = node_get(loader->links[link].value, "labels");

		for (size_t i = 0; labels != NULL && i < node_items(labels); i++) {
			if (!has_label_before(config, link, node_item(labels, i)->text))
				warn_unused(loader, words, node_item(labels, i), "label", "`links', `from' or `to'");
		}
	}
}

/* Whether some line of a file is neither blank nor a comment. Also where it cannot be read: that is an error elsewhere. */
static bool file_has_lines(const char *path)
{
	FILE *file = fopen(path, "re");
	bool comment = false, found = file == NULL;
	int character;

	while (!found && (character = getc(file)) != EOF) {
		if (character == '\n')
			comment = false;
		else if (character == '#')
			comment = true;
		found = !comment && !isspace(character);
	}
	if (file != NULL)
		fclose(file);
	return found;
}

static void warn_empty_sets(struct loader *loader)
{
	const struct config *config = loader->config;
	const struct node *map = node_get(loader->documents[0].root, "sets");

	for (size_t i = 0; i < config->set_count; i++) {
		const struct set *set = &config->sets[i];

		if (set->networks.count > 0 || (set->file != NULL && file_has_lines(set->file)))
			continue;
		problem_warn(&loader->problems, node_key(map, set->name)->at, "set `%s' is empty: nothing is in it", set->name);
		problem_hint(&loader->problems, "add networks to it, or to its file");
	}
}

void warn_names(struct loader *loader)
{
	const struct node *root = loader->documents[0].root;
	struct words words = { .items = NULL };

	gather(loader, &words);
	words.room = words.count;
	words.items = arena_array(loader->scratch, words.room, sizeof(*words.items));
	if (words.items == NULL) {
		loader->problems.no_memory = true;
		return;
	}
	gather(loader, &words);
	if (words.count > 0)
		qsort(words.items, words.count, sizeof(*words.items), compare);
	/* Classes shape what goes to the devices of zones. */
	if (loader->config->qos.count == 0)
		warn_map(loader, &words, node_get(root, "zones"), "zone", "`from' or `to'");
	warn_labels(loader, &words);
	warn_empty_sets(loader);
	warn_map(loader, &words, node_get(root, "sets"), "set", "`from' or `to'");
	warn_map(loader, &words, node_get(node_get(root, "qos"), "classes"), "class", "`qos'");
}
