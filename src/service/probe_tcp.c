/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A TCP connection that is opened to see whether it can be, and then thrown away. */

#include "service/probe_tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "service/probe_socket.h"

static int begin(int fd, const struct address *target, uint16_t port)
{
	/* Closed by a reset: a probe each second must not leave sockets in TIME_WAIT. */
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	struct sockaddr_storage to;
	socklen_t length = probe_native(target, port, probe_device_index(fd), &to);

	if (setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)) < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&to, length) < 0 && errno != EINPROGRESS)
		return -errno;
	return 0;
}

int probe_tcp_connect(const struct checker_path *path, const struct address *target, uint16_t port)
{
	int fd = probe_socket(path, target->family, SOCK_STREAM, IPPROTO_TCP);
	int result;

	if (fd < 0)
		return fd;
	result = begin(fd, target, port);
	if (result == 0)
		return fd;
	close(fd);
	return result;
}

int probe_tcp_read(int fd, uint32_t *ret_latency_us)
{
	struct tcp_info info = { 0 };
	socklen_t info_size = sizeof(info), error_size = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) < 0 ||
		getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &info_size) < 0)
		return -errno;
	/* These two only come after a handshake; a refusal is ECONNREFUSED. */
	if (error != 0 && error != ECONNRESET && error != EPIPE)
		return -error;
	if (error == 0 && (info.tcpi_state == TCP_SYN_SENT || info.tcpi_state == TCP_SYN_RECV))
		return 0;
	if (error == 0 && info.tcpi_state == TCP_CLOSE)
		return -ENOTCONN;
	*ret_latency_us = info.tcpi_rtt;
	return 1;
}
