/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What comes back within moments was never gone: who renews a lease may take address and gateway away and put them back. */

#include <string.h>

#include "daemon/daemon.h"

/* Without an address nothing goes out, so new connections avoid the link at once; that it is down is said after this. */
#define ADDRESS_MS 1000

/* The gateway is still there, whatever the main table says: connections go on by it for so long. */
#define GATEWAY_MS 3000

/* device is where the gateway was seen last: another one, by its index, has another. */
void ground_gateway(struct link_run *run, const struct device *device, enum family family)
{
	struct gateway_seen *seen = &run->seen[family];
	uint64_t now_ms = verdicts_now_ms();

	if (device->has_gateway[family])
		*seen = (struct gateway_seen){ device->gateway[family], device->index, now_ms };
	run->view.gateway_known[family] = seen->device_index == device->index && now_ms - seen->at_ms <= GATEWAY_MS;
	if (run->view.gateway_known[family])
		run->view.gateway[family] = seen->address;
}

static void set_pause(struct link_run *run, uint64_t since_ms)
{
	run->paused_since_ms = since_ms;
	links_view(run);
	apply_all(run->daemon, NULL);
}

bool ground_pauses(struct link_run *run, enum link_ground ground)
{
	uint64_t now_ms = verdicts_now_ms();
	bool waits = ground == GROUND_NO_ADDRESS && run->health.ground == GROUND_READY;

	if (waits && run->paused_since_ms == 0)
		set_pause(run, now_ms);
	else if (!waits && run->paused_since_ms != 0)
		set_pause(run, 0);
	else if (waits && now_ms - run->paused_since_ms >= ADDRESS_MS)
		return false;
	return waits;
}

bool ground_waited(const struct daemon *daemon)
{
	uint64_t now_ms = verdicts_now_ms();

	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct link_run *run = &daemon->links[i];

		if (run->paused_since_ms != 0 && run->health.ground == GROUND_READY && now_ms - run->paused_since_ms >= ADDRESS_MS)
			return true;
	}
	return false;
}

/* The smaller one: of IPv6 a router may have said less. */
static uint32_t least_mtu(const struct link_view *view)
{
	uint32_t ipv4 = view->mtu[IPV4], ipv6 = view->mtu[IPV6];

	return ipv6 != 0 && ipv6 < ipv4 ? ipv6 : ipv4;
}

void ground_report(json_t *document, const struct link_run *run)
{
	json_t *addresses = json_array(), *gateways = json_array();
	char text[ADDRESS_TEXT_MAX];

	for (size_t i = 0; i < run->view.addresses.count; i++)
		json_array_append_new(addresses, json_string(address_format(&run->view.addresses.items[i].address, text, sizeof(text))));
	for (enum family family = IPV4; family <= IPV6; family++) {
		if (run->view.gateway_known[family] && !address_is_zero(&run->view.gateway[family]))
			json_array_append_new(gateways, json_string(address_format(&run->view.gateway[family], text, sizeof(text))));
	}
	json_object_set_new(document, "addresses", addresses);
	json_object_set_new(document, "gateways", gateways);
	json_object_set_new(document, "mtu", least_mtu(&run->view) == 0 ? json_null() : json_integer(least_mtu(&run->view)));
}
