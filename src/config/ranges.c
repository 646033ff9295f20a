/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses, networks and ranges of addresses, as the configuration and the files of sets write them. */

#include <string.h>

#include "config/forms.h"
#include "config/set_file.h"

/* An address of length bytes of text, which may go on. */
static bool parse_part(const char *text, size_t length, struct address *ret_address)
{
	char bare[ADDRESS_TEXT_MAX];

	if (length >= sizeof(bare))
		return false;
	memcpy(bare, text, length);
	bare[length] = '\0';
	return address_parse(bare, ret_address);
}

/* The network that was meant where bits are set after its length. */
static bool trim_network(const char *text, struct network *network)
{
	const char *slash = strchr(text, '/');
	struct address address;
	uint64_t bits;

	if (slash == NULL || value_read(slash + 1, UNIT_NONE, &bits) != VALUE_FINE)
		return false;
	if (!parse_part(text, (size_t)(slash - text), &address) || bits > 8 * family_size(address.family))
		return false;
	*network = network_around(&address, (uint8_t)bits);
	return true;
}

static void bad_network(struct problems *problems, struct position at, const char *text)
{
	char format[ADDRESS_TEXT_MAX];
	struct network meant;

	if (trim_network(text, &meant)) {
		problem_add(problems, at, "`%.60s' has bits set after its length", text);
		problem_hint(problems, "did you mean `%s'?", network_format(&meant, format, sizeof(format)));
		return;
	}
	problem_add(problems, at, "`%.60s' is not a network", text);
	problem_hint(problems, "write `192.0.2.0/24', `2001:db8::/32', an address or a range `192.0.2.10-192.0.2.20'");
}

static void bad_range(struct problems *problems, struct position at, const char *text, const struct address *first,
	const struct address *last)
{
	char low[ADDRESS_TEXT_MAX], high[ADDRESS_TEXT_MAX];

	if (first->family != last->family) {
		problem_add(problems, at, "the range `%.100s' has addresses of both families", text);
		problem_hint(problems, "make a range for each family");
		return;
	}
	problem_add(problems, at, "the range `%.100s' ends before it begins", text);
	problem_hint(problems, "did you mean `%s-%s'?", address_format(last, low, sizeof(low)),
		address_format(first, high, sizeof(high)));
}

bool read_network(struct loader *loader, const struct node *node, struct network *ret_network)
{
	if (network_parse(node->text, ret_network))
		return true;
	bad_network(&loader->problems, node->at, node->text);
	return false;
}

static bool parse_range(const char *text, struct address *ret_first, struct address *ret_last)
{
	const char *dash = strchr(text, '-');

	return dash != NULL && parse_part(text, (size_t)(dash - text), ret_first) &&
	       parse_part(dash + 1, strlen(dash + 1), ret_last);
}

size_t read_range(struct problems *problems, struct position at, const char *text, struct network *ret_items)
{
	struct address first, last;
	size_t count;

	if (network_parse(text, ret_items))
		return 1;
	if (!parse_range(text, &first, &last)) {
		bad_network(problems, at, text);
		return 0;
	}
	count = networks_of_range(&first, &last, ret_items);
	if (count == 0)
		bad_range(problems, at, text, &first, &last);
	return count;
}

size_t range_room(const char *text)
{
	struct network items[NETWORKS_OF_RANGE_MAX];
	struct address first, last;

	return parse_range(text, &first, &last) ? networks_of_range(&first, &last, items) : 1;
}
