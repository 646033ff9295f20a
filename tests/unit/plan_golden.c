/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The configurations of tests/golden/plan, each with the state of links that its comments tell. */

#include "plan_golden.h"

#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Lines "# dead: LINK" and "# gone: LINK" at the start. */
static void read_states(const char *path, const struct sample_gateway *gateway)
{
	FILE *in = fopen(path, "r");
	char line[256], name[64];

	assert_non_null(in);
	while (fgets(line, sizeof(line), in) != NULL && line[0] == '#') {
		if (sscanf(line, "# dead: %63s", name) == 1)
			gateway_down(gateway, name);
		if (sscanf(line, "# gone: %63s", name) == 1)
			gateway_unplug(gateway, name);
	}
	fclose(in);
}

size_t plan_goldens(void (*test)(const char *path, const struct sample_gateway *gateway, void *data), void *data)
{
	const char *top = getenv("srcdir");
	char pattern[512];
	size_t count;
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/tests/golden/plan/*.yaml", top != NULL ? top : ".");
	if (glob(pattern, 0, NULL, &found) != 0)
		fail_msg("nothing at %s", pattern);
	count = found.gl_pathc;
	for (size_t i = 0; i < count; i++) {
		struct sample_gateway *gateway = gateway_of_file(found.gl_pathv[i]);

		read_states(found.gl_pathv[i], gateway);
		*strrchr(found.gl_pathv[i], '.') = '\0';
		test(found.gl_pathv[i], gateway, data);
		gateway_free(gateway);
	}
	globfree(&found);
	return count;
}
