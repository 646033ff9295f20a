/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Builds the tree of nodes from libyaml's events, and refuses what a configuration never needs. */

#include "config/yaml.h"

#include <string.h>
#include <yaml.h>

struct frame {
	struct node *node;
	struct node *key; /* of a map: read, its value not yet */
	size_t room;      /* of node->items */
	bool drop;        /* the value that comes is not kept: its key was refused */
};

struct anchor {
	struct anchor *next;
	const char *name;
	struct node *node;
};

struct builder {
	yaml_parser_t parser;
	struct arena *arena;
	const struct source *source;
	struct problems *problems;
	struct frame stack[YAML_DEPTH_MAX];
	size_t depth;
	struct node *root;
	struct anchor *anchors;
	size_t anchor_count;
	size_t nodes;
};

static struct position place(const struct builder *builder, const yaml_mark_t *mark)
{
	return (struct position){ builder->source, mark->line + 1, mark->column + 1 };
}

static bool no_memory(struct builder *builder)
{
	builder->problems->no_memory = true;
	return false;
}

/* One more item at the end of a list or map. */
static bool append(struct builder *builder, struct frame *frame, size_t used, struct node *item)
{
	struct node *node = frame->node;

	if (used == frame->room) {
		size_t room = frame->room == 0 ? 8 : frame->room * 2;
		struct node **items = arena_array(builder->arena, room, sizeof(struct node *));

		if (items == NULL)
			return no_memory(builder);
		if (used > 0)
			memcpy(items, node->items, used * sizeof(struct node *));
		node->items = items;
		frame->room = room;
	}
	node->items[used] = item;
	return true;
}

static bool add_pair(struct builder *builder, struct frame *frame, struct node *value)
{
	struct node *node = frame->node, *key = frame->key;
	bool drop = frame->drop;

	frame->key = NULL;
	frame->drop = false;
	if (drop)
		return true;
	if (node->count == YAML_KEYS_MAX) {
		problem_add(builder->problems, key->at, "more than %d keys in one place", YAML_KEYS_MAX);
		problem_hint(builder->problems, "nothing here needs so many");
		return false;
	}
	if (!append(builder, frame, 2 * node->count, key) || !append(builder, frame, 2 * node->count + 1, value))
		return false;
	node->count++;
	return true;
}

static bool add_key(struct builder *builder, struct frame *frame, struct node *key)
{
	const struct node *other;

	if (key->kind != NODE_WORD) {
		problem_add(builder->problems, key->at, "a key must be a word");
		problem_hint(builder->problems, "put quotes around a value that starts with `{' or `['");
		return false;
	}
	frame->key = key;
	other = node_key(frame->node, key->text);
	frame->drop = other != NULL || (key->plain && strcmp(key->text, "<<") == 0);
	if (other != NULL) {
		problem_add(builder->problems, key->at, "`%.60s' is here for the second time", key->text);
		problem_hint(builder->problems, "the first is in line %zu: keep one of the two", other->at.line);
	} else if (frame->drop) {
		problem_add(builder->problems, key->at, "merge keys (`<<') are not known");
		problem_hint(builder->problems, "write the keys out; `&name' and `*name' work for whole values");
	}
	return true;
}

static bool attach(struct builder *builder, struct node *node)
{
	struct frame *frame;

	if (builder->depth == 0) {
		builder->root = node;
		return true;
	}
	frame = &builder->stack[builder->depth - 1];
	if (frame->node->kind == NODE_MAP)
		return frame->key == NULL ? add_key(builder, frame, node) : add_pair(builder, frame, node);
	return append(builder, frame, frame->node->count++, node);
}

static bool count_nodes(struct builder *builder, struct position at, size_t more)
{
	builder->nodes += more;
	if (builder->nodes <= YAML_NODES_MAX)
		return true;
	problem_add(builder->problems, at, "the file holds more than %d values, those of its aliases counted",
		YAML_NODES_MAX);
	problem_hint(builder->problems, "use fewer aliases (`*name'), or fewer values");
	return false;
}

static bool remember(struct builder *builder, const char *name, struct node *node)
{
	struct anchor *anchor;

	if (name == NULL)
		return true;
	if (builder->anchor_count++ == YAML_ANCHORS_MAX) {
		problem_add(builder->problems, node->at, "more than %d anchors", YAML_ANCHORS_MAX);
		problem_hint(builder->problems, "write some of the values out");
		return false;
	}
	anchor = arena_alloc(builder->arena, sizeof(*anchor));
	if (anchor == NULL)
		return no_memory(builder);
	*anchor = (struct anchor){ builder->anchors, arena_text(builder->arena, name, strlen(name)), node };
	builder->anchors = anchor;
	return anchor->name != NULL || no_memory(builder);
}

static struct node *node_new(struct builder *builder, enum node_kind kind, const yaml_mark_t *mark,
	const char *anchor, const char *tag)
{
	struct node *node = arena_alloc(builder->arena, sizeof(*node));

	if (node == NULL) {
		no_memory(builder);
		return NULL;
	}
	*node = (struct node){ .kind = kind, .at = place(builder, mark), .weight = 1 };
	if (tag != NULL) {
		problem_add(builder->problems, node->at, "tags (`%.60s') are not known", tag);
		problem_hint(builder->problems, "leave it out: each key has its own type");
	}
	if (!count_nodes(builder, node->at, 1) || !remember(builder, anchor, node))
		return NULL;
	return node;
}

