/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Links as they are loaded now: measured by one thread, read by those that decide, without a lock. */

#include "core/loads.h"

#include <stdlib.h>

struct loads *loads_new(void)
{
	return calloc(1, sizeof(struct loads));
}

const struct link_load *loads_of(const struct loads *loads, uint8_t link)
{
	static const struct link_load unknown;

	return loads == NULL || link > MARK_LINK_MAX ? &unknown : &loads->links[link];
}
