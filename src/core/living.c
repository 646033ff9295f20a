/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connections that live on links: how their beginning fares, how many there are, and when each ends. */

#include "core/living_table.h"

#include <netinet/in.h>
#include <string.h>

#define QUIC_PORT 443

enum tcp_flag {
	TCP_FIN = 0x01,
	TCP_SYN = 0x02,
	TCP_RST = 0x04,
	TCP_ACK = 0x10,
};

static struct address address_from(const struct entry *entry, const uint8_t *bytes)
{
	struct address address = { .family = entry->family };

	memcpy(address.bytes, bytes, sizeof(address.bytes));
	return address;
}

static struct flow flow_of(const struct entry *entry)
{
	return (struct flow){ .family = entry->family, .protocol = entry->protocol, .device = entry->device,
		.ports = (entry->flags & ENTRY_PORTS) != 0, .from = address_from(entry, entry->from),
		.to = address_from(entry, entry->to), .from_port = entry->from_port, .to_port = entry->to_port };
}

/* us 0: answered, but not measured. */
static void tell_handshake(struct living *living, const struct entry *entry, bool answered, uint64_t us, uint64_t now_us)
{
	struct handshake handshake = {
		.to = address_from(entry, entry->to),
		.to_port = entry->to_port,
		.protocol = entry->protocol,
		.link = entry->link,
		.answered = answered,
		.us = us > UINT32_MAX ? UINT32_MAX : (uint32_t)us,
		.at_ms = now_us / 1000,
	};

	if ((entry->flags & ENTRY_TIMED) != 0)
		living->sink.handshake(&handshake, living->sink.data);
}

static void tell_finished(struct living *living, const struct entry *entry, uint64_t bytes, uint64_t back_bytes)
{
	bool inbound = (entry->flags & ENTRY_INBOUND) != 0;
	struct finished finished = {
		.flow = flow_of(entry),
		.mark = entry->mark,
		.link = entry->link,
		.begun_us = entry->begun_us,
		.ended_us = entry->ended_us,
		.bytes = { [DOWNLOAD] = inbound ? bytes : back_bytes, [UPLOAD] = inbound ? back_bytes : bytes },
		.handshake_us = entry->handshake_us,
	};

	living->sink.finished(&finished, living->sink.data);
}

/* Its end, told once. */
static void end(struct living *living, struct entry *entry, uint64_t now_us)
{
	if (entry->stage == STAGE_OVER)
		return;
	living_uncount(living, entry);
	entry->ended_us = now_us;
	living_enter(living, entry, STAGE_OVER);
}

bool living_is_timed(const struct begun *begun)
{
	const struct flow *flow = &begun->flow;

	if (flow->came_by != 0 || flow->direct)
		return false;
	return flow->protocol == IPPROTO_TCP || (flow->protocol == IPPROTO_UDP && flow->to_port == QUIC_PORT);
}

/* Its packet may still be held: then the kernel does not know it yet. */
static bool is_fresh(const struct entry *entry, uint64_t now_us)
{
	return entry->begun_us != 0 && now_us < entry->begun_us + (uint64_t)LIVING_PATIENCE_MS * 1000;
}

void living_begin(struct living *living, const struct begun *begun)
{
	uint64_t hash = living_hash(living, &begun->flow, false);
	struct entry *entry = living_find(living, hash);
	bool succeeds = false;

	/* The same tuple again: decided anew before its first packet left, or a successor whose predecessor is told of. */
	if (entry != NULL) {
		if (entry->stage != STAGE_OVER)
			living_uncount(living, entry);
		succeeds = entry->stage == STAGE_OVER || !is_fresh(entry, begun->at_us);
		living_remove(living, entry);
	}
	entry = living_add(living, hash, &begun->flow, false, begun->link, begun->mark,
		living_is_timed(begun) ? STAGE_WAITING : STAGE_LIVING);
	entry->begun_us = begun->at_us;
	entry->device = begun->flow.device;
	if (begun->flow.came_by != 0 || begun->flow.direct)
		entry->flags |= ENTRY_INBOUND;
	if (living_is_timed(begun))
		entry->flags |= ENTRY_TIMED;
	if (succeeds)
		entry->flags |= ENTRY_SUCCEEDS;
}

/* One that nobody told of: decided by the kernel alone, or before we watched. */
static void discover(struct living *living, uint64_t hash, const struct turning_point *turn)
{
	if (turn->link == 0 || turn->link > MARK_LINK_MAX)
		return;
	atomic_fetch_add_explicit(&living->loads->links[turn->link].connections, 1, memory_order_relaxed);
	living_add(living, hash, &turn->flow, true, turn->link, turn->mark, STAGE_LIVING);
	living->strangers++;
}

static void answered(struct living *living, struct entry *entry, uint64_t now_us)
{
	uint64_t us = now_us > entry->begun_us ? now_us - entry->begun_us : 1;

	if (entry->stage == STAGE_LIVING && (entry->flags & ENTRY_FAILED) != 0) {
		entry->flags &= (uint8_t)~ENTRY_FAILED;
		tell_handshake(living, entry, true, 0, now_us);
	}
	if (entry->stage != STAGE_WAITING)
		return;
	if ((entry->flags & ENTRY_REPEATED) != 0 || us > (uint64_t)LIVING_SAMPLE_MOST_MS * 1000)
		us = 0;
	entry->handshake_us = (uint32_t)us;
	living_enter(living, entry, STAGE_LIVING);
	tell_handshake(living, entry, true, us, now_us);
}

