/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets on which the kernel tells without being asked: many messages per system call, and nobody else's. */

#include "kernel/hearing.h"

void hearing_lay_out(struct mmsghdr *messages, struct iovec *vectors, struct sockaddr_nl *senders, uint8_t *bytes,
	size_t size, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		vectors[i].iov_base = bytes + i * size;
		vectors[i].iov_len = size;
		messages[i].msg_hdr.msg_name = &senders[i];
		messages[i].msg_hdr.msg_namelen = sizeof(senders[i]);
		messages[i].msg_hdr.msg_iov = &vectors[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
}

bool hearing_size_buffer(int fd, int bytes)
{
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0)
		return true;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return false;
}

bool hearing_is_from_kernel(const struct msghdr *message)
{
	const struct sockaddr_nl *sender = message->msg_name;

	return message->msg_namelen == sizeof(*sender) && sender->nl_pid == 0;
}
