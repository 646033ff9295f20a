/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves that as many policies are read as marks can tell apart, and without delay. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "config/config.h"

#define LINK "version: 1\nlinks: { wan: { device: eth0 } }\n"

/* As many policies as marks can tell apart are read, one more is not. */
static void reads_policies_up_to(int most, const char *settings, const char *hint)
{
	for (int count = most; count <= most + 1; count++) {
		struct config_errors errors;
		struct config *config;
		char *text = NULL;
		size_t length;
		FILE *out = open_memstream(&text, &length);

		fprintf(out, LINK "%spolicies:\n", settings);
		for (int i = 0; i < count; i++)
			fprintf(out, "  - { name: p%d, match: { to: internet, protocol: tcp, to-port: [80, 443] } }\n", i);
		fclose(out);
		config_parse("many", text, length, &config, &errors);
		assert_int_equal(errors.count, count - most);
		assert_int_equal(config == NULL, count > most);
		if (count > most)
			assert_string_equal(errors.items[0].hint, hint);
		config_errors_free(&errors);
		config_free(config);
		free(text);
	}
}

static void reads_many_policies(void **state)
{
	(void)state;
	reads_policies_up_to(8190, "", "`kernel: { mark-policy-bits: 14 }' makes room for 16382");
	reads_policies_up_to(16382, "kernel: { mark-policy-bits: 14 }\n",
		"`kernel: { mark-policy-bits: 15 }' makes room for 32766");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_many_policies),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
