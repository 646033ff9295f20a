/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loads a page as a browser does, many objects at once, and tells how long it took, as JSON. */

#include <curl/curl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define OBJECTS_MAX 1024
#define URL_ROOM    256
#define WAIT_MS     1000 /* at most, for anything to happen */

struct object {
	CURL *handle;
	uint64_t bytes; /* wanted */
	uint64_t got;
	bool failed;
	char url[URL_ROOM];
};

struct page {
	struct object objects[OBJECTS_MAX];
	size_t count;
	CURLM *multi;
	double begun, ended; /* first connect, last byte */
	const char *problem; /* of the first object that failed */
};

struct options {
	const char *from; /* address of this machine, or NULL */
	long per_host, total, timeout_s;
	bool keep_alive;
};

static const struct option option_names[] = {
	{ "from", required_argument, NULL, 'f' },
	{ "per-host", required_argument, NULL, 'p' },
	{ "total", required_argument, NULL, 't' },
	{ "timeout", required_argument, NULL, 'w' },
	{ "keep-alive", no_argument, NULL, 'k' },
	{ NULL, 0, NULL, 0 },
};

static const char usage_text[] =
	"usage: page-load [--from ADDRESS] [--per-host N] [--total N] [--timeout SECONDS] "
	"[--keep-alive]\n"
	"Reads lines `URL BYTES` and loads that much of each, 6 of a host and 24 in all at once, "
	"each by a\n"
	"connection of its own. The server must know ranges.\n";

static double now_s(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool read_options(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){ .per_host = 6, .total = 24, .timeout_s = 120 };
	while ((option = getopt_long(argc, argv, "", option_names, NULL)) >= 0) {
		switch (option) {
		case 'f':
			options->from = optarg;
			break;
		case 'p':
			options->per_host = atol(optarg);
			break;
		case 't':
			options->total = atol(optarg);
			break;
		case 'w':
			options->timeout_s = atol(optarg);
			break;
		case 'k':
			options->keep_alive = true;
			break;
		default:
			return false;
		}
	}
	return optind == argc && options->per_host > 0 && options->total > 0 &&
	       options->timeout_s > 0;
}

static bool read_page(FILE *file, struct page *page)
{
	unsigned long long bytes;

	while (page->count < OBJECTS_MAX) {
		struct object *object = &page->objects[page->count];
		int read = fscanf(file, "%255s %llu", object->url, &bytes);

		if (read == EOF)
			return page->count > 0;
		if (read != 2 || bytes == 0)
			return false;
		object->bytes = bytes;
		page->count++;
	}
	return false;
}

static size_t take(char *data, size_t size, size_t count, void *context)
{
	struct object *object = context;

	(void)data;
	object->got += size * count;
	return size * count;
}

static bool prepare_object(struct object *object, const struct options *options)
{
	CURL *handle = curl_easy_init();
	char range[64];

	if (handle == NULL)
		return false;
	object->handle = handle;
	snprintf(range, sizeof(range), "0-%llu", (unsigned long long)object->bytes - 1);
	curl_easy_setopt(handle, CURLOPT_URL, object->url);
	curl_easy_setopt(handle, CURLOPT_RANGE, range);
	curl_easy_setopt(handle, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(handle, CURLOPT_WRITEDATA, object);
	curl_easy_setopt(handle, CURLOPT_PRIVATE, object);
	curl_easy_setopt(handle, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(handle, CURLOPT_PROXY, "");
	curl_easy_setopt(handle, CURLOPT_TIMEOUT, options->timeout_s);
	if (options->from != NULL)
		curl_easy_setopt(handle, CURLOPT_INTERFACE, options->from);
	if (!options->keep_alive) {
		curl_easy_setopt(handle, CURLOPT_FRESH_CONNECT, 1L);
		curl_easy_setopt(handle, CURLOPT_FORBID_REUSE, 1L);
	}
	return true;
}

static bool prepare_page(struct page *page, const struct options *options)
{
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return false;
	page->multi = curl_multi_init();
	if (page->multi == NULL)
		return false;
	curl_multi_setopt(page->multi, CURLMOPT_MAX_HOST_CONNECTIONS, options->per_host);
	curl_multi_setopt(page->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, options->total);
	for (size_t i = 0; i < page->count; i++) {
		struct object *object = &page->objects[i];

		if (!prepare_object(object, options) ||
			curl_multi_add_handle(page->multi, object->handle) != CURLM_OK)
			return false;
	}
	return true;
}

/* The last byte of the page is that of the object that ends last. */
static void finish_objects(struct page *page)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(page->multi, &left)) != NULL) {
		struct object *object;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&object);
		object->failed =
			message->data.result != CURLE_OK || object->got != object->bytes;
		if (object->failed && page->problem == NULL)
			page->problem = curl_easy_strerror(message->data.result);
		page->ended = now_s();
	}
}

static bool load_page(struct page *page)
{
	int running = 0;

	page->begun = now_s();
	do {
		if (curl_multi_perform(page->multi, &running) != CURLM_OK)
			return false;
		finish_objects(page);
		if (running > 0 && curl_multi_poll(page->multi, NULL, 0, WAIT_MS, NULL) != CURLM_OK)
			return false;
	} while (running > 0);
	return true;
}

static void print_page(const struct page *page)
{
	unsigned long long bytes = 0;
	long connects = 0;
	size_t failed = 0;

	for (size_t i = 0; i < page->count; i++) {
		long count = 0;

		curl_easy_getinfo(page->objects[i].handle, CURLINFO_NUM_CONNECTS, &count);
		connects += count;
		bytes += page->objects[i].got;
		failed += page->objects[i].failed;
	}
	printf("{\"seconds\": %.4f, \"objects\": %zu, \"connections\": %ld, \"bytes\": %llu, "
	       "\"failed\": %zu, \"problem\": \"%s\"}\n",
		page->ended - page->begun, page->count, connects, bytes, failed,
		page->problem == NULL ? "" : page->problem);
}

static void close_page(struct page *page)
{
	for (size_t i = 0; i < page->count; i++) {
		if (page->objects[i].handle == NULL)
			continue;
		curl_multi_remove_handle(page->multi, page->objects[i].handle);
		curl_easy_cleanup(page->objects[i].handle);
	}
	curl_multi_cleanup(page->multi);
	curl_global_cleanup();
}

int main(int argc, char **argv)
{
	static struct page page;
	struct options options;
	bool loaded;

	if (!read_options(argc, argv, &options)) {
		fputs(usage_text, stderr);
		return 2;
	}
	if (!read_page(stdin, &page)) {
		fputs("page-load: not a page: lines `URL BYTES`, 1024 at most\n", stderr);
		return 2;
	}
	loaded = prepare_page(&page, &options) && load_page(&page);
	if (loaded)
		print_page(&page);
	else
		fputs("page-load: libcurl refuses\n", stderr);
	close_page(&page);
	return loaded ? 0 : 1;
}
