/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One way by which lines of syslog leave: datagrams to /dev/log or a server, or a stream. */

#include "service/syslog_way.h"

#include <curl/curl.h>
#include <errno.h>
#include <linux/sockios.h>
#include <linux/tcp.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "service/syslog_format.h"

#define LOCAL_SOCKET "/dev/log"

/* RFC 6587, 3.4.1: the length, a blank, the line. */
#define FRAME_MAX (SYSLOG_LINE_MAX + 8)

/* What a dead path swallows at most before it is known: little, for it is lost. */
#define SEND_BUFFER      65536
#define USER_TIMEOUT_MS  15000
#define KEEPALIVE_IDLE_S 30

/* Lines on their way whose ends are remembered. */
#define OPEN_MAX 4096

enum kind {
	WAY_LOCAL, /* datagrams that arrive, or are refused at once */
	WAY_UDP,
	WAY_STREAM,
};

struct syslog_way {
	enum kind kind;
	int fd;
	CURL *easy;               /* WAY_STREAM */
	char error[CURL_ERROR_SIZE];
	char frame[FRAME_MAX];
	size_t length, sent;      /* of the frame that is under way */
	uint64_t ends[OPEN_MAX];  /* of lines in the stream, as bytes of the socket; the newest OPEN_MAX */
	uint64_t lines;           /* sent whole */
	bool refused;             /* WAY_UDP: a datagram was refused by the other end */
};

int syslog_way_fd(const struct syslog_way *way)
{
	return way->fd;
}

/* --- datagrams --- */

static int connect_datagrams(int family, const struct sockaddr *address, socklen_t length)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd < 0)
		return -errno;
	if (connect(fd, address, length) == 0)
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static int open_local(void)
{
	static const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = LOCAL_SOCKET };

	return connect_datagrams(AF_UNIX, (const struct sockaddr *)&address, sizeof(address));
}

/* "scheme://HOST:PORT" or "scheme://[ADDRESS]:PORT"; the configuration was checked. False where it has no room. */
static bool split(const char *server, char *host, size_t size, const char **ret_port)
{
	const char *begin = strstr(server, "://"), *colon = strrchr(server, ':'), *stop = colon;

	if (begin == NULL || colon <= begin)
		return false;
	begin += 3;
	if (*begin == '[' && stop[-1] == ']') {
		begin++;
		stop--;
	}
	if (stop < begin || (size_t)(stop - begin) >= size)
		return false;
	memcpy(host, begin, (size_t)(stop - begin));
	host[stop - begin] = '\0';
	*ret_port = colon + 1;
	return true;
}

/* The first address that there is a way to. */
static int open_udp(const char *server, char *problem, size_t size)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM }, *list = NULL;
	int status, fd = -EHOSTUNREACH;
	const char *port;
	char host[256];

	if (!split(server, host, sizeof(host), &port))
		return -EINVAL;
	status = getaddrinfo(host, port, &hints, &list);
	if (status != 0) {
		snprintf(problem, size, "%s: %s", host, gai_strerror(status));
		return -EHOSTUNREACH;
	}
	for (const struct addrinfo *item = list; item != NULL && fd < 0; item = item->ai_next)
		fd = connect_datagrams(item->ai_family, item->ai_addr, item->ai_addrlen);
	freeaddrinfo(list);
	return fd;
}

/* An error tells of a datagram before; this one has not left. */
static int send_datagram(struct syslog_way *way, const char *line, size_t length)
{
	if (send(way->fd, line, length, MSG_NOSIGNAL) >= 0) {
		way->lines++;
		return 0;
	}
	way->refused |= way->kind == WAY_UDP && errno == ECONNREFUSED;
	return errno == EINTR || errno == ENOBUFS ? -EAGAIN : -errno;
}

static int listen_datagrams(struct syslog_way *way)
{
	char bytes[64];

	while (recv(way->fd, bytes, sizeof(bytes), MSG_DONTWAIT) >= 0)
		;
	way->refused |= way->kind == WAY_UDP && errno == ECONNREFUSED;
	return errno == EAGAIN || errno == EINTR ? 0 : -errno;
}

/* --- streams --- */

static int on_socket(void *data, curl_socket_t fd, curlsocktype purpose)
{
	int buffer = SEND_BUFFER, on = 1, idle = KEEPALIVE_IDLE_S, interval = 5, count = 3;
	unsigned int timeout_ms = USER_TIMEOUT_MS;

	(void)data;
	(void)purpose;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof(idle));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof(interval));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof(count));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
	return CURL_SOCKOPT_OK;
}

static int on_progress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct syslog_patience *patience = data;

	(void)a;
	(void)b;
	(void)c;
	(void)d;
	return patience->over(patience->data);
}

