/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Checks or prints a configuration for the golden tests, and lists the schema for the test of the manual. */

#include <stdio.h>
#include <string.h>

#include "config/config.h"
#include "config/schema.h"

#ifndef PKGDATADIR
#define PKGDATADIR "/usr/share/uplinkd"
#endif
#ifndef RUNSTATEDIR
#define RUNSTATEDIR "/run"
#endif
#ifndef LOCALSTATEDIR
#define LOCALSTATEDIR "/var"
#endif

static int check_or_print(const char *path, int print)
{
	struct config_errors errors;
	struct config *config;
	int result = config_load(path, &config, &errors);

	if (result == 0 && print)
		config_print(stdout, config);
	config_errors_print(stderr, &errors, 0);
	config_errors_free(&errors);
	config_free(config);
	return result == 0 ? 0 : 4;
}

/* A machine without the devices whose name begins so. */
static bool device_exists(const char *device)
{
	return strncmp(device, "gone", 4) != 0;
}

static int warn(const char *path)
{
	struct config_errors errors;
	struct config *config;
	int result = config_check(path, device_exists, &config, &errors);

	config_errors_print(stderr, &errors, 0);
	config_errors_free(&errors);
	config_free(config);
	return result == 0 ? 0 : 4;
}

/* One line for each key: its name, its default. */
static void list(const struct field *table)
{
	for (; table->key != NULL; table++) {
		if (table->type == FIELD_LATER)
			continue;
		printf("%s\t%s\t%s\n", table->key, table->standard == NULL ? "" : table->standard, table->meaning);
		if (table->table != NULL)
			list(table->table);
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "places") == 0) {
		printf("@PKGDATADIR@=%s\n@RUNSTATEDIR@=%s\n@LOCALSTATEDIR@=%s\n", PKGDATADIR, RUNSTATEDIR, LOCALSTATEDIR);
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "keys") == 0) {
		list(schema_top);
		list(schema_zone);
		list(schema_link);
		list(schema_class);
		list(schema_policy);
		list(schema_set);
		return 0;
	}
	if (argc == 3 && (strcmp(argv[1], "check") == 0 || strcmp(argv[1], "print") == 0))
		return check_or_print(argv[2], argv[1][0] == 'p');
	if (argc == 3 && strcmp(argv[1], "warn") == 0)
		return warn(argv[2]);
	fprintf(stderr, "usage: config_tool check FILE | print FILE | warn FILE | keys | places\n");
	return 2;
}
