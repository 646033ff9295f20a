/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sockets on which the kernel tells without being asked: many messages per system call, and nobody else's. */
#pragma once

#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Room for one message each, in a row of count: bytes is the first, and the next begins size bytes after it. */
void hearing_lay_out(struct mmsghdr *messages, struct iovec *vectors, struct sockaddr_nl *senders, uint8_t *bytes,
	size_t size, size_t count);

/* So much the kernel may keep for the socket; false: not permitted, it has what everybody may have. */
bool hearing_size_buffer(int fd, int bytes);

bool hearing_is_from_kernel(const struct msghdr *message);