/* The library knows names, families, TLS and certificates; of its protocols nothing is spoken. */
static bool prepare(struct syslog_way *way, const char *server, const char *ca_file, const struct syslog_patience *patience)
{
	bool tls = strncmp(server, "tls://", 6) == 0;
	char url[300];

	snprintf(url, sizeof(url), "%s%s", tls ? "https://" : "http://", server + 6);
	curl_easy_setopt(way->easy, CURLOPT_ERRORBUFFER, way->error);
	curl_easy_setopt(way->easy, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(way->easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(way->easy, CURLOPT_PROXY, "");
	curl_easy_setopt(way->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)SYSLOG_WAY_TIMEOUT_MS);
	curl_easy_setopt(way->easy, CURLOPT_SOCKOPTFUNCTION, on_socket);
	curl_easy_setopt(way->easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(way->easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(way->easy, CURLOPT_XFERINFODATA, patience);
	curl_easy_setopt(way->easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	curl_easy_setopt(way->easy, CURLOPT_SSL_ENABLE_ALPN, 0L);
	if (ca_file != NULL && curl_easy_setopt(way->easy, CURLOPT_CAINFO, ca_file) != CURLE_OK)
		return false;
	return curl_easy_setopt(way->easy, CURLOPT_URL, url) == CURLE_OK;
}

static int open_stream(struct syslog_way *way, const char *server, const char *ca_file, const struct syslog_patience *patience,
	char *problem, size_t size)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	CURLcode code;

	way->easy = curl_easy_init();
	if (way->easy == NULL || !prepare(way, server, ca_file, patience))
		return -ENOMEM;
	code = curl_easy_perform(way->easy);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(way->easy, CURLINFO_ACTIVESOCKET, &fd);
	/* What was waited for is over, and with it what was asked. */
	curl_easy_setopt(way->easy, CURLOPT_NOPROGRESS, 1L);
	if (code != CURLE_OK || fd == CURL_SOCKET_BAD) {
		snprintf(problem, size, "%s", way->error[0] != '\0' ? way->error : curl_easy_strerror(code));
		return -EHOSTUNREACH;
	}
	way->fd = fd;
	return 0;
}

static bool acknowledged(const struct syslog_way *way, uint64_t *ret_bytes)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);

	if (getsockopt(way->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return false;
	*ret_bytes = info.tcpi_bytes_acked;
	return true;
}

/* Where the stream ends now: what is acknowledged and what is not, which moves between the two questions. */
static uint64_t end_of_stream(const struct syslog_way *way)
{
	uint64_t before = 0, after = 0;
	int waiting = 0;

	for (int i = 0; i < 4; i++) {
		if (!acknowledged(way, &before) || ioctl(way->fd, SIOCOUTQ, &waiting) < 0 || !acknowledged(way, &after))
			return 0;
		if (before == after)
			break;
	}
	return after + (uint64_t)waiting;
}

static int send_frame(struct syslog_way *way)
{
	while (way->sent < way->length) {
		size_t sent = 0;
		CURLcode code = curl_easy_send(way->easy, way->frame + way->sent, way->length - way->sent, &sent);

		if (code == CURLE_AGAIN)
			return -EAGAIN;
		if (code != CURLE_OK)
			return -EPIPE;
		way->sent += sent;
	}
	way->length = way->sent = 0;
	way->ends[way->lines++ % OPEN_MAX] = end_of_stream(way);
	return 0;
}

static int send_stream(struct syslog_way *way, const char *line, size_t length)
{
	if (way->length == 0) {
		int head = snprintf(way->frame, sizeof(way->frame), "%zu ", length);

		if (head < 0 || (size_t)head + length > sizeof(way->frame))
			return -EMSGSIZE;
		memcpy(way->frame + head, line, length);
		way->length = (size_t)head + length;
	}
	return send_frame(way);
}

static int listen_stream(struct syslog_way *way)
{
	char bytes[512];
	size_t count;

	for (;;) {
		CURLcode code = curl_easy_recv(way->easy, bytes, sizeof(bytes), &count);

		if (code == CURLE_AGAIN)
			return 0;
		if (code != CURLE_OK || count == 0)
			return -EPIPE;
	}
}

/* --- both --- */

int syslog_way_open(const char *server, const char *ca_file, const struct syslog_patience *patience, struct syslog_way **ret_way,
	char *problem, size_t size)
{
	struct syslog_way *way = calloc(1, sizeof(*way));
	int error;

	problem[0] = '\0';
	if (way == NULL)
		return -ENOMEM;
	way->fd = -1;
	if (server != NULL && strncmp(server, "udp://", 6) != 0) {
		way->kind = WAY_STREAM;
		error = open_stream(way, server, ca_file, patience, problem, size);
	} else {
		way->kind = server == NULL ? WAY_LOCAL : WAY_UDP;
		error = server == NULL ? open_local() : open_udp(server, problem, size);
		way->fd = error;
	}
	if (error >= 0) {
		*ret_way = way;
		return 0;
	}
	if (problem[0] == '\0')
		snprintf(problem, size, "%s", strerror(-error));
	way->fd = -1;
	syslog_way_close(way);
	return error;
}

/* The library's socket is the library's to close. */
void syslog_way_close(struct syslog_way *way)
{
	if (way == NULL)
		return;
	if (way->easy != NULL)
		curl_easy_cleanup(way->easy);
	else if (way->fd >= 0)
		close(way->fd);
	free(way);
}

int syslog_way_send(struct syslog_way *way, const char *line, size_t length)
{
	return way->kind == WAY_STREAM ? send_stream(way, line, length) : send_datagram(way, line, length);
}

int syslog_way_listen(struct syslog_way *way)
{
	return way->kind == WAY_STREAM ? listen_stream(way) : listen_datagrams(way);
}

uint64_t syslog_way_open_lines(const struct syslog_way *way)
{
	uint64_t bytes, open = 0;

	if (way->kind != WAY_STREAM)
		return way->refused && way->lines > 0 ? 1 : 0;
	if (!acknowledged(way, &bytes))
		return 0;
	while (open < way->lines && open < OPEN_MAX && way->ends[(way->lines - 1 - open) % OPEN_MAX] > bytes)
		open++;
	return open;
}
