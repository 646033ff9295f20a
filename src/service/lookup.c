/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Asks name servers for an address through one link and no other. */

#include "service/lookup.h"

#include <ares.h>
#include <arpa/nameser.h>
#include <errno.h>
#include <netdb.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "service/polls.h"
#include "service/probe_bytes.h"

/* Servers are asked again after half of the time, or after half a second where there is plenty of it. */
#define TRIES          2
#define AGAIN_MS       500
#define PLENTY_MS      2000
#define UDP_SIZE       8
#define DNS_HEAD       12
#define DNS_QUESTION   6 /* around its name */

struct lookup {
	uv_timer_t timer;
	struct polls polls;
	ares_channel channel;
	char device[IF_NAMESIZE];
	uint32_t mark;
	bool bound; /* no server is on the loopback */
	enum family family;
	uint64_t *bytes;  /* see struct checker_path */
	enum family server_family;
	size_t query_size;
	lookup_done done;
	void *data;
	bool finished;
	int result;
	struct address address;
};

static void free_lookup(uv_handle_t *handle)
{
	free(handle->data);
}

static int errno_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENODATA:
	case ARES_ENOTFOUND:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	case ARES_ECONNREFUSED:
		return -ECONNREFUSED;
	case ARES_ENOMEM:
		return -ENOMEM;
	case ARES_EBADNAME:
		return -EINVAL;
	default:
		return -EIO;
	}
}

static int first_address(const struct hostent *host, struct address *ret_address)
{
	if (host->h_addr_list[0] == NULL)
		return -ENOENT;
	*ret_address = (struct address){ .family = host->h_addrtype == AF_INET6 ? IPV6 : IPV4 };
	memcpy(ret_address->bytes, host->h_addr_list[0], (size_t)host->h_length);
	return 0;
}

static int parse_answer(enum family family, const unsigned char *bytes, int length, struct address *ret_address)
{
	struct hostent *host = NULL;
	int status = family == IPV6 ? ares_parse_aaaa_reply(bytes, length, &host, NULL, NULL)
	                            : ares_parse_a_reply(bytes, length, &host, NULL, NULL);
	int result = status == ARES_SUCCESS ? first_address(host, ret_address) : errno_of(status);

	if (host != NULL)
		ares_free_hostent(host);
	return result;
}

/* Only noted here: the library is still at work, and whoever is told may free us. */
static void on_answer(void *data, int status, int timeouts, unsigned char *bytes, int length)
{
	struct lookup *lookup = data;

	if (lookup->bytes != NULL)
		*lookup->bytes += (uint64_t)(1 + timeouts) * lookup->query_size +
			(length > 0 ? (uint64_t)length + UDP_SIZE + probe_ip_size(lookup->server_family) : 0);
	if (status == ARES_EDESTRUCTION)
		return;
	lookup->finished = true;
	lookup->result = errno_of(status);
	if (lookup->result == 0)
		lookup->result = parse_answer(lookup->family, bytes, length, &lookup->address);
}

static void on_timer(uv_timer_t *timer);

/* After each call of the library: the answer, or when to call it next. */
static void go_on(struct lookup *lookup)
{
	struct timeval most = { 1, 0 }, wait = { 0 };

	if (lookup->finished) {
		uv_timer_stop(&lookup->timer);
		lookup->done(lookup->data, lookup->result, &lookup->address);
		return;
	}
	ares_timeout(lookup->channel, &most, &wait);
	uv_timer_start(&lookup->timer, on_timer, (uint64_t)wait.tv_sec * 1000 + (uint64_t)wait.tv_usec / 1000 + 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
	struct lookup *lookup = timer->data;

	if (!lookup->finished)
		ares_process_fd(lookup->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	go_on(lookup);
}

static void on_ready(void *data, int fd, bool readable, bool writable)
{
	struct lookup *lookup = data;

	ares_process_fd(lookup->channel, readable ? fd : ARES_SOCKET_BAD, writable ? fd : ARES_SOCKET_BAD);
	go_on(lookup);
}

static void on_socket_state(void *data, ares_socket_t fd, int readable, int writable)
{
	struct lookup *lookup = data;

	polls_set(&lookup->polls, fd, readable != 0, writable != 0);
}

/* Before it is connected. */
static int on_socket(ares_socket_t fd, int type, void *data)
{
	struct lookup *lookup = data;
	socklen_t length = (socklen_t)strlen(lookup->device);

	(void)type;
	if (!lookup->bound)
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &lookup->mark, sizeof(lookup->mark)) < 0
	    || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, lookup->device, length) < 0)
		return -1;
	return 0;
}

