/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one table of every key: it drives reading, defaults, hints and printing. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "config/loader.h"
#include "config/value.h"
#include "config/yaml.h"

enum field_type {
	FIELD_WORD,   /* one of words */
	FIELD_BOOL,
	FIELD_NUMBER, /* with unit; in the struct divided by scale */
	FIELD_TEXT,   /* checked by check */
	FIELD_MAP,    /* the keys of table, at offset */
	FIELD_FORM,   /* form reads and prints it */
	FIELD_LATER,  /* the word is taken: a later version will know it */
};

enum field_flag {
	FIELD_REQUIRED = 1,
	FIELD_OPTIONAL = 2, /* without a default: zero where it is not given, and then not printed */
	FIELD_ONE_LINE = 4, /* a map that is printed in braces */
	FIELD_RESTART = 8,  /* a running daemon refuses to change it; not for what is inside of forms */
};

struct word {
	const char *word; /* NULL ends the table */
	int value;
};

/* NULL where the text is fine, else what is wrong with it; ret_hint may be set to the way out. */
typedef const char *text_check(const char *text, const char **ret_hint);

struct printer;
struct field;

struct form {
	void (*read)(struct loader *loader, const struct field *field, const struct node *node, void *member);
	bool (*absent)(const void *member); /* NULL: never */
	void (*print)(struct printer *printer, const void *member);
	const char *schema; /* of the value, for editors: see below */
};

struct field {
	const char *key; /* NULL ends the table */
	enum field_type type;
	unsigned int flags;
	const char *standard; /* the default as the file would write it, or NULL */
	size_t offset, size;
	enum unit unit;
	uint64_t min, max;  /* in the unit; 0, 0: none */
	uint32_t scale;     /* 0: 1 */
	const char *zero;   /* the word for 0, or NULL */
	const struct word *words;
	text_check *check;
	const struct form *form;
	bool (*absent)(const void *base); /* NULL, or true where it is not printed */
	const struct field *table; /* FIELD_MAP, and forms whose value has keys */
	const char *meaning;
};

/*
 * The JSON Schema that editors get is made from these rows; only a form must say itself what it reads: form.schema is
 * one JSON Schema object, in which <keys> stands for the keys of the row's table, <words> for one of its words, and
 * <check> for a word that passes its check. It may refer to the definitions that json_schema.c makes, best by the
 * macros of forms.h; a new kind of value gets a definition there, and a new text_check a row. The compiler refuses a
 * form without one (-Wextra), and so do the tests, where every configuration that loads must pass.
 */
extern const struct field schema_top[];
extern const struct field schema_policy_file[]; /* of a file in policies.d */
extern const struct field schema_zone[];
extern const struct field schema_link[];
extern const struct field schema_target[], schema_target_http[], schema_target_dns[], schema_sparing[];
extern const struct field schema_bandwidth[], schema_rates[], schema_learning[]; /* of a link */
extern const struct field schema_class[];
extern const struct field schema_policy[];
extern const struct field schema_flood[], schema_connections[], schema_port_scan[]; /* keys of detectors, by what they count */
extern const struct field schema_set[];
extern const struct field schema_together[]; /* together_forms.c */
extern const struct word flow_keys[];         /* the same */
extern const struct word schema_alert_kinds[]; /* mail_forms.c */
extern const struct field schema_recipients[]; /* the same */

/* Reads what node has into base; at is told where something is missing. Where node is NULL, only defaults. */
void read_table(struct loader *loader, const struct field *table, const struct node *node, struct position at,
	void *base);

/* As above for one value: node stands at the key. */
void read_field(struct loader *loader, const struct field *field, const struct node *node, void *base);

/* False, with a problem, where node is no word. */
bool read_word(struct loader *loader, const char *what, const struct node *node);

/* False, with a problem, where node is neither a word nor a list of words, or is empty and must not be. */
bool read_words(struct loader *loader, const char *what, const struct node *node, bool may_be_empty);

/* The words of a list that passed read_words(). */
void read_names(struct loader *loader, const struct node *node, struct names *names);

/* How the print goes on: every helper ends its line itself. */
struct printer {
	FILE *out;
	const struct config *config;
	unsigned int indent;
	bool in_braces, first, dash;
};

void print_table(struct printer *printer, const struct field *table, const void *base);
char *table_text(const struct config *config, const struct field *table, const void *base); /* NULL: no memory; the caller frees it */
void print_key(struct printer *printer, const char *key); /* indentation or comma, the key, the colon */
void print_text(struct printer *printer, const char *text); /* quoted where it must */
void print_names(struct printer *printer, const struct names *names);

/* Keys with their values in braces, for forms. */
void print_braces(struct printer *printer, const struct field *table, const void *base);

/* A named map of tables below the key. */
void print_entry(struct printer *printer, const char *name, const struct field *table, const void *base);
