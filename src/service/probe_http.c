/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A page that is fetched to see whether it can be, and whether it is the right one. */

#include "service/probe_http.h"

#include <curl/curl.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "service/lookup.h"
#include "service/polls.h"
#include "service/probe_bytes.h"
#include "service/probe_socket.h"

#define BODY_MAX (64 * 1024)

struct probe_http {
	uv_timer_t timer;
	struct polls polls;
	struct checker_path path;
	char device[IF_NAMESIZE];
	const struct target *target;
	uint32_t timeout_ms;
	CURLM *multi;
	CURL *easy;
	struct curl_slist *addresses; /* of the host, that curl need not look up */
	struct lookup *lookup;
	enum family family;           /* that is looked up */
	char *host, *port;
	char body[BODY_MAX + 1];
	size_t length;
	long status, system_error;
	CURLcode code;
	bool no_name;
	probe_http_done done;
	void *data;
};

static void free_probe(uv_handle_t *handle)
{
	free(handle->data);
}

/* Sockets are made as those of every probe. */
static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
	const struct probe_http *probe = data;
	int fd;

	if (purpose != CURLSOCKTYPE_IPCXN)
		return CURL_SOCKET_BAD;
	fd = probe_socket(&probe->path, address->family == AF_INET6 ? IPV6 : IPV4, SOCK_STREAM, IPPROTO_TCP);
	return fd < 0 ? CURL_SOCKET_BAD : fd;
}

/* The last time that anybody can ask what it cost. */
static int close_socket(void *data, curl_socket_t fd)
{
	const struct probe_http *probe = data;
	struct sockaddr_storage own = { 0 };
	socklen_t length = sizeof(own);

	getsockname(fd, (struct sockaddr *)&own, &length);
	probe_count(&probe->path, probe_tcp_bytes(fd, own.ss_family == AF_INET6 ? IPV6 : IPV4));
	return close(fd);
}

/* Less than what came ends the transfer: there is enough. */
static size_t take_body(char *bytes, size_t size, size_t count, void *data)
{
	struct probe_http *probe = data;
	size_t length = size * count, room = BODY_MAX - probe->length;

	if (length > room)
		length = room;
	memcpy(probe->body + probe->length, bytes, length);
	probe->length += length;
	return length;
}

static bool has_text(const struct probe_http *probe)
{
	const char *text = probe->target->text;

	return text == NULL || memmem(probe->body, probe->length, text, strlen(text)) != NULL;
}

static bool has_status(const struct probe_http *probe, long status)
{
	if (probe->target->status == 0)
		return status >= 200 && status <= 299;
	return status == (long)probe->target->status;
}

static int judge(struct probe_http *probe, CURLcode code)
{
	curl_easy_getinfo(probe->easy, CURLINFO_RESPONSE_CODE, &probe->status);
	curl_easy_getinfo(probe->easy, CURLINFO_OS_ERRNO, &probe->system_error);
	probe->code = code;
	if (code == CURLE_WRITE_ERROR && probe->length == BODY_MAX)
		code = CURLE_OK;
	if (code == CURLE_COULDNT_CONNECT)
		return -ECONNREFUSED;
	if (code == CURLE_OPERATION_TIMEDOUT)
		return -ETIMEDOUT;
	if (code != CURLE_OK)
		return -EIO;
	return has_status(probe, probe->status) && has_text(probe) ? 1 : -EBADMSG;
}

/* After each call of the library; the last thing that its caller does, for we may be freed. */
static void look(struct probe_http *probe)
{
	const struct CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(probe->multi, &left)) != NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		uv_timer_stop(&probe->timer);
		probe->done(probe->data, judge(probe, message->data.result));
		return;
	}
}

static void on_ready(void *data, int fd, bool readable, bool writable)
{
	struct probe_http *probe = data;
	int running;

	curl_multi_socket_action(probe->multi, fd,
		(readable ? CURL_CSELECT_IN : 0) | (writable ? CURL_CSELECT_OUT : 0), &running);
	look(probe);
}

static void on_timer(uv_timer_t *timer)
{
	struct probe_http *probe = timer->data;
	int running;

	curl_multi_socket_action(probe->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	look(probe);
}

static int on_wish(CURLM *multi, long timeout_ms, void *data)
{
	struct probe_http *probe = data;

	(void)multi;
	if (timeout_ms < 0)
		uv_timer_stop(&probe->timer);
	else
		uv_timer_start(&probe->timer, on_timer, (uint64_t)timeout_ms, 0);
	return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *data, void *of_socket)
{
	struct probe_http *probe = data;

	(void)easy;
	(void)of_socket;
	return polls_set(&probe->polls, fd, what == CURL_POLL_IN || what == CURL_POLL_INOUT,
		       what == CURL_POLL_OUT || what == CURL_POLL_INOUT) < 0 ? -1 : 0;
}

static bool set_options(struct probe_http *probe)
{
	const struct target *target = probe->target;
	CURL *easy = probe->easy;
	CURLcode bad = CURLE_OK;

	bad |= curl_easy_setopt(easy, CURLOPT_URL, target->url);
	bad |= curl_easy_setopt(easy, CURLOPT_PROXY, "");
	bad |= curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_USERAGENT, "uplinkd/" VERSION);
	bad |= curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)probe->timeout_ms);
	bad |= curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, target->verify ? 1L : 0L);
	bad |= curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, target->verify ? 2L : 0L);
	if (!target->verify) { /* no time is spent on reading whom to trust */
		bad |= curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		bad |= curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
	}
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	bad |= curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, probe);
	bad |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
	bad |= curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, probe);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
	bad |= curl_easy_setopt(easy, CURLOPT_WRITEDATA, probe);
	bad |= curl_easy_setopt(easy, CURLOPT_RESOLVE, probe->addresses);
	return bad == CURLE_OK;
}

