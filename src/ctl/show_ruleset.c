/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkctl ruleset: the kernel objects as text, as the daemon prints them. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/commands.h"
#include "ctl/field.h"
#include "ctl/output.h"

static void print_part(const struct invocation *invocation, const char *title, const char *text)
{
	size_t length = strlen(text);
	char *escaped = output_escape(text, "\n\t");

	printf("%s# %s%s\n%s", output_colour(invocation->colour, COLOUR_TITLE), title,
		output_plain(invocation->colour), escaped);
	if (length > 0 && text[length - 1] != '\n')
		puts("");
	free(escaped);
}

int show_ruleset(const struct invocation *invocation, const json_t *ruleset)
{
	print_part(invocation, "nftables", field_text(ruleset, "nftables"));
	puts("");
	print_part(invocation, "routing", field_text(ruleset, "routing"));
	if (field_text(ruleset, "shaping")[0] != '\0') {
		puts("");
		print_part(invocation, "shaping", field_text(ruleset, "shaping"));
	}
	return EXIT_FINE;
}
