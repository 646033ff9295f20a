/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Makes connections of the packets of a capture: who began, when it ended, bytes in each direction. */

#include "core/assemble.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "core/networks.h"
#include "core/packet.h"
#include "core/protocol.h"
#include "core/siphash.h"

#define PLACES       8 /* in each group */
#define IDLE_S       60
#define SYSTEM_PORTS 1024

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

enum icmp {
	ICMP4_ECHO_REPLY = 0,
	ICMP4_ECHO = 8,
	ICMP6_ECHO = 128,
	ICMP6_ECHO_REPLY = 129,
};

/* One that has not ended. */
struct opened {
	uint64_t hash;        /* 0: nobody */
	double first, last;
	uint64_t bytes[DIRECTIONS];
	struct flow flow;     /* from inside to outside */
	uint8_t finished;     /* bits of the directions that have sent FIN; both after RST */
};

struct assembler {
	const struct networks *inside;
	assemble_function *ended;
	void *data;
	struct hash_key key;
	struct assembled counts;
	struct opened *table; /* in groups */
	size_t entries;
};

/* Without padding, so that equal ends are equal bytes. */
struct ends_key {
	uint8_t from[16], to[16];
	uint16_t from_port, to_port;
	uint8_t family, protocol, unused[2];
};

struct assembler *assembler_new(size_t entries, const struct networks *inside, assemble_function *ended, void *data)
{
	struct assembler *assembler = calloc(1, sizeof(*assembler));

	if (assembler == NULL)
		return NULL;
	assembler->table = calloc(entries, sizeof(*assembler->table));
	if (assembler->table == NULL) {
		free(assembler);
		return NULL;
	}
	assembler->entries = entries;
	assembler->inside = inside;
	assembler->ended = ended;
	assembler->data = data;
	assembler->key = (struct hash_key){ { 0x617373656d626c65, 0x636170747572650a } };
	return assembler;
}

void assembler_free(struct assembler *assembler)
{
	if (assembler == NULL)
		return;
	free(assembler->table);
	free(assembler);
}

static void turn(struct flow *flow)
{
	struct address address = flow->from;
	uint16_t port = flow->from_port;

	flow->from = flow->to;
	flow->to = address;
	if (!flow->ports)
		return;
	flow->from_port = flow->to_port;
	flow->to_port = port;
}

/* What of ICMP is in place of ports differs between question and answer, but for the identifier. */
static uint64_t hash_of(const struct assembler *assembler, const struct flow *flow)
{
	struct ends_key key = { .family = (uint8_t)flow->family, .protocol = flow->protocol, .to_port = flow->to_port };
	uint64_t hash;

	memcpy(key.from, flow->from.bytes, sizeof(key.from));
	memcpy(key.to, flow->to.bytes, sizeof(key.to));
	key.from_port = flow->ports ? flow->from_port : 0;
	hash = siphash(&assembler->key, &key, sizeof(key));
	return hash == 0 ? 1 : hash;
}

static void end(struct assembler *assembler, struct opened *opened)
{
	struct replay_connection connection = {
		.start = opened->first,
		.duration = opened->last - opened->first,
		.bytes = { opened->bytes[DOWNLOAD], opened->bytes[UPLOAD] },
		.flow = opened->flow,
		.inside = true,
	};

	opened->hash = 0;
	assembler->ended(assembler->data, &connection);
}

/* The one with that hash, or an empty place; all in the group that have been idle for long end. */
static struct opened *find(struct assembler *assembler, uint64_t hash, double when)
{
	struct opened *group = &assembler->table[(hash & (assembler->entries / PLACES - 1)) * PLACES], *found = NULL, *place = NULL;

	for (size_t i = 0; i < PLACES; i++) {
		if (group[i].hash != 0 && when - group[i].last > IDLE_S)
			end(assembler, &group[i]);
		if (group[i].hash == hash)
			found = &group[i];
		if (place == NULL || group[i].hash == 0 || (place->hash != 0 && group[i].last < place->last))
			place = &group[i];
	}
	if (found != NULL)
		return found;
	if (place->hash != 0)
		end(assembler, place);
	return place;
}

