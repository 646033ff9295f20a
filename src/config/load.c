/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads a configuration: its file, the files of policies.d beside it, all problems in one run. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/schema.h"
#include "config/set_file.h"

void *loader_array(struct loader *loader, size_t count, size_t size)
{
	void *items = arena_array(loader->config->arena, count, size);

	if (items == NULL)
		loader->problems.no_memory = true;
	return items;
}

char *loader_text(struct loader *loader, const char *text)
{
	char *copy = arena_text(loader->config->arena, text, strlen(text));

	if (copy == NULL)
		loader->problems.no_memory = true;
	return copy;
}

static int loader_open(struct loader *loader, size_t documents)
{
	struct arena *arena = arena_new();

	*loader = (struct loader){ .scratch = arena_new() };
	if (arena == NULL || loader->scratch == NULL)
		goto fail;
	loader->config = arena_alloc(arena, sizeof(*loader->config));
	loader->documents = arena_array(loader->scratch, documents, sizeof(*loader->documents));
	if (loader->config == NULL || loader->documents == NULL)
		goto fail;
	loader->config->arena = arena;
	syslog_standard(&loader->config->syslog);
	return 0;

fail:
	arena_free(arena);
	arena_free(loader->scratch);
	return -ENOMEM;
}

/* Hands the configuration over, or the errors. */
static int loader_close(struct loader *loader, struct config **ret_config, struct config_errors *errors)
{
	int result = problems_finish(&loader->problems, errors);

	for (size_t i = 0; i < loader->document_count; i++)
		free(loader->documents[i].text);
	arena_free(loader->scratch);
	*ret_config = result == 0 ? loader->config : NULL;
	if (result < 0)
		config_free(loader->config);
	return result;
}

static struct document *add_document(struct loader *loader, const char *name)
{
	struct document *document = &loader->documents[loader->document_count];

	document->source.name = name;
	document->source.order = (unsigned int)loader->document_count++;
	return document;
}

/* Text in memory that outlives the run. */
static void parse(struct loader *loader, struct document *document, const char *text, size_t length)
{
	static const char mark[] = "\xef\xbb\xbf";
	size_t before = loader->problems.count;

	if (length >= 3 && memcmp(text, mark, 3) == 0) {
		text += 3;
		length -= 3;
	}
	document->source.text = text;
	document->source.length = length;
	document->root = yaml_read(loader->scratch, &document->source, &loader->problems);
	/* A file of policies may have all of them commented out. */
	if (document->root != NULL || loader->problems.count > before || document->source.order > 0)
		return;
	problem_add(&loader->problems, (struct position){ &document->source, 0, 0 }, "the file is empty");
	problem_hint(&loader->problems, "it needs `version: 1' and `links'; see uplinkd.yaml(5)");
}

char *read_all(int fd, size_t max, size_t *ret_length)
{
	size_t room = 16384, length = 0;
	char *text = malloc(room);

	while (text != NULL && length <= max) {
		ssize_t got = read(fd, text + length, room - length);
		char *more;

		if (got == 0) {
			*ret_length = length;
			return text;
		}
		if (got < 0 && errno != EINTR)
			break;
		length += got < 0 ? 0 : (size_t)got;
		if (length < room)
			continue;
		room *= 2;
		more = realloc(text, room);
		if (more == NULL)
			break;
		text = more;
	}
	if (text != NULL && length > max)
		errno = EFBIG;
	free(text);
	return NULL;
}

static void read_document(struct loader *loader, struct document *document)
{
	int fd = open(document->source.name, O_RDONLY | O_CLOEXEC);
	size_t length = 0;

	if (fd >= 0)
		document->text = read_all(fd, YAML_BYTES_MAX, &length);
	if (fd < 0 || document->text == NULL) {
		int error = errno;

		problem_add(&loader->problems, (struct position){ &document->source, 0, 0 }, "cannot be read: %s",
			strerror(error));
		problem_hint(&loader->problems, "%s", error == ENOENT ? "create it, or name another file with -c" :
			"check what it is, and who may read it");
	}
	if (fd >= 0)
		close(fd);
	if (document->text != NULL)
		parse(loader, document, document->text, length);
}

