/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values that are more than one word: how each is read and printed. Also the checks of single words. */
#pragma once

#include "config/schema.h"

/* For form.schema: a definition of json_schema.c; one of it or a list; names with a map each. */
#define SCHEMA_OF(name)       "{ \"$ref\": \"#/$defs/" name "\" }"
#define SCHEMA_LIST(item, least) \
	"{ \"anyOf\": [" item ", { \"type\": \"array\", \"items\": " item ", \"minItems\": " least " }] }"
#define SCHEMA_LIST_OF(name)  SCHEMA_LIST(SCHEMA_OF(name), "1")
#define SCHEMA_NAMED \
	"{ \"type\": \"object\", \"propertyNames\": " SCHEMA_OF("name") ", \"additionalProperties\": <keys> }"

extern const struct form form_version;
extern const struct form form_zones, form_links, form_policies; /* sections.c */
extern const struct form form_names;  /* a list of words, each checked by field->check; absent when empty */
extern const struct form form_labels; /* the same, printed also when empty */
extern const struct form form_networks;
extern const struct form form_resolvers;
extern const struct form form_argv;
extern const struct form form_gateway; /* link_forms.c */
extern const struct form form_link_bandwidth, form_download, form_upload; /* bandwidth_forms.c */
extern const struct form form_link_nat, form_policy_nat; /* nat_forms.c; the keys of a map are in field->table */
extern const struct form form_nat_family, form_nat_source, form_nat_prefix, form_nat_destination; /* and these its keys */
extern const struct form form_targets; /* target_forms.c; and the kinds of one: */
extern const struct form form_ping, form_tcp, form_http, form_dns, form_neighbour;
extern const struct form form_sparing; /* sparing_forms.c */
extern const struct form form_ends; /* ends.c */
extern const struct form form_protocols, form_ports; /* match_forms.c */
extern const struct form form_icmp_types, form_dscps; /* packet_forms.c */
extern const struct form form_days, form_hours; /* time_forms.c */
extern const struct form form_sets; /* set_forms.c */
extern const struct form form_choices, form_weights; /* balance_forms.c */
extern const struct form form_together; /* together_forms.c */
extern const struct form form_events, form_over, form_detector; /* limit_forms.c */
extern const struct form form_classes, form_standard_class, form_class, form_bandwidth; /* qos_forms.c */
extern const struct form form_alert_kinds; /* mail_forms.c: a set of them; absent where all are meant */
extern const struct form form_recipients; /* the same */
extern const struct form form_syslog; /* alert_forms.c */
extern const struct field schema_syslog[];

/* Words, text_check of the schema. */
const char *check_name(const char *text, const char **ret_hint);
const char *check_device(const char *text, const char **ret_hint);
const char *check_path(const char *text, const char **ret_hint);
const char *check_file(const char *text, const char **ret_hint);
const char *check_socket(const char *text, const char **ret_hint);
const char *check_address(const char *text, const char **ret_hint);
const char *check_host(const char *text, const char **ret_hint);
const char *check_phrase(const char *text, const char **ret_hint);
const char *check_url(const char *text, const char **ret_hint);
const char *check_mail_address(const char *text, const char **ret_hint);
const char *check_mail_server(const char *text, const char **ret_hint);
const char *check_syslog_server(const char *text, const char **ret_hint);
const char *check_argument(const char *text, const char **ret_hint);
const char *check_user(const char *text, const char **ret_hint);
const char *check_mail_user(const char *text, const char **ret_hint);

/* sections.c: how many entries of a map of names are read; 0, with a problem, where it is none. */
size_t read_entries(struct loader *loader, const struct field *field, const struct node *node, size_t max);

/* False, with a problem, where node is no network. */
bool read_network(struct loader *loader, const struct node *node, struct network *ret_network);

/* One address of each family at most; words are what else is possible, for the hint. False, with a problem, and
 * nothing set, where something is wrong. */
bool read_addresses(struct loader *loader, const struct field *field, const struct node *node, const char *words,
	bool given[FAMILIES], struct address addresses[FAMILIES]);

/* Whether node is that word and no list. */
bool is_word(const struct node *node, const char *word);

/* check_policies.c's part for address translation: map is the policy. */
void check_policy_nat(struct loader *loader, const struct policy *policy, const struct node *map);

/* And for policies that spread packets. */
void check_by_packet(struct loader *loader, const struct policy *policy, const struct node *map);

/* nat_check.c: whether the networks that are named are all of the other family. */
bool match_never_sees(const struct match *match, enum family family);

/* How many entries of a map of names are read, at most max; 0, with a problem, where it is none. */
size_t read_entries(struct loader *loader, const struct field *field, const struct node *node, size_t max);

/* The name of an entry, its place remembered; place->value is NULL, with a problem, without keys. NULL: no memory. */
const char *read_entry(struct loader *loader, const struct node *node, size_t index, struct place *place);

/* Whether that is all: ICMP or ICMPv6. */
bool icmp_alone(const struct protocols *protocols);