static bool on_loopback(const struct ares_addr_port_node *node)
{
	static const struct in6_addr loopback = IN6ADDR_LOOPBACK_INIT;

	if (node->family == AF_INET)
		return ((const uint8_t *)&node->addr.addr4)[0] == 127;
	return memcmp(&node->addr.addr6, &loopback, sizeof(loopback)) == 0;
}

static int use_servers_of_machine(struct lookup *lookup)
{
	struct ares_addr_port_node *nodes = NULL;
	int status = ares_get_servers_ports(lookup->channel, &nodes);

	lookup->bound = true;
	for (const struct ares_addr_port_node *node = nodes; node != NULL; node = node->next)
		lookup->bound &= !on_loopback(node);
	if (nodes != NULL)
		ares_free_data(nodes);
	return errno_of(status);
}

static int use_server(struct lookup *lookup, const struct address *server)
{
	struct ares_addr_port_node node = { .family = family_native(server->family) };

	memcpy(&node.addr, server->bytes, server->family == IPV4 ? 4 : 16);
	lookup->bound = true;
	return errno_of(ares_set_servers_ports(lookup->channel, &node));
}

static int open_channel(struct lookup *lookup, const struct address *server, uint32_t timeout_ms)
{
	struct ares_options options = {
		.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_NOCHECKRESP,
		.timeout = timeout_ms < PLENTY_MS ? (int)timeout_ms / TRIES : AGAIN_MS,
		.tries = timeout_ms < PLENTY_MS ? TRIES : TRIES + 1,
		.lookups = (char[]){ "b" },
		.sock_state_cb = on_socket_state,
		.sock_state_cb_data = lookup,
	};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS | ARES_OPT_SOCK_STATE_CB;
	int status = ares_init_options(&lookup->channel, &options, mask);

	if (status != ARES_SUCCESS)
		return errno_of(status);
	ares_set_socket_configure_callback(lookup->channel, on_socket, lookup);
	return server == NULL ? use_servers_of_machine(lookup) : use_server(lookup, server);
}

int lookup_new(uv_loop_t *loop, const struct checker_path *path, const struct address *server, const char *name,
	enum family family, uint32_t timeout_ms, lookup_done done, void *data, struct lookup **ret_lookup)
{
	struct lookup *lookup = calloc(1, sizeof(*lookup));
	int error;

	if (lookup == NULL)
		return -ENOMEM;
	lookup->polls = (struct polls){ loop, on_ready, lookup, { NULL } };
	memcpy(lookup->device, path->device, strlen(path->device) + 1);
	lookup->mark = path->mark;
	lookup->bytes = path->bytes;
	lookup->server_family = server == NULL ? IPV4 : server->family;
	lookup->query_size = probe_ip_size(lookup->server_family) + UDP_SIZE + DNS_HEAD + DNS_QUESTION + strlen(name);
	lookup->family = family;
	lookup->done = done;
	lookup->data = data;
	error = uv_timer_init(loop, &lookup->timer);
	if (error < 0) {
		free(lookup);
		return error;
	}
	lookup->timer.data = lookup;
	error = open_channel(lookup, server, timeout_ms);
	if (error < 0) {
		lookup_free(lookup);
		return error;
	}
	ares_query(lookup->channel, name, C_IN, family == IPV6 ? T_AAAA : T_A, on_answer, lookup);
	/* Also where it is over already: nobody is called back before the loop runs. */
	uv_timer_start(&lookup->timer, on_timer, 0, 0);
	*ret_lookup = lookup;
	return 0;
}

void lookup_free(struct lookup *lookup)
{
	if (lookup == NULL)
		return;
	if (lookup->channel != NULL)
		ares_destroy(lookup->channel);
	polls_end(&lookup->polls);
	uv_close((uv_handle_t *)&lookup->timer, free_lookup);
}
