/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opens one TCP connection after the other and times each: tcp-connects ADDRESS PORT COUNT. */

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES 64 /* targets that take turns */

static double now_us(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e6 + (double)time.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b)
{
	const double *first = a, *second = b;

	return *first < *second ? -1 : *first > *second;
}

/* Microseconds, or a negative number. The reset at the end leaves no TIME_WAIT behind. */
static double time_connect(const struct sockaddr_in *target)
{
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	double begun, took;
	int status;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	begun = now_us();
	status = connect(fd, (const struct sockaddr *)target, sizeof(*target));
	took = now_us() - begun;
	close(fd);
	return status < 0 ? -1 : took;
}

static void print_figures(double *times, size_t count)
{
	qsort(times, count, sizeof(*times), compare);
	printf("{\"connects\": %zu, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.2f}\n", count,
		times[count / 2], times[count * 99 / 100], times[count - 1]);
}

int main(int argc, char **argv)
{
	struct sockaddr_in target = { .sin_family = AF_INET };
	struct in_addr first;
	size_t count = 0;
	double *times;

	if (argc == 4)
		count = strtoul(argv[3], NULL, 10);
	if (count == 0 || inet_pton(AF_INET, argv[1], &first) != 1) {
		fputs("usage: tcp-connects ADDRESS PORT COUNT\n", stderr);
		return 2;
	}
	times = calloc(count, sizeof(*times));
	if (times == NULL)
		return 1;
	target.sin_port = htons((uint16_t)atoi(argv[2]));
	for (size_t i = 0; i < count; i++) {
		target.sin_addr.s_addr = htonl(ntohl(first.s_addr) + (uint32_t)(i % ADDRESSES));
		times[i] = time_connect(&target);
		if (times[i] < 0) {
			perror("tcp-connects");
			return 1;
		}
	}
	print_figures(times, count);
	free(times);
	return 0;
}
