/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl schema: what editors complete and check configurations by. */

#include <stdio.h>

#include "config/config.h"
#include "ctl/commands.h"
#include "ctl/output.h"

int run_schema(const struct invocation *invocation)
{
	(void)invocation;
	config_schema_print(stdout);
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_FINE;
	output_error("cannot write the schema");
	return EXIT_ERROR;
}
