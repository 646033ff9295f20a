/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sends packets that only an attacker would send: at a rate, from sources that it makes up or is given. */

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull

struct target {
	bool six;
	uint8_t kind; /* IPPROTO_TCP: a SYN, IPPROTO_UDP, or IPPROTO_ICMP: an echo request */
	uint8_t from[16], to[16];
	bool fixed_source;
	uint16_t port;
	bool every_port, every_host; /* the next one with each packet: a scan */
	uint64_t rate, count;
};

struct packet {
	uint8_t bytes[96];
	size_t size;
};

static const char usage[] =
	"usage: lab-flood syn|udp|ping --to ADDRESS [--port N] [--from ADDRESS] [--rate N] [--count N]\n"
	"                 [--every-port] [--every-host]\n"
	"Without --from each packet has a source of its own, made up.\n";

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint32_t sum16(uint32_t sum, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < size; i++)
		sum += (uint32_t)bytes[i] << (i % 2 == 0 ? 8 : 0);
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static size_t address_size(const struct target *target)
{
	return target->six ? 16 : 4;
}

static uint16_t checksum(const struct target *target, uint8_t protocol, const uint8_t *from, const uint8_t *to,
	const void *data, size_t size)
{
	uint32_t sum = sum16(0, data, size);

	if (target->kind == IPPROTO_ICMP && !target->six)
		return fold(sum);
	sum = sum16(sum, from, address_size(target));
	sum = sum16(sum, to, address_size(target));
	return fold(sum + protocol + (uint32_t)size);
}

static size_t fill_syn(uint8_t *at, uint16_t port)
{
	struct tcphdr tcp = { .source = htons((uint16_t)(1024 + rand() % 60000)), .dest = htons(port),
		.seq = htonl((uint32_t)rand()), .doff = sizeof(tcp) / 4, .syn = 1, .window = htons(64240) };

	memcpy(at, &tcp, sizeof(tcp));
	return sizeof(tcp);
}

static size_t fill_udp(uint8_t *at, uint16_t port)
{
	struct udphdr udp = { .source = htons((uint16_t)(1024 + rand() % 60000)), .dest = htons(port),
		.len = htons(sizeof(udp)) };

	memcpy(at, &udp, sizeof(udp));
	return sizeof(udp);
}

static size_t fill_ping(uint8_t *at, bool six, uint16_t sequence)
{
	struct icmphdr echo = { .type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO,
		.un.echo = { .id = htons(4711), .sequence = htons(sequence) } };

	memcpy(at, &echo, sizeof(echo));
	return sizeof(echo);
}

/* The part above IP, its checksum included; bytes of it. */
static size_t fill_above(const struct target *target, uint8_t *at, const uint8_t *from, const uint8_t *to, uint64_t number)
{
	uint16_t port = target->every_port ? (uint16_t)(1 + number % 65535) : target->port, sum;
	uint8_t protocol = target->kind == IPPROTO_ICMP && target->six ? IPPROTO_ICMPV6 : target->kind;
	size_t size, offset;

	if (target->kind == IPPROTO_TCP) {
		size = fill_syn(at, port);
		offset = offsetof(struct tcphdr, check);
	} else if (target->kind == IPPROTO_UDP) {
		size = fill_udp(at, port);
		offset = offsetof(struct udphdr, check);
	} else {
		size = fill_ping(at, target->six, (uint16_t)number);
		offset = offsetof(struct icmphdr, checksum);
	}
	sum = checksum(target, protocol, from, to, at, size);
	memcpy(at + offset, &sum, sizeof(sum));
	return size;
}

static void fill_ip(const struct target *target, struct packet *packet, const uint8_t *from, const uint8_t *to, size_t above)
{
	uint8_t protocol = target->kind == IPPROTO_ICMP && target->six ? IPPROTO_ICMPV6 : target->kind;

	if (target->six) {
		struct ip6_hdr ip = { .ip6_flow = htonl(6u << 28), .ip6_plen = htons((uint16_t)above), .ip6_nxt = protocol,
			.ip6_hlim = 64 };

		memcpy(&ip.ip6_src, from, 16);
		memcpy(&ip.ip6_dst, to, 16);
		memcpy(packet->bytes, &ip, sizeof(ip));
	} else {
		struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = htons((uint16_t)(sizeof(ip) + above)), .ttl = 64,
			.protocol = protocol };

		memcpy(&ip.saddr, from, 4);
		memcpy(&ip.daddr, to, 4);
		memcpy(packet->bytes, &ip, sizeof(ip));
	}
}

/* Unicast, and neither of the lab's networks nor of those that the kernel refuses as a source. */
static void make_up(const struct target *target, uint8_t from[static 16])
{
	memset(from, 0, 16);
	for (int i = 0; i < (target->six ? 16 : 4); i++)
		from[i] = (uint8_t)(1 + rand() % 254);
	from[0] = target->six ? 0x24 : (uint8_t)(20 + rand() % 70);
}

