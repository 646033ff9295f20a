/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TCP and UDP echo server for the laboratory, on every address and on many ports of both families.
 * A byte 'w' is answered with a line "ADDRESS PORT": who the peer is, as seen from here. Every
 * other byte comes back as it is. A UNIX socket tells what was seen: "counts", "list", "clear".
 */

#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "endpoint.h"
#include "record.h"

#define PORTS_MAX   64
#define MESSAGE_MAX 2048

enum role {
	ROLE_LISTENER,
	ROLE_CONNECTION,
	ROLE_DATAGRAMS,
	ROLE_CONTROL,
	ROLE_QUESTION,
	ROLE_SIGNAL,
};

struct server {
	int epoll;
	const char *control_path;
	struct record *record;
	bool stop;
};

struct ports {
	uint16_t items[PORTS_MAX];
	size_t count;
};

/* What epoll hands back: the role in the upper half, the file descriptor in the lower. */
static int watch(const struct server *server, int fd, enum role role)
{
	struct epoll_event event = { .events = EPOLLIN,
		.data.u64 = (uint64_t)role << 32 | (uint32_t)fd };

	return epoll_ctl(server->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

static int open_socket(int type, uint16_t port)
{
	struct sockaddr_in6 any = {
		.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT
	};
	int fd = socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, off = 0, room = 8 << 20;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (type == SOCK_DGRAM) {
		setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on));
		/* Answers leave from addresses that are only routed here. */
		setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	}
	if (bind(fd, (struct sockaddr *)&any, sizeof(any)) < 0 ||
		(type == SOCK_STREAM && listen(fd, 4096) < 0)) {
		int error = -errno;

		close(fd);
		return error;
	}
	return fd;
}

static int open_ports(const struct server *server, const struct ports *ports, int type)
{
	for (size_t i = 0; i < ports->count; i++) {
		int fd = open_socket(type, ports->items[i]);

		if (fd < 0)
			return fd;
		watch(server, fd, type == SOCK_STREAM ? ROLE_LISTENER : ROLE_DATAGRAMS);
	}
	return 0;
}

static int open_control(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	unlink(path);
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0)
		return -errno;
	return fd;
}

static int open_signals(void)
{
	sigset_t ends;

	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGUSR1);
	sigprocmask(SIG_BLOCK, &ends, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &ends, SFD_NONBLOCK | SFD_CLOEXEC);
}

static size_t who(const struct endpoint *peer, char *line, size_t size)
{
	char text[ENDPOINT_TEXT_MAX];

	return (size_t)snprintf(line, size, "%s %u\n", endpoint_text(peer, text, sizeof(text)),
		(unsigned int)endpoint_port(peer));
}

/* Makes the answer to a message: the peer's name for a 'w', else the message itself. */
static size_t answer(
	const struct endpoint *peer, const char *message, size_t length, char *reply, size_t size)
{
	if (message[0] == 'w')
		return who(peer, reply, size);
	memcpy(reply, message, length);
	return length;
}

static void on_listener(const struct server *server, int fd)
{
	for (;;) {
		struct endpoint peer = { .length = sizeof(peer.address) },
				local = { .length = sizeof(local.address) };
		int connection = accept4(fd, (struct sockaddr *)&peer.address, &peer.length,
			SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (connection < 0)
			return;
		getsockname(connection, (struct sockaddr *)&local.address, &local.length);
		record_add(server->record, IPPROTO_TCP, &peer, &local);
		watch(server, connection, ROLE_CONNECTION);
	}
}

static void on_connection(int fd)
{
	struct endpoint peer = { .length = sizeof(peer.address) };
	char message[MESSAGE_MAX], reply[MESSAGE_MAX];
	ssize_t length = recv(fd, message, sizeof(message), 0);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0 || getpeername(fd, (struct sockaddr *)&peer.address, &peer.length) < 0) {
		close(fd);
		return;
	}
	if (send(fd, reply, answer(&peer, message, (size_t)length, reply, sizeof(reply)),
		    MSG_NOSIGNAL) < 0)
		close(fd);
}

/* Where a datagram was sent to, so that the answer leaves from there. */
static struct endpoint sent_to(struct msghdr *header)
{
	struct sockaddr_in6 local = { .sin6_family = AF_INET6 };
	struct endpoint result = { .length = sizeof(local) };

	for (struct cmsghdr *part = CMSG_FIRSTHDR(header); part != NULL;
		part = CMSG_NXTHDR(header, part)) {
		struct in6_pktinfo info;

		if (part->cmsg_level != IPPROTO_IPV6 || part->cmsg_type != IPV6_PKTINFO)
			continue;
		memcpy(&info, CMSG_DATA(part), sizeof(info));
		local.sin6_addr = info.ipi6_addr;
	}
	memcpy(&result.address, &local, sizeof(local));
	return result;
}

