/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Asks each policy file that ships about the connections in NAME.expect.yaml beside it. A policy file states the
 * zones and links that it is made for below `# Needs:'. usage: expect [FILE ...]; by default all of $srcdir/policies.
 */

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config/explain_document.h"
#include "config/yaml.h"
#include "core/imagine.h"

#define EXPECTATIONS_MIN 5
#define NEEDS            "# Needs:\n"

static unsigned int failures, expectations;

static void complain(const struct position *at, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void complain(const struct position *at, const char *format, ...)
{
	va_list arguments;

	failures++;
	printf("%s:%zu: ", at->source->name, at->line);
	va_start(arguments, format);
	vprintf(format, arguments);
	va_end(arguments);
	putchar('\n');
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	size_t size = 0;

	if (file == NULL)
		return NULL;
	if (getdelim(&text, &size, '\0', file) < 0) {
		free(text);
		text = NULL;
	}
	fclose(file);
	return text;
}

/* The configuration that the comment below `# Needs:' states. */
static void write_needs(FILE *out, const char *text)
{
	const char *line = strstr(text, NEEDS);

	fputs("version: 1\n", out);
	for (line = line == NULL ? "" : line + strlen(NEEDS); strncmp(line, "#   ", 4) == 0; line = strchr(line, '\n') + 1)
		fprintf(out, "%.*s\n", (int)strcspn(line + 4, "\n"), line + 4);
}

/* The folder holds uplinkd.yaml, and the policy file in policies.d. */
static int write_folder(const char *folder, const char *text)
{
	char path[512];
	FILE *file;

	snprintf(path, sizeof(path), "%s/uplinkd.yaml", folder);
	file = fopen(path, "we");
	if (file == NULL)
		return -errno;
	write_needs(file, text);
	fclose(file);
	snprintf(path, sizeof(path), "%s/policies.d", folder);
	mkdir(path, 0700);
	snprintf(path, sizeof(path), "%s/policies.d/policy.yaml", folder);
	file = fopen(path, "we");
	if (file == NULL)
		return -errno;
	fputs(text, file);
	return fclose(file);
}

static void remove_folder(const char *folder)
{
	static const char *const names[] = { "policies.d/policy.yaml", "uplinkd.yaml", "policies.d", "" };
	char path[512];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
		remove(path);
	}
}

static struct config *load_policies(const char *path)
{
	char folder[] = "/tmp/uplinkd-expect-XXXXXX", file[64], *text = read_file(path);
	struct config_errors errors = { 0 };
	struct config *config = NULL;

	if (text != NULL && mkdtemp(folder) != NULL) {
		if (write_folder(folder, text) == 0) {
			snprintf(file, sizeof(file), "%s/uplinkd.yaml", folder);
			config_load(file, &config, &errors);
		}
		remove_folder(folder);
	}
	config_errors_print(stdout, &errors, 0);
	config_errors_free(&errors);
	free(text);
	return config;
}

/* The word of a key of the flow, or NULL. */
static const char **question_slot(struct question *question, const char *key)
{
	const struct {
		const char *key, **slot;
	} slots[] = {
		{ "from", &question->from }, { "to", &question->to }, { "protocol", &question->protocol },
		{ "from-port", &question->from_port }, { "to-port", &question->to_port },
		{ "icmp-type", &question->icmp_type }, { "dscp", &question->dscp }, { "at", &question->at },
		{ "in", &question->in },
	};

	for (size_t i = 0; i < sizeof(slots) / sizeof(slots[0]); i++) {
		if (strcmp(slots[i].key, key) == 0)
			return slots[i].slot;
	}
	return NULL;
}

static bool read_flow(const struct node *flow, struct question *question)
{
	unsigned int before = failures;

	for (size_t i = 0; flow->kind == NODE_MAP && i < flow->count; i++) {
		const struct node *key = flow->items[2 * i], *value = flow->items[2 * i + 1];
		const char **slot = question_slot(question, key->text);

		if (slot == NULL)
			complain(&key->at, "flow: `%s' is not known", key->text);
		else if (value->kind != NODE_WORD)
			complain(&value->at, "flow: %s must be one word", key->text);
		else
			*slot = value->text;
	}
	return failures == before;
}

static void set_down(struct imagined *imagined, const struct node *down, bool usable)
{
	for (size_t i = 0; down != NULL && i < node_items(down); i++) {
		const struct node *name = node_item(down, i);

		if (name->kind != NODE_WORD || !imagine_link(imagined, name->text, usable))
			complain(&name->at, "down: there is no such link");
	}
}

static bool is_eligible(const json_t *document, const char *link)
{
	const json_t *candidate;
	size_t i;

	json_array_foreach(json_object_get(document, "candidates"), i, candidate)
	{
		if (strcmp(json_string_value(json_object_get(candidate, "link")), link) == 0)
			return json_is_true(json_object_get(candidate, "eligible"));
	}
	return false;
}

