/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of links, policies and classes in marks: the same name keeps its number over reload and restart. */
#pragma once

#include <stdint.h>

#include "core/config.h"

/* Indexed as in the configuration; the values are those of the mark's fields, never 0. */
struct ids {
	uint8_t *links;
	uint16_t *policies;
	uint8_t *classes; /* of qos.classes */
};

/* Names and numbers that were in use before. */
struct id_record {
	const char *name;
	uint16_t id;
};

/*
 * Gives every link and policy of config its old number where it had one, else the lowest that none of
 * the records has, else the lowest free one. Classes are numbered as if none had been there before.
 * Lives in the arena. 0 or -ENOMEM.
 */
int ids_assign(struct arena *arena, const struct config *config, const struct id_record *links,
	size_t link_records, const struct id_record *policies, size_t policy_records, struct ids *ret_ids);

/* Numbers the classes anew, after ids_assign(), by what was in use before. 0, or -ENOMEM and ids stays as it is. */
int ids_assign_classes(struct arena *arena, const struct config *config, const struct id_record *classes,
	size_t class_records, struct ids *ids);

/* The number of the policy's class, or MARK_CLASS_STANDARD. */
unsigned int ids_policy_class(const struct config *config, const struct ids *ids, const struct policy *policy);