static void on_datagrams(const struct server *server, int fd)
{
	for (int i = 0; i < 256; i++) {
		struct endpoint peer = { .length = 0 }, local;
		char message[MESSAGE_MAX], reply[MESSAGE_MAX];
		_Alignas(struct cmsghdr) char control[256];
		struct iovec part = { .iov_base = message, .iov_len = sizeof(message) };
		struct msghdr header = {
			.msg_name = &peer.address,
			.msg_namelen = sizeof(peer.address),
			.msg_iov = &part,
			.msg_iovlen = 1,
			.msg_control = control,
			.msg_controllen = sizeof(control),
		};
		ssize_t length = recvmsg(fd, &header, 0);

		if (length < 0)
			return;
		peer.length = header.msg_namelen;
		local = sent_to(&header);
		record_add(server->record, IPPROTO_UDP, &peer, &local);
		part.iov_base = reply;
		part.iov_len = answer(&peer, message, (size_t)length, reply, sizeof(reply));
		sendmsg(fd, &header, 0);
	}
}

static void on_question(const struct server *server, int fd)
{
	char question[32] = { 0 };
	ssize_t length = recv(fd, question, sizeof(question) - 1, 0);
	FILE *out;

	if (length < 0 && errno == EAGAIN)
		return;
	/* A long list needs a patient socket. */
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, fd, NULL);
	out = fdopen(fd, "w");
	if (out == NULL) {
		close(fd);
		return;
	}
	if (strncmp(question, "counts", 6) == 0)
		record_print_counts(server->record, out);
	else if (strncmp(question, "list", 4) == 0)
		record_print_list(server->record, out);
	else if (strncmp(question, "clear", 5) == 0)
		record_clear(server->record);
	fclose(out);
}

static void on_control(const struct server *server, int fd)
{
	int question = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	if (question >= 0)
		watch(server, question, ROLE_QUESTION);
}

static void on_signal(struct server *server, int fd)
{
	struct signalfd_siginfo signal_info;

	if (read(fd, &signal_info, sizeof(signal_info)) != sizeof(signal_info))
		return;
	if (signal_info.ssi_signo != SIGUSR1)
		server->stop = true;
	record_print_counts(server->record, stdout);
	fflush(stdout);
}

static void dispatch(struct server *server, enum role role, int fd)
{
	switch (role) {
	case ROLE_LISTENER:
		on_listener(server, fd);
		break;
	case ROLE_CONNECTION:
		on_connection(fd);
		break;
	case ROLE_DATAGRAMS:
		on_datagrams(server, fd);
		break;
	case ROLE_CONTROL:
		on_control(server, fd);
		break;
	case ROLE_QUESTION:
		on_question(server, fd);
		break;
	case ROLE_SIGNAL:
		on_signal(server, fd);
		break;
	}
}

static void run(struct server *server)
{
	struct epoll_event events[64];

	while (!server->stop) {
		int count = epoll_wait(server->epoll, events, 64, -1);

		for (int i = 0; i < count; i++)
			dispatch(server, (enum role)(events[i].data.u64 >> 32),
				(int)(uint32_t)events[i].data.u64);
	}
}

/* Reads "7" or "80-89". */
static bool add_ports(struct ports *ports, const char *text)
{
	unsigned int first, last;
	int got = sscanf(text, "%u-%u", &first, &last);

	if (got < 1)
		return false;
	if (got == 1)
		last = first;
	if (first == 0 || last > UINT16_MAX || last < first ||
		ports->count + last - first >= PORTS_MAX)
		return false;
	for (unsigned int port = first; port <= last; port++)
		ports->items[ports->count++] = (uint16_t)port;
	return true;
}

static int usage(void)
{
	fputs("usage: lab-server [--tcp PORT[-PORT]]... [--udp PORT[-PORT]]... [--control PATH]\n",
		stderr);
	return 2;
}

static void allow_many_files(void)
{
	struct rlimit limit = { .rlim_cur = 1 << 19, .rlim_max = 1 << 19 };

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0)
		return;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int prepare(const struct server *server, const struct ports *tcp, const struct ports *udp)
{
	int signals = open_signals(), status, control;

	watch(server, signals, ROLE_SIGNAL);
	status = open_ports(server, tcp, SOCK_STREAM);
	if (status < 0)
		return status;
	status = open_ports(server, udp, SOCK_DGRAM);
	if (status < 0 || server->control_path == NULL)
		return status;
	/* Last, so that who waits for the socket finds everything ready. */
	control = open_control(server->control_path);
	return control < 0 ? control : watch(server, control, ROLE_CONTROL);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "tcp", required_argument, NULL, 't' },
		{ "udp", required_argument, NULL, 'u' },
		{ "control", required_argument, NULL, 'c' },
		{ NULL, 0, NULL, 0 },
	};
	struct ports tcp = { .count = 0 }, udp = { .count = 0 };
	struct server server = { .epoll = epoll_create1(EPOLL_CLOEXEC), .record = record_new() };
	int option, status;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'c')
			server.control_path = optarg;
		else if (option == '?' || !add_ports(option == 't' ? &tcp : &udp, optarg))
			return usage();
	}
	if (optind < argc || server.record == NULL)
		return usage();
	allow_many_files();
	status = prepare(&server, &tcp, &udp);
	if (status < 0) {
		fprintf(stderr, "lab-server: %s\n", strerror(-status));
		return 1;
	}
	run(&server);
	if (server.control_path != NULL)
		unlink(server.control_path);
	record_free(server.record);
	return 0;
}