/* A reset that answers comes from somewhere; one that comes at once, from nearby. */
static void reset(struct living *living, struct entry *entry, bool by_answerer, uint64_t now_us)
{
	if (entry->stage == STAGE_WAITING && by_answerer
	    && now_us >= entry->begun_us + (uint64_t)LIVING_RESET_LEAST_MS * 1000)
		tell_handshake(living, entry, true, 0, now_us);
}

static void turn_tcp(struct living *living, const struct turning_point *turn)
{
	uint64_t there = living_hash(living, &turn->flow, false), back = living_hash(living, &turn->flow, true);
	bool begins = (turn->tcp_flags & TCP_SYN) != 0, ends = (turn->tcp_flags & (TCP_FIN | TCP_RST)) != 0;
	struct entry *entry = begins && (turn->tcp_flags & TCP_ACK) != 0 ? NULL : living_find(living, there);
	bool by_answerer = entry == NULL;

	if (entry == NULL && (!begins || (turn->tcp_flags & TCP_ACK) != 0))
		entry = living_find(living, back);
	if (ends && entry != NULL) {
		if ((turn->tcp_flags & TCP_RST) != 0)
			reset(living, entry, by_answerer, turn->at_us);
		end(living, entry, turn->at_us);
	} else if (begins && by_answerer && (turn->tcp_flags & TCP_ACK) != 0) {
		if (entry != NULL)
			answered(living, entry, turn->at_us);
		else if (!ends)
			discover(living, back, turn);
	} else if (begins && entry != NULL) {
		entry->flags |= ENTRY_REPEATED;
	}
}

void living_turn(struct living *living, const struct turning_point *turn)
{
	uint64_t hash;
	struct entry *entry;

	if (turn->flow.protocol == IPPROTO_TCP) {
		turn_tcp(living, turn);
		return;
	}
	hash = living_hash(living, &turn->flow, true);
	entry = living_find(living, hash);
	if (entry != NULL)
		answered(living, entry, turn->at_us);
	else
		discover(living, hash, turn);
}

void living_forgotten(struct living *living, const struct flow *flow, uint64_t bytes, uint64_t back_bytes, uint64_t now_us)
{
	struct entry *entry = living_find(living, living_hash(living, flow, false));

	if (entry == NULL)
		return;
	if ((entry->flags & ENTRY_SUCCEEDS) != 0) {
		entry->flags &= (uint8_t)~ENTRY_SUCCEEDS;
		return;
	}
	end(living, entry, now_us);
	tell_finished(living, entry, bytes, back_bytes);
	living_remove(living, entry);
}

bool living_overdue(const struct living *living, uint64_t now_us, struct flow *ret_flow)
{
	uint32_t oldest = living->stages[STAGE_WAITING].oldest;

	if (oldest == NOBODY || now_us < living->entries[oldest].begun_us + (uint64_t)LIVING_PATIENCE_MS * 1000)
		return false;
	*ret_flow = flow_of(&living->entries[oldest]);
	return true;
}

void living_looked_up(struct living *living, const struct flow *flow, enum looked_up result, uint64_t now_us)
{
	struct entry *entry = living_find(living, living_hash(living, flow, false));

	if (entry == NULL || entry->stage != STAGE_WAITING)
		return;
	switch (result) {
	case LOOKED_UP_GONE: /* where it was there, its end is still to be told; else the next survey takes it away */
		end(living, entry, now_us);
		return;
	case LOOKED_UP_UNANSWERED:
		entry->flags |= ENTRY_FAILED;
		tell_handshake(living, entry, false, now_us - entry->begun_us, now_us);
		break;
	case LOOKED_UP_ANSWERED:
		tell_handshake(living, entry, true, 0, now_us);
		break;
	}
	living_enter(living, entry, STAGE_LIVING);
}

void living_survey_begin(struct living *living)
{
	living->survey++;
}

void living_survey_found(struct living *living, const struct flow *flow, uint32_t mark, uint8_t link, bool over, uint64_t now_us)
{
	uint64_t hash = living_hash(living, flow, false);
	struct entry *entry = living_find(living, hash);

	if (link == 0 || link > MARK_LINK_MAX)
		return;
	if (entry == NULL) {
		if (over)
			return;
		atomic_fetch_add_explicit(&living->loads->links[link].connections, 1, memory_order_relaxed);
		entry = living_add(living, hash, flow, false, link, mark, STAGE_LIVING);
		living->strangers++;
	}
	entry->survey = living->survey;
	entry->flags &= (uint8_t)~ENTRY_SUCCEEDS;
	if (over)
		end(living, entry, now_us);
}

/* What waits is looked up in its time. */
void living_survey_end(struct living *living, uint64_t now_us)
{
	static const enum stage stages[] = { STAGE_LIVING, STAGE_OVER };

	for (int i = 0; i < 2; i++) {
		uint32_t at = living->stages[stages[i]].oldest;

		while (at != NOBODY) {
			struct entry *entry = &living->entries[at];

			at = entry->newer;
			if (entry->survey == living->survey || is_fresh(entry, now_us))
				continue;
			if (entry->stage == STAGE_LIVING) {
				living_uncount(living, entry);
				entry->ended_us = now_us;
			}
			living_remove(living, entry);
		}
	}
}

void living_blind(struct living *living)
{
	for (uint32_t at = living->stages[STAGE_WAITING].oldest; at != NOBODY; at = living->entries[at].newer)
		living->entries[at].flags &= (uint8_t)~ENTRY_TIMED;
}