static size_t count_policies(const struct loader *loader)
{
	size_t count = 0;

	for (size_t i = 0; i < loader->document_count; i++) {
		const struct node *policies = node_get(loader->documents[i].root, "policies");

		if (policies != NULL && policies->kind == NODE_LIST)
			count += policies->count;
	}
	return count < CONFIG_POLICIES_MAX ? count : CONFIG_POLICIES_MAX;
}

static uint32_t power_of_two(uint32_t number)
{
	uint32_t power = 8;

	while (power < number)
		power *= 2;
	return power;
}

/* From trees to the configuration. */
static void build(struct loader *loader)
{
	struct config *config = loader->config;

	loader->policy_room = count_policies(loader);
	config->policies = loader_array(loader, loader->policy_room, sizeof(*config->policies));
	loader->policies = loader_array(loader, loader->policy_room, sizeof(*loader->policies));
	if (loader->documents[0].root == NULL || loader->problems.no_memory)
		return;
	for (size_t i = 0; i < loader->document_count; i++) {
		const struct node *root = loader->documents[i].root;

		if (root != NULL)
			read_table(loader, i == 0 ? schema_top : schema_policy_file, root, root->at, config);
	}
	if (loader->problems.no_memory)
		return;
	weights_fill(config);
	config->sticky_entries = power_of_two(config->sticky_entries);
	config->path_entries = power_of_two(config->path_entries);
	if (config->decision_records > 0)
		config->decision_records = power_of_two(config->decision_records);
	check_names(loader);
	check_sets(loader);
	check_links(loader);
	check_settings(loader);
	check_policies(loader);
	check_limits(loader);
	check_qos(loader);
	if (!loader->warn || loader->problems.count > 0)
		return;
	warn_policies(loader);
	warn_links(loader);
	warn_load(loader);
	warn_targets(loader);
	warn_recovery(loader);
	warn_names(loader);
}

int config_parse(const char *name, const char *text, size_t length, struct config **ret_config,
	struct config_errors *errors)
{
	struct loader loader;

	*ret_config = NULL;
	*errors = (struct config_errors){ .items = NULL };
	if (loader_open(&loader, 1) < 0)
		return -ENOMEM;
	parse(&loader, add_document(&loader, name), text, length);
	build(&loader);
	return loader_close(&loader, ret_config, errors);
}

/* Editors leave files that start so, and packages too. */
static int is_policy_file(const struct dirent *entry)
{
	size_t length = strlen(entry->d_name);

	return strchr(".#~", entry->d_name[0]) == NULL && length > 5 && strcmp(entry->d_name + length - 5, ".yaml") == 0;
}

/* Not alphasort(), which would order by the locale. */
static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* "policies.d" in the folder of path. The caller frees it. */
static char *policy_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder;

	if (asprintf(&folder, "%.*spolicies.d", slash == NULL ? 0 : (int)(slash - path) + 1, path) < 0)
		return NULL;
	return folder;
}

static void read_policy_file(struct loader *loader, const char *folder, const char *name)
{
	const char *path = arena_printf(loader->scratch, "%s/%s", folder, name);
	struct stat status;

	if (path == NULL)
		loader->problems.no_memory = true;
	else if (stat(path, &status) < 0 || S_ISREG(status.st_mode))
		read_document(loader, add_document(loader, path));
}

static void folder_error(struct loader *loader, const char *folder, int error)
{
	static const struct source none = { .order = 1 };
	struct source source = none;

	if (error == ENOENT || error == ENOTDIR)
		return;
	source.name = folder;
	problem_add(&loader->problems, (struct position){ &source, 0, 0 }, "cannot be read: %s", strerror(error));
	problem_hint(&loader->problems, "check what it is, and who may read it");
}

