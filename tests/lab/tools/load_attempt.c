/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The life of one connection, or one UDP flow, of lab-load. */

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "load.h"

#define QUESTION_EVERY_NS 100000000

uint64_t load_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

struct endpoint attempt_target(const struct load_options *options, size_t index)
{
	return endpoint_plus(&options->to, (uint32_t)(index % options->to_range));
}

static enum outcome outcome_of(const struct attempt *attempt, int error)
{
	if (error == 0)
		return OUTCOME_OK;
	if (!attempt->answered)
		return OUTCOME_FAILED;
	return error == ETIME ? OUTCOME_STALLED : OUTCOME_RESET;
}

/*
 * When TCP sent last, for the question that was not answered. A packet that is repeated follows the one before
 * after the time that doubles with each, of which the kernel holds the next.
 */
static void note_last_packets(struct attempt *attempt)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (attempt->fd < 0 || getsockopt(attempt->fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return;
	attempt->last_sent_ns = attempt->ended_ns - (uint64_t)info.tcpi_last_data_sent * 1000000;
	attempt->repeats = info.tcpi_retransmits;
	if (info.tcpi_retransmits > 0)
		attempt->sent_before_ns = attempt->last_sent_ns - (uint64_t)info.tcpi_rto * 1000 / 2;
}

void attempt_end(struct load *load, size_t index, int error)
{
	struct attempt *attempt = &load->attempts[index];

	attempt->outcome = outcome_of(attempt, error);
	attempt->error = error;
	attempt->ended_ns = load_now_ns();
	if (!load->options->udp && attempt->asked_ns != 0)
		note_last_packets(attempt);
	if (attempt->fd < 0)
		return;
	close(attempt->fd);
	attempt->fd = -1;
	load->open--;
}

static void keep_alive(int fd)
{
	int on = 1, seconds = 1;

	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &seconds, sizeof(seconds));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &seconds, sizeof(seconds));
}

static int prepare_socket(const struct load_options *options, struct attempt *attempt, size_t index)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int on = 1, late = options->from_port == 0, again = !options->udp || options->from_port != 0;

	/* A reset at the end leaves no TIME_WAIT behind, so ports do not run out. */
	setsockopt(attempt->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	setsockopt(attempt->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (options->keepalive)
		keep_alive(attempt->fd);
	/* With it the kernel would give two UDP flows the same port, and one of them all the answers. */
	setsockopt(attempt->fd, SOL_SOCKET, SO_REUSEADDR, &again, sizeof(again));
	setsockopt(attempt->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &late, sizeof(late));
	/* The server's network is only routed to it, its addresses stand on no device. */
	setsockopt(attempt->fd, IPPROTO_IP, IP_FREEBIND, &on, sizeof(on));
	if (options->from_count > 0) {
		attempt->source = options->from[index % options->from_count];
	} else if (options->from_port != 0) {
		attempt->source = options->to;
		memset(&attempt->source.address, 0, sizeof(attempt->source.address));
		attempt->source.address.ss_family = options->to.address.ss_family;
	} else {
		return 0;
	}
	endpoint_set_port(&attempt->source, options->from_port);
	if (bind(attempt->fd, (struct sockaddr *)&attempt->source.address, attempt->source.length) <
		0)
		return -errno;
	return 0;
}

static int ask(struct attempt *attempt, uint64_t now_ns)
{
	if (send(attempt->fd, "w", 1, MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? 0 : -errno;
	attempt->asked_last_ns = now_ns;
	if (attempt->asked_ns == 0)
		attempt->asked_ns = now_ns;
	return 0;
}

static int connect_socket(struct load *load, struct attempt *attempt, size_t index)
{
	struct endpoint target = attempt_target(load->options, index);
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = index };

	if (connect(attempt->fd, (struct sockaddr *)&target.address, target.length) < 0 &&
		errno != EINPROGRESS)
		return -errno;
	if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, attempt->fd, &event) < 0)
		return -errno;
	if (!load->options->udp)
		return 0;
	attempt->connected = true;
	for (unsigned int i = 0; i < load->options->datagrams; i++) {
		int status = ask(attempt, attempt->begun_ns);

		if (status < 0)
			return status;
	}
	return 0;
}

