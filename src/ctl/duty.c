/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl drain, disable, enable: a link is taken out of service, and put back. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "ctl/client.h"
#include "ctl/field.h"
#include "ctl/output.h"
#include "ctl/units.h"

static void show_duty(const json_t *answer)
{
	double left = -field_age(answer, "drain_until");

	output_text("%s is %s", field_text(answer, "link"), field_text(answer, "state"));
	if (isfinite(left) && left > 0)
		printf(", and disabled in %s", measure_duration(left).text);
	puts(".");
}

int run_duty(const struct invocation *invocation)
{
	struct query query[COMMAND_OPTIONS_MAX + 2];
	json_t *document = NULL;
	char path[32];
	int code;

	command_query(invocation, query + 1);
	query[0] = (struct query){ "link", invocation->argument };
	snprintf(path, sizeof(path), "/%s", invocation->command->name);
	code = client_ask(invocation, true, path, query, &document);
	if (code == EXIT_FINE && invocation->json)
		output_json(document);
	else if (code == EXIT_FINE)
		show_duty(document);
	json_decref(document);
	return code;
}