static bool begins(uint8_t flags)
{
	return (flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * Whether its first packet is that of a connection that outside began. In the middle of TCP, inside is taken to have;
 * and of others where the packet from outside looks like an answer.
 */
static bool outside_began(const struct flow *flow, uint8_t flags, bool from_inside)
{
	bool answers = (flags & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK);

	if (flow->protocol == IPPROTO_TCP)
		return from_inside ? answers : begins(flags);
	if (from_inside || !flow->ports)
		return false;
	return !(flow->from_port < SYSTEM_PORTS && flow->to_port >= SYSTEM_PORTS);
}

static void note(struct opened *opened, enum direction direction, double when, size_t size, uint8_t flags)
{
	if (when > opened->last)
		opened->last = when;
	opened->bytes[direction] += size;
	if (flags & TCP_RST)
		opened->finished = 1 << DOWNLOAD | 1 << UPLOAD;
	else if (flags & TCP_FIN)
		opened->finished |= (uint8_t)(1 << direction);
}

/* Of ICMP only what is asked and answered is a connection of its own; it is kept as the question. */
static bool is_connection(struct flow *flow)
{
	unsigned int type = flow->from_port >> 8;

	if (flow->protocol != IPPROTO_ICMP && flow->protocol != IPPROTO_ICMPV6)
		return true;
	if (flow->family == IPV4 ? type != ICMP4_ECHO && type != ICMP4_ECHO_REPLY
				 : type != ICMP6_ECHO && type != ICMP6_ECHO_REPLY)
		return false;
	flow->from_port = (uint16_t)((flow->family == IPV4 ? ICMP4_ECHO : ICMP6_ECHO) << 8);
	return true;
}

static void assemble_flow(struct assembler *assembler, double when, struct flow *flow, uint8_t flags, size_t size)
{
	bool from_inside = networks_hold(assembler->inside, &flow->from);
	enum direction direction = from_inside ? UPLOAD : DOWNLOAD;
	struct flow first = *flow;
	struct opened *opened;
	uint64_t hash;

	if (from_inside == networks_hold(assembler->inside, &flow->to) || !is_connection(flow)) {
		assembler->counts.elsewhere++;
		return;
	}
	if (!from_inside)
		turn(flow);
	hash = hash_of(assembler, flow);
	opened = find(assembler, hash, when);
	if (opened->hash == hash && opened->finished == (1 << DOWNLOAD | 1 << UPLOAD) && begins(flags))
		end(assembler, opened);
	if (opened->hash != hash) {
		if (outside_began(&first, flags, from_inside)) {
			assembler->counts.from_outside++;
			return;
		}
		*opened = (struct opened){ .hash = hash, .first = when, .last = when, .flow = *flow };
	}
	note(opened, direction, when, size, flags);
}

void assemble_packet(struct assembler *assembler, double when, const uint8_t *bytes, size_t length, size_t size)
{
	struct flow flow = { .device = 0 };
	uint8_t flags = 0;

	if (packet_parse_flags(bytes, length, &flow, &flags) < 0) {
		assemble_nothing(assembler);
		return;
	}
	assembler->counts.packets++;
	if (protocol_has_ports(flow.protocol) && !flow.ports)
		assembler->counts.fragments++;
	else
		assemble_flow(assembler, when, &flow, flags, size);
}

void assemble_nothing(struct assembler *assembler)
{
	assembler->counts.packets++;
	assembler->counts.not_ip++;
}

void assemble_rest(struct assembler *assembler)
{
	for (size_t i = 0; i < assembler->entries; i++) {
		if (assembler->table[i].hash != 0)
			end(assembler, &assembler->table[i]);
	}
}

const struct assembled *assembler_counts(const struct assembler *assembler)
{
	return &assembler->counts;
}