static bool on_word(struct builder *builder, const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;
	size_t length = event->data.scalar.length;
	struct node *node = node_new(builder, NODE_WORD, &event->start_mark,
		(const char *)event->data.scalar.anchor, (const char *)event->data.scalar.tag);

	if (node == NULL)
		return false;
	if (length > YAML_TEXT_MAX || memchr(text, '\0', length) != NULL) {
		problem_add(builder->problems, node->at, length > YAML_TEXT_MAX ?
			"a value of more than 4096 bytes" : "a value with a zero byte in it");
		problem_hint(builder->problems, "shorten it to what is meant");
		length = 0;
	}
	node->text = arena_text(builder->arena, text, length);
	node->plain = event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	if (node->text == NULL)
		return no_memory(builder);
	return attach(builder, node);
}

static bool on_open(struct builder *builder, const yaml_event_t *event)
{
	bool map = event->type == YAML_MAPPING_START_EVENT;
	const yaml_char_t *anchor = map ? event->data.mapping_start.anchor : event->data.sequence_start.anchor;
	const yaml_char_t *tag = map ? event->data.mapping_start.tag : event->data.sequence_start.tag;
	struct node *node = node_new(builder, map ? NODE_MAP : NODE_LIST, &event->start_mark,
		(const char *)anchor, (const char *)tag);

	if (node == NULL)
		return false;
	if (builder->depth == YAML_DEPTH_MAX) {
		problem_add(builder->problems, node->at, "nested more than %d deep", YAML_DEPTH_MAX);
		problem_hint(builder->problems, "nothing here is nested so: is a bracket too many?");
		return false;
	}
	if (!attach(builder, node))
		return false;
	node->open = true;
	node->weight = builder->nodes;
	builder->stack[builder->depth++] = (struct frame){ .node = node };
	return true;
}

static void on_close(struct builder *builder)
{
	struct node *node = builder->stack[--builder->depth].node;

	node->open = false;
	node->weight = builder->nodes - node->weight + 1;
}

static bool on_alias(struct builder *builder, const yaml_event_t *event)
{
	const char *name = (const char *)event->data.alias.anchor;
	struct position at = place(builder, &event->start_mark);
	const struct anchor *anchor = builder->anchors;

	while (anchor != NULL && strcmp(anchor->name, name) != 0)
		anchor = anchor->next;
	if (anchor == NULL) {
		problem_add(builder->problems, at, "`*%.60s' stands for nothing", name);
		problem_hint(builder->problems, "mark a value above with `&%.60s', or put quotes around a text that starts with `*'",
			name);
		return false;
	}
	if (anchor->node->open) {
		problem_add(builder->problems, at, "`*%.60s' stands for the value that it is a part of", name);
		problem_hint(builder->problems, "put the anchor (`&%.60s') at a value that does not hold this place", name);
		return false;
	}
	return count_nodes(builder, at, anchor->node->weight) && attach(builder, anchor->node);
}

static bool on_document(struct builder *builder, const yaml_event_t *event)
{
	if (builder->root == NULL)
		return true;
	problem_add(builder->problems, place(builder, &event->start_mark), "a second document in one file");
	problem_hint(builder->problems, "take out the line `---'");
	return false;
}

/* False: nothing more is read. */
static bool on_event(struct builder *builder, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return on_document(builder, event);
	case YAML_SCALAR_EVENT:
		return on_word(builder, event);
	case YAML_SEQUENCE_START_EVENT:
	case YAML_MAPPING_START_EVENT:
		return on_open(builder, event);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		on_close(builder);
		return true;
	case YAML_ALIAS_EVENT:
		return on_alias(builder, event);
	case YAML_NO_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_DOCUMENT_END_EVENT:
		return true;
	}
	return true;
}

/* True where the whole file was read. */
static bool read_events(struct builder *builder)
{
	for (bool end = false; !end;) {
		yaml_event_t event;
		bool going;

		if (!yaml_parser_parse(&builder->parser, &event)) {
			yaml_explain(&builder->parser, builder->source, builder->problems);
			return false;
		}
		end = event.type == YAML_STREAM_END_EVENT;
		going = on_event(builder, &event);
		yaml_event_delete(&event);
		if (!going)
			return false;
	}
	return true;
}

struct node *yaml_read(struct arena *arena, const struct source *source, struct problems *problems)
{
	struct builder builder = { .arena = arena, .source = source, .problems = problems };
	bool whole;

	if (source->length > YAML_BYTES_MAX) {
		problem_add(problems, (struct position){ source, 0, 0 }, "larger than %u bytes", YAML_BYTES_MAX);
		problem_hint(problems, "is it the right file?");
		return NULL;
	}
	if (!yaml_parser_initialize(&builder.parser)) {
		problems->no_memory = true;
		return NULL;
	}
	yaml_parser_set_encoding(&builder.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&builder.parser, (const unsigned char *)source->text, source->length);
	whole = read_events(&builder);
	yaml_parser_delete(&builder.parser);
	return whole ? builder.root : NULL;
}
