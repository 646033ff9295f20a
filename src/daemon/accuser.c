/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The watching thread's side of suspicion: looks for links to accuse, and tells the main thread. */

#include "daemon/accuser.h"

#include <errno.h>

#include "kernel/conntrack.h"

int accuser_begin(struct accuser *accuser, struct netlink *netlink, uv_async_t *wake)
{
	accuser->suspects = suspects_new();
	accuser->netlink = netlink;
	accuser->wake = wake;
	return accuser->suspects == NULL ? -ENOMEM : 0;
}

void accuser_end(struct accuser *accuser)
{
	suspects_free(accuser->suspects);
	accuser->suspects = NULL;
}

void accuser_begun(struct accuser *accuser, const struct begun *begun)
{
	if (living_is_timed(begun))
		suspects_begun(accuser->suspects, begun->link, &begun->flow, begun->at_us);
}

void accuser_handshake(struct accuser *accuser, const struct handshake *handshake)
{
	if (handshake->answered) {
		suspects_answered(accuser->suspects, handshake->link, handshake->us, handshake->at_ms * 1000);
		atomic_fetch_add_explicit(&accuser->answered[handshake->link], 1, memory_order_relaxed);
	} else {
		suspects_failed(accuser->suspects, handshake->link);
		atomic_fetch_add_explicit(&accuser->failed[handshake->link], 1, memory_order_relaxed);
	}
}

void accuser_blind(struct accuser *accuser)
{
	suspects_forget(accuser->suspects, 0);
}

/* Of those connections, how many the kernel still waits for: others never left, or the copy of their answer was lost. */
static size_t count_waiting(struct accuser *accuser, const struct accusation *accusation)
{
	struct connection connection;
	size_t count = 0;

	for (size_t i = 0; i < accusation->flow_count; i++) {
		if (conntrack_find(accuser->netlink, &accusation->flows[i], &connection) == 0 && !connection.established)
			count++;
	}
	return count;
}

static void tell(struct accuser *accuser, const struct accusation *accusation)
{
	struct accused *accused = &accuser->accused[accusation->link];

	atomic_store(&accused->count, (uint32_t)accusation->count);
	atomic_store(&accused->sites, (uint32_t)accusation->sites);
	atomic_store(&accused->patience_ms, accusation->patience_ms);
	atomic_store(&accused->verdict, accusation->verdict);
	uv_async_send(accuser->wake);
}

void accuser_judge(struct accuser *accuser, uint64_t now_us)
{
	struct accusation accusation;
	size_t waiting;

	if (suspects_judge(accuser->suspects, now_us, &accusation) == SUSPECT_NONE)
		return;
	waiting = count_waiting(accuser, &accusation);
	if (waiting > 0 && waiting < SUSPECT_ROW_LEAST)
		return; /* the next look has more of them */
	if (waiting > 0)
		tell(accuser, &accusation);
	suspects_forget(accuser->suspects, accusation.link);
}