static void packet_make(const struct target *target, uint64_t number, struct packet *packet)
{
	size_t header = target->six ? sizeof(struct ip6_hdr) : sizeof(struct iphdr), above, last = address_size(target) - 1;
	uint8_t from[16], to[16];

	memcpy(to, target->to, sizeof(to));
	if (target->every_host)
		to[last] = (uint8_t)(to[last] + number % 200);
	if (target->fixed_source)
		memcpy(from, target->from, sizeof(from));
	else
		make_up(target, from);
	above = fill_above(target, packet->bytes + header, from, to, number);
	fill_ip(target, packet, from, to, above);
	packet->size = header + above;
}

static int raw_socket(bool six)
{
	int one = 1, room = 1 << 22;
	int fd = socket(six ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room));
	if (six && setsockopt(fd, IPPROTO_IPV6, IPV6_HDRINCL, &one, sizeof(one)) < 0)
		return -errno;
	return fd;
}

static int packet_send(int fd, const struct target *target, const struct packet *packet)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6 };
	struct sockaddr_in four = { .sin_family = AF_INET };
	const struct sockaddr *to = target->six ? (const void *)&six : (const void *)&four;

	memcpy(&six.sin6_addr, packet->bytes + offsetof(struct ip6_hdr, ip6_dst), 16);
	memcpy(&four.sin_addr, packet->bytes + offsetof(struct iphdr, daddr), 4);
	if (sendto(fd, packet->bytes, packet->size, 0, to, target->six ? sizeof(six) : sizeof(four)) >= 0)
		return 0;
	return errno == ENOBUFS || errno == EAGAIN || errno == ECONNREFUSED || errno == EPERM ? 0 : -errno;
}

/* As many packets as are due by now, some at a time; then a pause of a millisecond. */
static int flood(int fd, const struct target *target)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	uint64_t begun = now_ns(), sent = 0;

	while (sent < target->count) {
		uint64_t due = (now_ns() - begun) / 1000 * target->rate / 1000000 + 1;

		for (; sent < due && sent < target->count; sent++) {
			struct packet packet = { .size = 0 };
			int error;

			packet_make(target, sent, &packet);
			error = packet_send(fd, target, &packet);
			if (error < 0)
				return error;
		}
		nanosleep(&pause, NULL);
	}
	printf("{ \"sent\": %" PRIu64 ", \"seconds\": %.3f }\n", sent, (double)(now_ns() - begun) / 1e9);
	return 0;
}

static bool read_address(const char *text, struct target *target, uint8_t *ret_address)
{
	target->six = strchr(text, ':') != NULL;
	return inet_pton(target->six ? AF_INET6 : AF_INET, text, ret_address) == 1;
}

static bool read_options(int argc, char **argv, struct target *target)
{
	static const struct option options[] = {
		{ "to", required_argument, NULL, 't' }, { "from", required_argument, NULL, 'f' },
		{ "port", required_argument, NULL, 'p' }, { "rate", required_argument, NULL, 'r' },
		{ "count", required_argument, NULL, 'c' }, { "every-port", no_argument, NULL, 'P' },
		{ "every-host", no_argument, NULL, 'H' }, { NULL, 0, NULL, 0 },
	};
	bool good = true, target_given = false;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 't': good &= target_given = read_address(optarg, target, target->to); break;
		case 'f': good &= target->fixed_source = read_address(optarg, target, target->from); break;
		case 'p': target->port = (uint16_t)atoi(optarg); break;
		case 'r': target->rate = strtoull(optarg, NULL, 10); break;
		case 'c': target->count = strtoull(optarg, NULL, 10); break;
		case 'P': target->every_port = true; break;
		case 'H': target->every_host = true; break;
		default: good = false;
		}
	}
	return good && target_given && optind + 1 == argc && target->rate > 0;
}

static bool read_kind(const char *word, struct target *target)
{
	if (strcmp(word, "syn") == 0)
		target->kind = IPPROTO_TCP;
	else if (strcmp(word, "udp") == 0)
		target->kind = IPPROTO_UDP;
	else if (strcmp(word, "ping") == 0)
		target->kind = IPPROTO_ICMP;
	return target->kind != 0;
}

int main(int argc, char **argv)
{
	struct target target = { .port = 7, .rate = 1000, .count = 1000 };
	int fd, error;

	if (!read_options(argc, argv, &target) || !read_kind(argv[optind], &target)) {
		fputs(usage, stderr);
		return 2;
	}
	srand((unsigned int)getpid());
	fd = raw_socket(target.six);
	error = fd < 0 ? fd : flood(fd, &target);
	if (error < 0)
		fprintf(stderr, "lab-flood: %s\n", strerror(-error));
	return error < 0;
}
