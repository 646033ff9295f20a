/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends one datagram of each of very many new flows: new-flows ADDRESS SECONDS [PER-SECOND]. */

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#define BATCH      64
#define FIRST_PORT 1024
#define PORTS      32768
#define ADDRESSES  128

struct flood {
	int fd;
	uint32_t first; /* in host order: the first of ADDRESSES targets */
	unsigned long sent;
	struct sockaddr_in targets[BATCH];
	struct iovec payload;
	struct mmsghdr messages[BATCH];
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static bool flood_open(struct flood *flood, const char *address)
{
	static char byte = 'x';
	struct in_addr first;
	int room = 1 << 20;

	memset(flood, 0, sizeof(*flood));
	flood->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (flood->fd < 0 || inet_pton(AF_INET, address, &first) != 1)
		return false;
	setsockopt(flood->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	flood->first = ntohl(first.s_addr);
	flood->payload = (struct iovec){ .iov_base = &byte, .iov_len = 1 };
	for (size_t i = 0; i < BATCH; i++) {
		flood->targets[i].sin_family = AF_INET;
		flood->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &flood->targets[i],
			.msg_namelen = sizeof(flood->targets[i]),
			.msg_iov = &flood->payload,
			.msg_iovlen = 1,
		};
	}
	return true;
}

/* The port counts fastest, so neighbours differ in it. */
static void flood_send(struct flood *flood)
{
	int sent;

	for (size_t i = 0; i < BATCH; i++) {
		unsigned long number = flood->sent + i;

		flood->targets[i].sin_addr.s_addr =
			htonl(flood->first + (uint32_t)(number / PORTS % ADDRESSES));
		flood->targets[i].sin_port = htons((uint16_t)(FIRST_PORT + number % PORTS));
	}
	sent = sendmmsg(flood->fd, flood->messages, BATCH, 0);
	if (sent > 0)
		flood->sent += (unsigned long)sent;
}

int main(int argc, char **argv)
{
	struct flood flood;
	double seconds, rate, begun, elapsed = 0;

	if (argc < 3 || argc > 4 || !flood_open(&flood, argv[1])) {
		fputs("usage: new-flows ADDRESS SECONDS [PER-SECOND]\n", stderr);
		return 2;
	}
	seconds = atof(argv[2]);
	rate = argc > 3 ? atof(argv[3]) : 0;
	begun = now();
	while (elapsed < seconds) {
		if (rate == 0 || (double)flood.sent <= rate * elapsed)
			flood_send(&flood);
		elapsed = now() - begun;
	}
	printf("{\"flows\": %lu, \"seconds\": %.3f}\n", flood.sent, elapsed);
	return 0;
}
