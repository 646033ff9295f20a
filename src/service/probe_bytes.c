/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What probes cost on links that are paid by volume. */

#include "service/probe_bytes.h"

#include <linux/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

#define IPV4_SIZE 20
#define IPV6_SIZE 40
#define TCP_SIZE  32 /* with a time stamp */
#define SYN_MORE  8  /* of options */
#define LAST_SIZE 20 /* the reset that closes it */

uint32_t probe_ip_size(enum family family)
{
	return family == IPV4 ? IPV4_SIZE : IPV6_SIZE;
}

uint64_t probe_tcp_bytes(int fd, enum family family)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	uint64_t segments;

	/* getsockopt() needs the level by its number: the header with its name has another struct tcp_info. */
	if (getsockopt(fd, 6, TCP_INFO, &info, &size) < 0)
		return 0;
	segments = (uint64_t)info.tcpi_segs_out + info.tcpi_segs_in;
	if (segments == 0)
		return 0;
	return segments * (probe_ip_size(family) + TCP_SIZE) + 2 * SYN_MORE + info.tcpi_bytes_sent +
	       info.tcpi_bytes_received + probe_ip_size(family) + LAST_SIZE;
}
