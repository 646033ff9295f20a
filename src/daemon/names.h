/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names that numbers in marks had before a reload: a record of a decision outlives the configuration that took it. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/ids.h"

/* The oldest give way. */
#define RETIRED_NAMES 1024

enum name_kind {
	NAME_POLICY,
	NAME_LINK,
	NAME_CLASS,
};

struct retired_names {
	struct retired_name {
		uint32_t until;  /* last generation of snapshots in which the number meant this name */
		uint16_t id;
		uint8_t kind;
		char name[CONFIG_NAME_MAX + 1];
	} items[RETIRED_NAMES];
	uint64_t added;
};

/* Keeps the names of before whose numbers mean nothing, or another name, in after. until: the last generation of before. */
void names_retire(struct retired_names *names, const struct config *before, const struct ids *before_ids,
	const struct config *after, const struct ids *after_ids, uint32_t until);

/* The name that the number had in that generation, or NULL: then the configuration in force has it, or nobody. */
const char *names_find(const struct retired_names *names, enum name_kind kind, unsigned int id, uint32_t generation);
