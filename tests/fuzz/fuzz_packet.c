/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any bytes to the packet parser and checks what it makes of them. */

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static bool may_have_ports(uint8_t protocol)
{
	return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_UDPLITE ||
	       protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP;
}

static void require_zero(const struct address *address)
{
	for (size_t i = family_size(address->family); i < sizeof(address->bytes); i++)
		require(address->bytes[i] == 0);
}

static void require_sound(const struct flow *flow, const uint8_t *data, size_t size)
{
	size_t address_size = family_size(flow->family);
	const uint8_t *addresses = data + (flow->family == IPV4 ? 12 : 8);

	require(data[0] >> 4 == (flow->family == IPV4 ? 4 : 6));
	require(size >= (flow->family == IPV4 ? 20u : 40u));
	require(flow->from.family == flow->family && flow->to.family == flow->family);
	require(memcmp(flow->from.bytes, addresses, address_size) == 0);
	require(memcmp(flow->to.bytes, addresses + address_size, address_size) == 0);
	require_zero(&flow->from);
	require_zero(&flow->to);
	if (flow->ports)
		require(may_have_ports(flow->protocol));
	else if (flow->protocol != IPPROTO_ICMP && flow->protocol != IPPROTO_ICMPV6)
		require(flow->from_port == 0 && flow->to_port == 0);
	require(flow->dscp == (flow->family == IPV4 ? data[1] >> 2 : (data[0] << 2 & 0x3c) | data[1] >> 6));
	require(flow->device == 7 && flow->came_by == 3 && flow->direct);
}

/* With fewer bytes the parser may know less, but never anything else. */
static void require_prefix(const struct flow *flow, const uint8_t *data, size_t size)
{
	struct flow shorter = { 0 };

	if (packet_parse(data, size, &shorter) < 0)
		return;
	require(shorter.protocol == flow->protocol);
	if (shorter.ports)
		require(flow->ports && shorter.from_port == flow->from_port && shorter.to_port == flow->to_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct flow flow = { .device = 7, .came_by = 3, .direct = true }, before;
	int result;

	memcpy(&before, &flow, sizeof(before));
	result = packet_parse(data, size, &flow);
	require(result == 0 || result == -EBADMSG);
	if (result < 0) {
		require(memcmp(&flow, &before, sizeof(flow)) == 0);
		return 0;
	}
	require_sound(&flow, data, size);
	require_prefix(&flow, data, size / 2);
	require_prefix(&flow, data, size - 1);
	return 0;
}
