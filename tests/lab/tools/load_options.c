/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line of lab-load. */

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define SOURCES_MAX  65536
#define DEFAULT_PORT 7

enum option_id {
	OPTION_TO = 1,
	OPTION_TO_RANGE,
	OPTION_FROM,
	OPTION_BIND_RANGE,
	OPTION_FROM_PORT,
	OPTION_RATE,
	OPTION_COUNT,
	OPTION_SECONDS,
	OPTION_DATAGRAMS,
	OPTION_TIMEOUT,
	OPTION_STALL,
	OPTION_HOLD,
	OPTION_KEEPALIVE,
	OPTION_EACH,
};

static const struct option option_names[] = {
	{ "to", required_argument, NULL, OPTION_TO },
	{ "to-range", required_argument, NULL, OPTION_TO_RANGE },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "bind-range", required_argument, NULL, OPTION_BIND_RANGE },
	{ "from-port", required_argument, NULL, OPTION_FROM_PORT },
	{ "rate", required_argument, NULL, OPTION_RATE },
	{ "count", required_argument, NULL, OPTION_COUNT },
	{ "seconds", required_argument, NULL, OPTION_SECONDS },
	{ "datagrams", required_argument, NULL, OPTION_DATAGRAMS },
	{ "timeout", required_argument, NULL, OPTION_TIMEOUT },
	{ "stall", required_argument, NULL, OPTION_STALL },
	{ "hold", no_argument, NULL, OPTION_HOLD },
	{ "keepalive", no_argument, NULL, OPTION_KEEPALIVE },
	{ "each", no_argument, NULL, OPTION_EACH },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] = "usage: lab-load tcp|udp --to ADDR[:PORT] [--to-range N] [--rate "
				 "PER-SECOND] [--count N | --seconds S]\n"
				 "                [--from ADDR]... [--bind-range NETWORK] "
				 "[--from-port PORT] [--timeout MS]\n"
				 "                [--datagrams N] [--hold [--stall MS] [--keepalive]] [--each]\n"
				 "Opens connections, or sends datagrams of new flows, to a "
				 "lab-server at a steady rate and prints what\n"
				 "became of them as JSON. With --hold connections stay open and "
				 "are used each 100 ms until SIGTERM;\n"
				 "with --keepalive TCP that only waits asks after a second "
				 "whether it still lives.\n";

static bool read_number(const char *text, double max, double *ret_number)
{
	char *end;

	*ret_number = strtod(text, &end);
	return end != text && *end == '\0' && *ret_number >= 0 && *ret_number <= max;
}

static bool add_source(struct load_options *options, const struct endpoint *source)
{
	struct endpoint *sources;

	if (options->from_count == SOURCES_MAX)
		return false;
	sources = realloc(options->from, (options->from_count + 1) * sizeof(*sources));
	if (sources == NULL)
		return false;
	sources[options->from_count++] = *source;
	options->from = sources;
	return true;
}

static bool add_range(struct load_options *options, const char *text)
{
	struct endpoint first;
	uint32_t count;

	if (!endpoint_parse_network(text, &first, &count) || count > SOURCES_MAX)
		return false;
	for (uint32_t i = 0; i < count; i++) {
		struct endpoint source = endpoint_plus(&first, i);

		if (!add_source(options, &source))
			return false;
	}
	return true;
}

static bool read_address(struct load_options *options, int option, const char *text)
{
	struct endpoint source;

	if (option == OPTION_TO)
		return endpoint_parse(text, DEFAULT_PORT, &options->to);
	if (option == OPTION_BIND_RANGE)
		return add_range(options, text);
	return endpoint_parse(text, 0, &source) && add_source(options, &source);
}

static bool read_figure(
	struct load_options *options, int option, const char *text, double *ret_seconds)
{
	double number;

	if (!read_number(text, 1e9, &number))
		return false;
	if (option == OPTION_TO_RANGE)
		options->to_range = (uint32_t)number;
	else if (option == OPTION_FROM_PORT)
		options->from_port = (uint16_t)number;
	else if (option == OPTION_RATE)
		options->rate = number;
	else if (option == OPTION_COUNT)
		options->count = (size_t)number;
	else if (option == OPTION_SECONDS)
		*ret_seconds = number;
	else if (option == OPTION_DATAGRAMS)
		options->datagrams = (unsigned int)number;
	else if (option == OPTION_TIMEOUT)
		options->timeout_ns = (uint64_t)(number * 1e6);
	else
		options->stall_ns = (uint64_t)(number * 1e6);
	return true;
}

static bool read_option(
	struct load_options *options, int option, const char *text, double *ret_seconds)
{
	if (option == OPTION_HOLD) {
		options->hold = true;
		return true;
	}
	if (option == OPTION_KEEPALIVE) {
		options->keepalive = true;
		return true;
	}
	if (option == OPTION_EACH) {
		options->each = true;
		return true;
	}
	if (option == OPTION_TO || option == OPTION_FROM || option == OPTION_BIND_RANGE)
		return read_address(options, option, text);
	return read_figure(options, option, text, ret_seconds);
}

static bool make_sense(struct load_options *options, double seconds)
{
	if (seconds > 0 && options->rate > 0)
		options->count = (size_t)(seconds * options->rate + 0.5);
	return options->to.length > 0 && options->count > 0 && options->to_range > 0 &&
	       options->datagrams > 0 && options->datagrams <= 64;
}

bool load_options_read(int argc, char **argv, struct load_options *ret_options)
{
	double seconds = 0;
	bool fine = argc > 1 && (strcmp(argv[1], "tcp") == 0 || strcmp(argv[1], "udp") == 0);
	int option;

	*ret_options = (struct load_options){
		.udp = fine && strcmp(argv[1], "udp") == 0,
		.to_range = 1,
		.datagrams = 1,
		.timeout_ns = 3000000000,
		.stall_ns = 2000000000,
	};
	optind = 2;
	while (fine && (option = getopt_long(argc, argv, "", option_names, NULL)) != -1)
		fine = option != '?' && read_option(ret_options, option, optarg, &seconds);
	if (fine && optind >= argc && make_sense(ret_options, seconds))
		return true;
	fputs(usage_text, stderr);
	free(ret_options->from);
	ret_options->from = NULL;
	return false;
}
