/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values that are more than one word: how each is read and printed. Also the checks of single words. */
#pragma once

#include "config/schema.h"

extern const struct form form_version;
extern const struct form form_zones, form_links, form_policies; /* sections.c */
extern const struct form form_names;  /* a list of words, each checked by field->check; absent when empty */
extern const struct form form_labels; /* the same, printed also when empty */
extern const struct form form_networks;
extern const struct form form_gateway, form_nat; /* link_forms.c */
extern const struct form form_targets;
extern const struct form form_ends; /* ends.c */
extern const struct form form_protocols, form_ports; /* match_forms.c */
extern const struct form form_choices, form_weights; /* balance_forms.c */
extern const struct form form_syslog;

/* Words, text_check of the schema. */
const char *check_name(const char *text, const char **ret_hint);
const char *check_device(const char *text, const char **ret_hint);
const char *check_path(const char *text, const char **ret_hint);
const char *check_socket(const char *text, const char **ret_hint);
const char *check_mail_address(const char *text, const char **ret_hint);
const char *check_mail_server(const char *text, const char **ret_hint);
const char *check_mail_user(const char *text, const char **ret_hint);

/* False, with a problem, where node is no network. */
bool read_network(struct loader *loader, const struct node *node, struct network *ret_network);