void attempt_begin(struct load *load, size_t index)
{
	struct attempt *attempt = &load->attempts[index];
	int type = load->options->udp ? SOCK_DGRAM : SOCK_STREAM, status;

	*attempt = (struct attempt){ .fd = -1 };
	attempt->fd =
		socket(load->options->to.address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	attempt->begun_ns = load_now_ns();
	if (attempt->fd < 0) {
		attempt_end(load, index, errno);
		return;
	}
	load->open++;
	status = prepare_socket(load->options, attempt, index);
	if (status == 0)
		status = connect_socket(load, attempt, index);
	if (status < 0)
		attempt_end(load, index, -status);
}

/* TCP: the handshake is over, one way or the other. */
static int finish_connect(struct attempt *attempt)
{
	int error = 0;
	socklen_t size = sizeof(error);

	getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size);
	if (error != 0)
		return -error;
	attempt->connected_ns = load_now_ns();
	attempt->connected = true;
	return ask(attempt, attempt->connected_ns);
}

static bool is_connected(int fd)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0 ||
	       info.tcpi_state != TCP_SYN_SENT;
}

static void notice(struct attempt *attempt, const struct seen *seen, bool together)
{
	if (attempt->answers++ == 0) {
		attempt->first = *seen;
	} else if (strcmp(attempt->last.address, seen->address) != 0) {
		attempt->moved++;
		attempt->moved_ns = load_now_ns();
		attempt->split = attempt->split || together;
	} else if (attempt->last.port != seen->port) {
		attempt->split_ports = attempt->split_ports || together;
	}
	attempt->last = *seen;
	attempt->asked_ns = 0;
}

/* Reads one answer. 0, -EAGAIN where there is none, or -errno. */
static int read_answer(struct load *load, struct attempt *attempt)
{
	char line[128];
	struct seen seen = { .port = 0 };
	ssize_t length = recv(attempt->fd, line, sizeof(line) - 1, 0);

	if (length < 0)
		return -errno;
	if (length == 0)
		return -EPIPE;
	line[length] = '\0';
	if (sscanf(line, "%47s %u", seen.address, &seen.port) != 2)
		return -EPROTO;
	notice(attempt, &seen, attempt->answers < load->options->datagrams);
	return 0;
}

/* The first answers make the attempt a success. */
static void become_open(struct load *load, size_t index)
{
	struct attempt *attempt = &load->attempts[index];

	if (load->options->udp)
		attempt->connected_ns = load_now_ns();
	getsockname(attempt->fd, (struct sockaddr *)&attempt->source.address,
		&(socklen_t){ sizeof(attempt->source.address) });
	attempt->answered = true;
	if (!load->options->hold)
		attempt_end(load, index, 0);
}

void attempt_event(struct load *load, size_t index)
{
	struct attempt *attempt = &load->attempts[index];
	int status = 0;

	if (attempt->fd < 0)
		return;
	if (!attempt->connected) {
		if (!is_connected(attempt->fd))
			return;
		status = finish_connect(attempt);
	}
	while (status == 0 && attempt->fd >= 0) {
		status = read_answer(load, attempt);
		if (status == 0 && !attempt->answered &&
			attempt->answers >= load->options->datagrams)
			become_open(load, index);
	}
	if (status < 0 && status != -EAGAIN)
		attempt_end(load, index, -status);
}

void attempt_tick(struct load *load, size_t index, uint64_t now_ns)
{
	struct attempt *attempt = &load->attempts[index];
	int status;

	if (attempt->fd < 0 || !attempt->answered)
		return;
	if (attempt->asked_ns != 0 && now_ns - attempt->asked_ns > load->options->stall_ns) {
		attempt_end(load, index, ETIME);
		return;
	}
	if (now_ns - attempt->asked_last_ns < QUESTION_EVERY_NS)
		return;
	/* TCP keeps what is lost; a second question would only pile up behind the first. */
	if (!load->options->udp && attempt->asked_ns != 0)
		return;
	status = ask(attempt, now_ns);
	if (status < 0)
		attempt_end(load, index, -status);
}