/* Without the links on the way, so that what is printed holds anywhere. NULL: no memory. */
static const char *folder_of(struct loader *loader, const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = arena_text(loader->scratch, slash == NULL ? "." : path, slash == NULL ? 1 : (size_t)(slash - path) + 1);
	char *resolved = folder == NULL ? NULL : realpath(folder, NULL);

	if (resolved != NULL)
		folder = arena_text(loader->scratch, resolved, strlen(resolved));
	free(resolved);
	loader->problems.no_memory |= folder == NULL;
	return folder;
}

static int load(const char *path, bool warn, bool (*device_exists)(const char *device), struct config **ret_config,
	struct config_errors *errors)
{
	char *folder = policy_folder(path);
	struct dirent **entries = NULL;
	int count = folder == NULL ? 0 : scandir(folder, &entries, is_policy_file, by_name), error = errno;
	struct loader loader;
	int result = -ENOMEM;

	*ret_config = NULL;
	*errors = (struct config_errors){ .items = NULL };
	if (folder == NULL || loader_open(&loader, 1 + (size_t)(count < 0 ? 0 : count)) < 0)
		goto cleanup;
	loader.folder = folder_of(&loader, path);
	loader.warn = warn;
	loader.device_exists = device_exists;
	read_document(&loader, add_document(&loader, path));
	if (count < 0)
		folder_error(&loader, folder, error);
	for (int i = 0; i < count; i++)
		read_policy_file(&loader, folder, entries[i]->d_name);
	build(&loader);
	result = loader_close(&loader, ret_config, errors);

cleanup:
	for (int i = 0; i < count; i++)
		free(entries[i]);
	free(entries);
	free(folder);
	return result;
}

int config_load(const char *path, struct config **ret_config, struct config_errors *errors)
{
	return load(path, false, NULL, ret_config, errors);
}

int config_check(const char *path, bool (*device_exists)(const char *device), struct config **ret_config,
	struct config_errors *errors)
{
	return load(path, true, device_exists, ret_config, errors);
}

/* Whether it is a configuration of its own; one that cannot be read counts as such, so that its errors are told. */
static bool is_whole(const char *file)
{
	struct config_errors errors = { .items = NULL };
	struct config *config;
	struct loader loader;
	bool whole;

	if (loader_open(&loader, 1) < 0)
		return true;
	read_document(&loader, add_document(&loader, file));
	whole = loader.problems.count > 0 || node_get(loader.documents[0].root, "policies") == NULL
	        || node_get(loader.documents[0].root, "links") != NULL;
	loader_close(&loader, &config, &errors);
	config_free(config);
	config_errors_free(&errors);
	return whole;
}

static void forget_key(struct node *map, const char *key)
{
	size_t kept = 0;

	for (size_t i = 0; map != NULL && map->kind == NODE_MAP && i < map->count; i++) {
		if (strcmp(map->items[2 * i]->text, key) == 0)
			continue;
		map->items[2 * kept] = map->items[2 * i];
		map->items[2 * kept + 1] = map->items[2 * i + 1];
		kept++;
	}
	if (map != NULL && map->kind == NODE_MAP)
		map->count = kept;
}

int config_load_policies(const char *base, const char *file, struct config **ret_config, struct config_errors *errors)
{
	struct loader loader;

	if (is_whole(file))
		return config_load(file, ret_config, errors);
	*ret_config = NULL;
	*errors = (struct config_errors){ .items = NULL };
	if (loader_open(&loader, 2) < 0)
		return -ENOMEM;
	loader.folder = folder_of(&loader, base);
	read_document(&loader, add_document(&loader, base));
	forget_key(loader.documents[0].root, "policies");
	read_document(&loader, add_document(&loader, file));
	build(&loader);
	return loader_close(&loader, ret_config, errors);
}
