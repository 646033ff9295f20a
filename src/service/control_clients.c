/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is connected to the control socket: lets clients in or refuses them, and ends those that
 * dawdle. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "service/control_internal.h"

#define ARRIVALS_AT_ONCE 64
#define TICK_MS          1000

static const char refusal[] = "HTTP/1.1 503 Service Unavailable\r\n"
			      "Content-Type: application/json\r\n"
			      "Content-Length: 50\r\n"
			      "Retry-After: 1\r\n"
			      "Connection: close\r\n"
			      "\r\n"
			      "{\"error\":\"too many clients; try again in a while\"}";

/* Whoever may change things: root, and the user that the daemon runs as. */
static bool peer_may_change(int fd)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return false;
	return peer.uid == 0 || peer.uid == geteuid();
}

/* The text is far below the socket buffer: it goes out at once, or the client has gone. */
static void refuse(int fd)
{
	ssize_t sent = send(fd, refusal, sizeof(refusal) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
	close(fd);
}

static void admit(struct control *control, int fd)
{
	static const struct sockaddr peer = { .sa_family = AF_UNIX };
	unsigned int places = CONTROL_CLIENTS_MAX - (peer_may_change(fd) ? 0 : CONTROL_RESERVED);

	if (control->client_count >= places)
		refuse(fd);
	else
		MHD_add_connection(control->http, fd, &peer,
			sizeof(peer.sa_family)); /* closes fd where it fails */
}

/* Without this the client would wait in the backlog for ever, and the loop spin on it. */
static bool refuse_without_descriptor(struct control *control)
{
	int fd;

	if (control->spare_fd < 0)
		return false;
	close(control->spare_fd);
	control->spare_fd = -1;
	fd = accept4(control->place.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0)
		refuse(fd);
	control_spare(control);
	return fd >= 0;
}

void control_client_suspend(struct client *client)
{
	client->suspended = true;
	MHD_suspend_connection(client->connection);
}

void control_client_resume(struct client *client)
{
	if (!client->suspended)
		return;
	client->suspended = false;
	MHD_resume_connection(client->connection);
	control_run_soon(client->control);
}

void control_client_cut(struct client *client)
{
	client->cut = true;
	shutdown(client->fd, SHUT_RDWR);
	control_client_resume(client);
}

/* The HTTP library does not look at a suspended client; one that has hung up must not keep its
 * place. */
static bool has_hung_up(const struct client *client)
{
	struct pollfd event = { .fd = client->fd, .events = POLLRDHUP };

	return poll(&event, 1, 0) > 0;
}

static void check_client(struct client *client, uint64_t now)
{
	switch (client->state) {
	case CLIENT_TALKING:
		/* By the exchange, not by the byte: one byte a second would never time out. */
		if (now - client->since > CONTROL_EXCHANGE_MS)
			control_client_cut(client);
		return;
	case CLIENT_WAITING:
		if (has_hung_up(client))
			control_client_cut(client);
		else if (now - client->since > CONTROL_DEFERRED_MS)
			control_answer_late(client);
		return;
	case CLIENT_FOLLOWING:
		if (has_hung_up(client))
			control_client_cut(client);
		else
			control_follow_check(client, now);
		return;
	}
}

void control_spare(struct control *control)
{
	if (control->spare_fd < 0)
		control->spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void check_all(uv_timer_t *timer)
{
	struct control *control = timer->data;

	for (struct client *client = control->clients; client != NULL; client = client->next)
		check_client(client, uv_now(control->loop));
	control_spare(control);
	control_listen(control);
	if (control->clients == NULL)
		uv_timer_stop(timer);
}

static void start_ticking(struct control *control)
{
	if (!uv_is_active((uv_handle_t *)&control->tick))
		uv_timer_start(&control->tick, check_all, TICK_MS, TICK_MS);
}

static struct client *client_new(struct control *control, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct client *client = info == NULL ? NULL : calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->control = control;
	client->connection = connection;
	client->fd = info->connect_fd;
	client->may_change = peer_may_change(client->fd);
	client->since = uv_now(control->loop);
	client->next = control->clients;
	client->link = &control->clients;
	if (client->next != NULL)
		client->next->link = &client->next;
	control->clients = client;
	control->client_count++;
	start_ticking(control);
	return client;
}

static void client_free(struct client *client)
{
	*client->link = client->next;
	if (client->next != NULL)
		client->next->link = client->link;
	client->control->client_count--;
	control_follow_end(client);
	if (client->pending != NULL)
		client->pending->client = NULL;
	control_answer_drop(&client->answer);
	free(client);
}

/* A client without memory for it has no context; its first request is turned down. */
void control_clients_notify(void *data, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	switch (code) {
	case MHD_CONNECTION_NOTIFY_STARTED:
		*context = client_new(data, connection);
		return;
	case MHD_CONNECTION_NOTIFY_CLOSED:
		if (*context != NULL)
			client_free(*context);
		*context = NULL;
		return;
	}
}

struct client *control_client(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info == NULL ? NULL : info->socket_context;
}

/* Nothing helps but time: the next tick listens again. */
static void pause_arrivals(struct control *control)
{
	uv_poll_stop(&control->arrivals);
	start_ticking(control);
}

/* One arrival; false where there are no more for now. */
static bool accept_one(struct control *control)
{
	int fd = accept4(control->place.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		admit(control, fd);
		return true;
	}
	if (errno == EINTR || errno == ECONNABORTED)
		return true;
	if (errno == EAGAIN)
		return false;
	if ((errno == EMFILE || errno == ENFILE) && refuse_without_descriptor(control))
		return true;
	pause_arrivals(control);
	return false;
}

void control_clients_accept(struct control *control)
{
	for (int i = 0; i < ARRIVALS_AT_ONCE; i++) {
		if (!accept_one(control))
			return;
	}
}
