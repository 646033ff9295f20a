/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of networks with names, in the file or in files of their own. */

#include <string.h>

#include "config/forms.h"
#include "config/set_file.h"

/* A path in the file begins where the file is. */
static void resolve(struct loader *loader, struct set *set)
{
	if (set->file == NULL || set->file[0] == '/' || loader->folder == NULL)
		return;
	set->file = arena_printf(loader->config->arena, "%s/%s", loader->folder, set->file);
	loader->problems.no_memory |= set->file == NULL;
}

static void read_sets(struct loader *loader, const struct field *field, const struct node *node, void *member)
{
	size_t count = read_entries(loader, field, node, CONFIG_SETS_MAX);
	struct config *config = loader->config;

	(void)member;
	config->sets = loader_array(loader, count, sizeof(*config->sets));
	loader->sets = loader_array(loader, count, sizeof(*loader->sets));
	for (size_t i = 0; config->sets != NULL && loader->sets != NULL && i < count; i++) {
		struct set *set = &config->sets[i];
		struct place *place = &loader->sets[i];

		set->name = read_entry(loader, node, i, place);
		if (set->name == NULL)
			return;
		config->set_count = i + 1;
		if (place->value != NULL)
			read_table(loader, schema_set, place->value, place->name->at, set);
		resolve(loader, set);
	}
}

static bool no_sets(const void *member)
{
	const struct config *config = (const struct config *)((const char *)member - offsetof(struct config, sets));

	return config->set_count == 0;
}

static void print_sets(struct printer *printer, const void *member)
{
	(void)member;
	if (printer->config->set_count == 0) {
		fputs(" {}\n", printer->out);
		return;
	}
	fputc('\n', printer->out);
	printer->indent += 2;
	for (size_t i = 0; i < printer->config->set_count; i++)
		print_entry(printer, printer->config->sets[i].name, schema_set, &printer->config->sets[i]);
	printer->indent -= 2;
}

const struct form form_sets = { read_sets, no_sets, print_sets, SCHEMA_NAMED };

/* What the files have is read anew by whoever needs it: here it is only tried. */
void check_sets(struct loader *loader)
{
	const struct config *config = loader->config;

	for (size_t i = 0; i < config->set_count; i++) {
		const struct node *value = loader->sets[i].value, *file = node_get(value, "file");
		struct networks networks;

		if (value != NULL && value->kind == NODE_MAP && value->count == 0) {
			problem_add(&loader->problems, loader->sets[i].name->at, "set `%.60s' is empty", config->sets[i].name);
			problem_hint(&loader->problems, "a set has `networks', `file' or both");
		}
		if (config->sets[i].file != NULL && file != NULL && loader->folder != NULL)
			set_file_read(&loader->problems, config->sets[i].file, (unsigned int)(loader->document_count + i), file->at,
				loader->scratch, &networks);
	}
}