/* link-in: the link is one of them, and each of them could have been taken. */
static void check_choice(const json_t *document, const struct node *wanted)
{
	const char *link = json_string_value(json_object_get(document, "link"));
	bool among = false;

	for (size_t i = 0; i < node_items(wanted); i++) {
		const struct node *name = node_item(wanted, i);

		among |= link != NULL && strcmp(name->text, link) == 0;
		if (!is_eligible(document, name->text))
			complain(&name->at, "link-in: %s could not be taken", name->text);
	}
	if (!among)
		complain(&wanted->at, "link-in: it is %s", link == NULL ? "none" : link);
}

static void check_key(const json_t *document, const struct node *key, const struct node *wanted)
{
	const json_t *found = json_object_get(document, key->text);
	const char *text = found == NULL || json_is_null(found) ? "none" : json_string_value(found);

	if (strcmp(key->text, "link-in") == 0)
		check_choice(document, wanted);
	else if (text == NULL || found == NULL)
		complain(&key->at, "expect: `%s' is not known", key->text);
	else if (wanted->kind != NODE_WORD || strcmp(wanted->text, text) != 0)
		complain(&wanted->at, "%s: expected %s, it is %s", key->text,
			wanted->kind == NODE_WORD ? wanted->text : "one word", text);
}

static void check_explanation(const struct explanation *explanation, const struct node *expect)
{
	json_t *document = explain_document(explanation);
	unsigned int before = failures;
	const json_t *step;
	size_t i;

	for (i = 0; expect->kind == NODE_MAP && i < expect->count; i++)
		check_key(document, expect->items[2 * i], expect->items[2 * i + 1]);
	if (failures > before) {
		json_array_foreach(json_object_get(document, "steps"), i, step) printf("    %s\n", json_string_value(step));
	}
	json_decref(document);
}

static void check_row(const struct config *config, const struct node *row)
{
	const struct node *flow = node_get(row, "flow"), *expect = node_get(row, "expect"), *down = node_get(row, "down");
	struct imagined *imagined = imagine(config);
	struct question question = { .from = NULL };
	struct question_problem problem = { .text = "no memory" };
	struct explanation explanation;

	expectations++;
	if (flow == NULL || expect == NULL || row->count != (down == NULL ? 2u : 3u) || expect->count == 0) {
		complain(&row->at, "each row has `flow' and `expect', and may have `down'");
	} else if (imagined != NULL && read_flow(flow, &question)) {
		set_down(imagined, down, false);
		if (imagine_explain(imagined, &question, &explanation, &problem) < 0)
			complain(&flow->at, "%s; %s", problem.text, problem.hint);
		else
			check_explanation(&explanation, expect);
	}
	imagined_free(imagined);
}

static void check_rows(const struct config *config, const struct source *source)
{
	struct position start = { source, 1, 1 };
	struct arena *arena = arena_new();
	struct problems problems = { 0 };
	struct config_errors errors = { 0 };
	struct node *root = yaml_read(arena, source, &problems);

	problems_finish(&problems, &errors);
	config_errors_print(stdout, &errors, 0);
	config_errors_free(&errors);
	if (root == NULL || root->kind != NODE_LIST || root->count < EXPECTATIONS_MIN)
		complain(&start, "needs a list of at least %d expectations", EXPECTATIONS_MIN);
	for (size_t i = 0; root != NULL && root->kind == NODE_LIST && i < root->count; i++)
		check_row(config, root->items[i]);
	arena_free(arena);
}

/* "policies/x.yaml" is asked what "policies/x.expect.yaml" has. */
static void check_policies(const char *path)
{
	struct config *config = load_policies(path);
	char beside[1024], *text;
	struct source source = { .name = beside };
	struct position start = { &source, 1, 1 };

	snprintf(beside, sizeof(beside), "%.*s.expect.yaml", (int)(strlen(path) - strlen(".yaml")), path);
	text = read_file(beside);
	source.text = text;
	source.length = text == NULL ? 0 : strlen(text);
	if (config == NULL)
		complain(&start, "%s does not load", path);
	else if (text == NULL)
		complain(&start, "is missing: what shall %s decide?", path);
	else
		check_rows(config, &source);
	free(text);
	config_free(config);
}

static bool ends_with(const char *name, const char *end)
{
	size_t length = strlen(name), tail = strlen(end);

	return length > tail && strcmp(name + length - tail, end) == 0;
}

static int is_policy(const struct dirent *entry)
{
	return ends_with(entry->d_name, ".yaml") && !ends_with(entry->d_name, ".expect.yaml");
}

static void check_folder(const char *folder)
{
	struct dirent **entries;
	int count = scandir(folder, &entries, is_policy, alphasort);
	char path[1024];

	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		check_policies(path);
		free(entries[i]);
	}
	if (count <= 0) {
		printf("%s: no policies\n", folder);
		failures++;
		return;
	}
	free(entries);
}

int main(int argc, char **argv)
{
	const char *top = getenv("srcdir");
	char folder[512];

	snprintf(folder, sizeof(folder), "%s/policies", top == NULL ? "." : top);
	for (int i = 1; i < argc; i++)
		check_policies(argv[i]);
	if (argc == 1)
		check_folder(folder);
	printf("%u expectations, %u failed\n", expectations, failures);
	return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
