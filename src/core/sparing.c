/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What real traffic says of a link, and how often one that is paid by volume is checked then. */

#include "core/sparing.h"

static uint64_t grown(uint64_t now, uint64_t before)
{
	return now > before ? now - before : 0;
}

/* What a check costs is known when it is over, which may be in the next second. */
static uint64_t without(uint64_t bytes, uint64_t probes)
{
	return bytes > probes ? bytes - probes : 0;
}

static enum traffic judge(struct traffic_seen *seen, const struct traffic_figures *now)
{
	uint64_t probes = grown(now->probe_bytes, seen->before.probe_bytes);
	uint64_t received = without(grown(now->received, seen->before.received), probes + seen->probe_bytes);
	uint64_t sent = without(grown(now->sent, seen->before.sent), probes);

	seen->probe_bytes = probes;
	if (now->answered != seen->before.answered || received >= TRAFFIC_PROOF_BYTES) {
		seen->silent_seconds = 0;
		return TRAFFIC_ANSWERED;
	}
	if (now->failed != seen->before.failed)
		return TRAFFIC_UNANSWERED;
	if (received > 0)
		seen->silent_seconds = 0;
	else if (sent >= TRAFFIC_ASKED_BYTES)
		seen->silent_seconds++;
	return seen->silent_seconds >= TRAFFIC_SILENT_SECONDS ? TRAFFIC_UNANSWERED : TRAFFIC_NONE;
}

enum traffic traffic_look(struct traffic_seen *seen, const struct traffic_figures *now, uint64_t now_ms)
{
	enum traffic traffic = seen->looked ? judge(seen, now) : TRAFFIC_NONE;

	/* A device that came back counts from zero. */
	if (now->received < seen->before.received || now->sent < seen->before.sent)
		traffic = TRAFFIC_NONE;
	seen->before = *now;
	seen->looked = true;
	if (traffic == TRAFFIC_ANSWERED)
		seen->proven_ms = now_ms;
	if (traffic == TRAFFIC_UNANSWERED)
		seen->unanswered_ms = now_ms;
	return traffic;
}

enum traffic traffic_state(const struct traffic_seen *seen, uint64_t now_ms)
{
	if (seen->unanswered_ms > seen->proven_ms && now_ms < seen->unanswered_ms + TRAFFIC_PROOF_MS)
		return TRAFFIC_UNANSWERED;
	if (seen->proven_ms != 0 && now_ms < seen->proven_ms + TRAFFIC_PROOF_MS)
		return TRAFFIC_ANSWERED;
	return TRAFFIC_NONE;
}

bool traffic_proven_since(const struct traffic_seen *seen, uint64_t since_ms)
{
	return seen->proven_ms > since_ms;
}

uint32_t sparing_interval(const struct check *check, const struct health *health, enum traffic traffic)
{
	uint32_t wanted = traffic == TRAFFIC_ANSWERED ? check->sparing.busy_ms : check->sparing.idle_ms;

	if (wanted <= check->interval_ms || traffic == TRAFFIC_UNANSWERED)
		return check->interval_ms;
	if (health->state == LINK_DOWN || health->failed_in_row > 0 || health->good_in_row < check->up_after)
		return check->interval_ms;
	return wanted;
}
