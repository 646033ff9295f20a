/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any bytes to the reader of the configuration; what loads must print, load again, and print the same. */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static void require_same_again(const struct config *config)
{
	char *text = config_text(config), *second_text;
	struct config_errors errors;
	struct config *second;

	require(text != NULL);
	if (config_parse("print", text, strlen(text), &second, &errors) < 0)
		config_errors_print(stderr, &errors, 0);
	require(errors.count == 0 && second != NULL);
	second_text = config_text(second);
	require(second_text != NULL && strcmp(text, second_text) == 0);
	free(second_text);
	free(text);
	config_free(second);
}

/* Errors come in the order of the file, each with a message, and can be shown. */
static void require_sound(const struct config_errors *errors)
{
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	require(out != NULL && errors->count > 0);
	for (size_t i = 0; i < errors->count; i++) {
		require(errors->items[i].message != NULL && errors->items[i].hint != NULL);
		require(i == 0 || errors->items[i].line >= errors->items[i - 1].line);
	}
	config_errors_print(out, errors, 1);
	require(fclose(out) == 0 && length > 0);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_errors errors;
	struct config *config;
	int result = config_parse("fuzz", (const char *)data, size, &config, &errors);

	require(result == 0 || result == -EINVAL || result == -ENOMEM);
	require((result == 0) == (config != NULL));
	if (config != NULL)
		require_same_again(config);
	else if (result == -EINVAL)
		require_sound(&errors);
	config_free(config);
	config_errors_free(&errors);
	return 0;
}
