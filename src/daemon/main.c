/* SPDX-License-Identifier: GPL-2.0-or-later */
/* uplinkd: options, and what they ask for. */

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "daemon/dry.h"
#include "daemon/syslog.h"
#include "service/log.h"

enum {
	EXIT_USAGE = 2,
	EXIT_CONFIGURATION = 4,
};

enum mode {
	MODE_RUN,
	MODE_CHECK,
	MODE_PRINT,
	MODE_DRY_RUN,
	MODE_REMOVE,
};

struct options {
	enum mode mode;
	bool foreground;
	const char *config_path;
};

static const struct option long_options[] = {
	{ "dry-run", no_argument, NULL, 'n' },
	{ "remove", no_argument, NULL, 'r' },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void usage(FILE *out)
{
	fputs("usage: uplinkd [-f] [-t | -T | --dry-run | --remove] [-c FILE] [-V]\n"
	      "  -f         stay in the foreground, log to stderr\n"
	      "  -t         check the configuration and exit\n"
	      "  -T         check it and print it whole, with every default\n"
	      "  -c FILE    configuration, instead of " SYSCONFDIR "/uplinkd/uplinkd.yaml\n"
	      "  --dry-run  print the kernel objects that would be made\n"
	      "  --remove   remove every kernel object of ours\n"
	      "  -V         print the version\n",
		out);
}

/* Sets *ret_code and returns false where there is nothing to run. */
static bool read_options(int count, char **arguments, struct options *options, int *ret_code)
{
	int option;

	*ret_code = 0;
	while ((option = getopt_long(count, arguments, "ftTc:Vh", long_options, NULL)) != -1) {
		switch (option) {
		case 'f':
			options->foreground = true;
			break;
		case 't':
			options->mode = MODE_CHECK;
			break;
		case 'T':
			options->mode = MODE_PRINT;
			break;
		case 'n':
			options->mode = MODE_DRY_RUN;
			break;
		case 'r':
			options->mode = MODE_REMOVE;
			break;
		case 'c':
			options->config_path = optarg;
			break;
		case 'V':
			puts("uplinkd " VERSION);
			return false;
		case 'h':
			usage(stdout);
			return false;
		default:
			usage(stderr);
			*ret_code = EXIT_USAGE;
			return false;
		}
	}
	if (optind == count)
		return true;
	fprintf(stderr, "uplinkd: too many arguments: %s\n", arguments[optind]);
	usage(stderr);
	*ret_code = EXIT_USAGE;
	return false;
}

/* NULL after telling every error; warn: tells what is hardly meant, too. */
static struct config *load(const char *path, bool warn)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;

	if (warn)
		config_check(path, NULL, &config, &errors);
	else
		config_load(path, &config, &errors);
	config_errors_print(stderr, &errors, isatty(STDERR_FILENO));
	config_errors_free(&errors);
	return config;
}

static int with_config(const struct options *options)
{
	struct config *config = load(options->config_path, options->mode == MODE_CHECK);
	int code = EXIT_SUCCESS;

	if (config == NULL)
		return EXIT_CONFIGURATION;
	if (options->mode == MODE_PRINT)
		config_print(stdout, config);
	else if (options->mode == MODE_DRY_RUN)
		code = dry_run(stdout, config);
	else
		printf("%s: fine: %zu links, %zu policies\n", options->config_path, config->link_count, config->policy_count);
	config_free(config);
	return code;
}

/* A reload finds the file also from where a daemon is, in /. The caller frees it. NULL with errno set. */
static char *absolute(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder, *folder_path, *result = NULL;

	if (path[0] == '/')
		return strdup(path);
	folder = slash == NULL ? strdup(".") : strndup(path, (size_t)(slash - path));
	folder_path = folder == NULL ? NULL : realpath(folder, NULL);
	if (folder_path != NULL && asprintf(&result, "%s/%s", folder_path, slash == NULL ? path : slash + 1) < 0)
		result = NULL;
	free(folder_path);
	free(folder);
	return result;
}

static int run(const struct options *options)
{
	struct config *config = load(options->config_path, false);
	char *path;
	int code;

	if (config == NULL)
		return EXIT_CONFIGURATION;
	log_open(options->foreground, syslog_is_local(&config->syslog, options->foreground), config->syslog.facility);
	path = absolute(options->config_path);
	if (path == NULL || (!options->foreground && daemon(0, 0) < 0)) {
		log_error("%s: %s", path == NULL ? options->config_path : "cannot go to the background", strerror(errno));
		config_free(config);
		free(path);
		return EXIT_FAILURE;
	}
	code = daemon_run(path, config, options->foreground);
	free(path);
	return code;
}

int main(int count, char **arguments)
{
	struct options options = { .config_path = SYSCONFDIR "/uplinkd/uplinkd.yaml" };
	int code;

	if (!read_options(count, arguments, &options, &code))
		return code;
	umask(077);
	/* Works also where the configuration is gone already. */
	if (options.mode == MODE_REMOVE)
		return dry_remove();
	return options.mode == MODE_RUN ? run(&options) : with_config(&options);
}
