/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What one run of reading keeps: the files, their trees, and where each part of the configuration stands. */
#pragma once

#include "config/errors.h"
#include "config/yaml.h"
#include "core/config.h"

/* One file: its text, and the tree or NULL where it is broken. */
struct document {
	struct source source;
	char *text; /* owned, or NULL */
	struct node *root;
};

struct loader {
	struct arena *scratch; /* trees and file names; gone after the run */
	struct problems problems;
	struct config *config;
	struct document *documents; /* the first is the configuration, the others are of policies.d */
	size_t document_count;

	const char *folder; /* where relative paths begin; NULL: read from memory, and no other file is touched */

	/* The word and the map of each zone, link, policy, set and class, indexed as in config. */
	struct place {
		const struct node *name, *value;
	} *zones, *links, *policies, *sets, *classes;
	size_t policy_room;
	bool warn;                                 /* also tell what is hardly meant */
	bool (*device_exists)(const char *device); /* for warnings; NULL: nobody asks */
};

/* arena_array() of config's arena; NULL with problems.no_memory set. */
void *loader_array(struct loader *loader, size_t count, size_t size);
char *loader_text(struct loader *loader, const char *text);

/* Zone, link, label, set, `internet' or another word that has a meaning where traffic comes from or goes to. */
bool name_is_reserved(const char *name);

/* Tries all names of links and labels, and with zones those of zones and sets, too. */
void nearest_names(struct nearest *nearest, const struct config *config, bool zones);

/* True where link has that label. */
bool link_has_label(const struct link *link, const char *label);

/* Adds the problem "`x' is not known" with the nearest name. */
void unknown_name(struct loader *loader, const struct node *node, const char *what, bool zones);

/* Where nothing is said of syslog. */
void syslog_standard(struct syslog_settings *syslog);

/* Gives each link without a weight one in proportion to its bandwidth. */
void weights_fill(struct config *config);

/* Length of the cycle of these weights after reduction, as core's schedule would have it. */
size_t weights_cycle(const unsigned int *weights, size_t count);

/* What no single key can know: relations between keys, names, files. Each adds problems. */
void check_names(struct loader *loader);
void check_links(struct loader *loader);
void check_settings(struct loader *loader);
void check_mail(struct loader *loader);
void check_policies(struct loader *loader);
void check_limits(struct loader *loader);
void check_sets(struct loader *loader);
void check_qos(struct loader *loader);

/* What is hardly meant, of a configuration without errors. Each adds warnings. */
void warn_policies(struct loader *loader);
void warn_links(struct loader *loader);
void warn_load(struct loader *loader);
void check_targets(struct loader *loader, size_t index); /* of the link with that index */
void warn_targets(struct loader *loader);
void warn_names(struct loader *loader);
void warn_recovery(struct loader *loader);

/* Where the value of a key in map stands, or fallback where there is none. */
struct position place_of_key(const struct node *map, const char *key, const struct node *fallback);