/* Tells curl where the host is, so that it asks nobody. */
static bool set_address(struct probe_http *probe, const char *address)
{
	char line[512];

	if (snprintf(line, sizeof(line), "%s:%s:%s", probe->host, probe->port, address) >= (int)sizeof(line))
		return false;
	probe->addresses = curl_slist_append(NULL, line);
	return probe->addresses != NULL;
}

static int fetch(struct probe_http *probe)
{
	probe->easy = curl_easy_init();
	if (probe->easy == NULL || !set_options(probe))
		return -ENOMEM;
	return curl_multi_add_handle(probe->multi, probe->easy) == CURLM_OK ? 0 : -EIO;
}

static int look_up(struct probe_http *probe, enum family family);

static void on_address(void *data, int result, const struct address *address)
{
	struct probe_http *probe = data;
	char text[ADDRESS_TEXT_MAX];

	lookup_free(probe->lookup);
	probe->lookup = NULL;
	if (result == -ENOENT && probe->family == IPV4)
		result = look_up(probe, IPV6);
	else if (result == 0)
		result = set_address(probe, address_format(address, text, sizeof(text))) ? fetch(probe) : -ENOMEM;
	probe->no_name = result < 0;
	if (result < 0)
		probe->done(probe->data, result);
}

static int look_up(struct probe_http *probe, enum family family)
{
	probe->family = family;
	return lookup_new(probe->polls.loop, &probe->path, NULL, probe->host, family, probe->timeout_ms, on_address, probe,
		&probe->lookup);
}

static bool read_url(struct probe_http *probe)
{
	CURLU *url = curl_url();
	bool good = url != NULL && curl_url_set(url, CURLUPART_URL, probe->target->url, 0) == CURLUE_OK
	            && curl_url_get(url, CURLUPART_HOST, &probe->host, 0) == CURLUE_OK
	            && curl_url_get(url, CURLUPART_PORT, &probe->port, CURLU_DEFAULT_PORT) == CURLUE_OK;

	curl_url_cleanup(url);
	return good;
}

static int begin(struct probe_http *probe)
{
	struct address literal;

	probe->multi = curl_multi_init();
	if (probe->multi == NULL)
		return -ENOMEM;
	curl_multi_setopt(probe->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(probe->multi, CURLMOPT_SOCKETDATA, probe);
	curl_multi_setopt(probe->multi, CURLMOPT_TIMERFUNCTION, on_wish);
	curl_multi_setopt(probe->multi, CURLMOPT_TIMERDATA, probe);
	if (!read_url(probe))
		return -EINVAL;
	if (probe->target->at != NULL && !set_address(probe, probe->target->at))
		return -ENOMEM;
	if (probe->target->at != NULL || probe->host[0] == '[' || address_parse(probe->host, &literal))
		return fetch(probe);
	return look_up(probe, IPV4);
}

int probe_http_new(uv_loop_t *loop, const struct checker_path *path, const struct target *target, uint32_t timeout_ms,
	probe_http_done done, void *data, struct probe_http **ret_probe)
{
	struct probe_http *probe = calloc(1, sizeof(*probe));
	int error;

	if (probe == NULL)
		return -ENOMEM;
	probe->polls = (struct polls){ loop, on_ready, probe, { NULL } };
	memcpy(probe->device, path->device, strlen(path->device) + 1);
	probe->path = (struct checker_path){ probe->device, path->mark, path->bytes };
	probe->target = target;
	probe->timeout_ms = timeout_ms;
	probe->done = done;
	probe->data = data;
	error = uv_timer_init(loop, &probe->timer);
	if (error < 0) {
		free(probe);
		return error;
	}
	probe->timer.data = probe;
	error = begin(probe);
	if (error < 0) {
		probe_http_free(probe);
		return error;
	}
	*ret_probe = probe;
	return 0;
}

void probe_http_page(const struct probe_http *probe, struct probe_page *ret_page)
{
	*ret_page = (struct probe_page){
		.status = probe->status,
		.body = probe->body,
		.length = probe->length,
		.no_name = probe->no_name,
		.refused = probe->code == CURLE_COULDNT_CONNECT && probe->system_error == ECONNREFUSED,
		.bad_certificate = probe->code == CURLE_PEER_FAILED_VERIFICATION,
	};
}

void probe_http_free(struct probe_http *probe)
{
	if (probe == NULL)
		return;
	lookup_free(probe->lookup);
	if (probe->easy != NULL)
		curl_multi_remove_handle(probe->multi, probe->easy);
	curl_easy_cleanup(probe->easy);
	curl_multi_cleanup(probe->multi);
	curl_slist_free_all(probe->addresses);
	curl_free(probe->host);
	curl_free(probe->port);
	polls_end(&probe->polls);
	uv_close((uv_handle_t *)&probe->timer, free_probe);
}
