/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds the walk of core/scan.h with what came of the connections that begin on links. */

#include <netinet/in.h>
#include <stdlib.h>

#include "core/scan.h"
#include "daemon/daemon.h"
#include "daemon/defence.h"
#include "kernel/conntrack.h"

#define SOURCES      16384
#define WAITING      1024 /* contacts whose outcome is not known yet; what is more is not judged */
#define OUTCOME_MS   2000
#define LATE_MS      100  /* a thread writes its records that much later at most: what is younger is left for the next time */

/* Contacts are judged in the order in which they were made. */
struct scanning {
	struct scans *scans;
	struct scan_settings settings;
	uint64_t seen_ms; /* records until then were read */
	struct contact {
		struct flow flow;
		uint64_t at_ms;
	} waiting[WAITING];
	size_t first, count;
};

/* One reading of the record. */
struct reading {
	struct daemon *daemon;
	uint64_t now_ms;
};

static void judge(struct daemon *daemon, const struct flow *flow, bool failed, uint64_t now_ms)
{
	enum scan scan = scans_contact(daemon->scanning->scans, &flow->from, &flow->to, flow->to_port, failed,
		(uint32_t)(now_ms / 1000));

	if (scan == SCAN_ADDRESSES)
		defence_offence(daemon, &flow->from, DETECT_ADDRESS_SCAN);
	else if (scan == SCAN_PORTS)
		defence_offence(daemon, &flow->from, DETECT_PORT_SCAN);
}

static void wait_for_outcome(struct scanning *scanning, const struct flow *flow, uint64_t at_ms)
{
	if (scanning->count == WAITING)
		return;
	scanning->waiting[(scanning->first + scanning->count++) % WAITING] = (struct contact){ *flow, at_ms };
}

/* It was refused, or nobody has answered; one that was opened and closed since has not failed. */
static bool has_failed(struct daemon *daemon, const struct flow *flow)
{
	struct connection connection;

	return conntrack_find(daemon->conntrack, flow, &connection) < 0 || !connection.assured;
}

static void judge_waiting(struct daemon *daemon, uint64_t now_ms)
{
	struct scanning *scanning = daemon->scanning;

	while (scanning->count > 0 && now_ms - scanning->waiting[scanning->first].at_ms >= OUTCOME_MS) {
		const struct contact *contact = &scanning->waiting[scanning->first];

		judge(daemon, &contact->flow, has_failed(daemon, &contact->flow), now_ms);
		scanning->first = (scanning->first + 1) % WAITING;
		scanning->count--;
	}
}

/* The newest come first, until those that were read before. */
static bool on_record(const struct decision_record *record, void *data)
{
	const struct reading *reading = data;
	struct daemon *daemon = reading->daemon;
	struct flow flow;

	if (record->at_ms <= daemon->scanning->seen_ms)
		return false;
	if (record->came_by == 0 || (record->came_by & RECORD_BOUND) != 0 || record->at_ms > reading->now_ms)
		return true;
	flow = decision_record_flow(record);
	if (!flow.ports)
		return true;
	if (record->action != ACTION_ALLOW)
		judge(daemon, &flow, true, reading->now_ms);
	else if (flow.protocol == IPPROTO_TCP)
		wait_for_outcome(daemon->scanning, &flow, record->at_ms);
	return true;
}

static struct scan_settings settings_of(const struct dos *dos)
{
	return (struct scan_settings){
		.addresses = dos->detectors[DETECT_ADDRESS_SCAN].enabled ? dos->detectors[DETECT_ADDRESS_SCAN].failures : 0,
		.ports = dos->detectors[DETECT_PORT_SCAN].enabled ? dos->detectors[DETECT_PORT_SCAN].failures : 0,
	};
}

static void start(struct daemon *daemon, struct scan_settings settings)
{
	struct scanning *scanning = calloc(1, sizeof(*scanning));

	if (scanning != NULL)
		scanning->scans = scans_new(SOURCES, daemon->state.key, settings);
	if (scanning == NULL || scanning->scans == NULL) {
		free(scanning);
		return;
	}
	scanning->settings = settings;
	scanning->seen_ms = verdicts_now_ms() - LATE_MS;
	daemon->scanning = scanning;
}

void scanning_poll(struct daemon *daemon)
{
	struct reading reading = { daemon, verdicts_now_ms() - LATE_MS };
	struct scan_settings settings = settings_of(&daemon->generation->config->dos);

	if (daemon->scanning != NULL && (settings.addresses != daemon->scanning->settings.addresses
	                                 || settings.ports != daemon->scanning->settings.ports))
		scanning_stop(daemon);
	if (settings.addresses == 0 && settings.ports == 0)
		return;
	if (daemon->scanning == NULL)
		start(daemon, settings);
	if (daemon->scanning == NULL)
		return;
	judge_waiting(daemon, reading.now_ms);
	verdicts_records(daemon->verdicts, on_record, &reading);
	daemon->scanning->seen_ms = reading.now_ms;
}

void scanning_stop(struct daemon *daemon)
{
	if (daemon->scanning == NULL)
		return;
	scans_free(daemon->scanning->scans);
	free(daemon->scanning);
	daemon->scanning = NULL;
}
