/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shuts out who goes over limits that say so: finds them in the kernel's sets, decides, and puts them into others. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/mark.h"
#include "core/offenders.h"
#include "daemon/daemon.h"
#include "daemon/defence.h"
#include "kernel/ruleset_elements.h"

#define POLL_MS        250
#define OFFENDERS_KEPT 16384
#define TAKEN_MAX      512 /* of one set in one poll; the others wait for the next */
#define FORGED_EVERY_MS 60000

/*
 * So many policies are looked at in each poll. Of more of them, those whose count of what was too much has moved while
 * the kernel still remembers the source, and no more in one poll than LOOKED_MAX; the next one goes on behind them.
 */
#define LOOKED_ALWAYS 16
#define LOOKED_MAX    128

/* What was too much for a policy. */
struct excess {
	uint64_t count, moved_ms; /* 0: never */
};

struct defence {
	struct daemon *daemon;
	struct offenders *offenders;
	uv_timer_t timer;
	uint64_t polled_ms;
	struct {
		uint64_t count; /* of what was too much */
		uint32_t rate;  /* per second, between the last two polls */
		uint64_t forged_ms; /* when forged sources were last told of */
	} detectors[DETECTORS];
	size_t next;           /* policy, by index */
	struct excess *excess; /* by the policy's number */
};

/* One kind of offence in one poll. */
struct poll {
	struct defence *defence;
	uint16_t cause;
	uint32_t block_for_s;
	const char *set;
	enum family family;
	struct address taken[TAKEN_MAX];
	size_t count;
};

static const char *table_of(const struct daemon *daemon)
{
	return daemon->plan->ruleset.table;
}

const char *defence_cause(const struct daemon *daemon, uint16_t cause, char *text, size_t size)
{
	if (cause < DETECTORS)
		snprintf(text, size, "%s", detector_name((enum detector)cause));
	else if (cause == OFFENCE_BEFORE)
		snprintf(text, size, "attack");
	else
		snprintf(text, size, "policy %s", report_policy_name(daemon->generation, cause - OFFENCE_POLICY));
	return text;
}

static const char *set_name(char *text, size_t size, const char *name, enum family family)
{
	snprintf(text, size, "%s-%c", name, family == IPV4 ? '4' : '6');
	return text;
}

/* A site that has one of these in it is limited only. */
static bool has_any(const struct network *site, const struct networks *networks)
{
	for (size_t i = 0; i < networks->count; i++) {
		const struct network *item = &networks->items[i];

		if (network_contains(site, &item->address) ||
			(item->length < site->length && network_contains(item, &site->address)))
			return true;
	}
	return false;
}

static bool has_own(const struct network *site, const struct networks *local)
{
	for (size_t i = 0; i < local->count; i++) {
		if (network_contains(site, &local->items[i].address))
			return true;
	}
	return false;
}

static bool is_spared(struct daemon *daemon, const struct address *source)
{
	struct link_view links[CONFIG_LINKS_MAX];
	struct network site = offender_site(source);
	struct view view = world_view(daemon, links);
	struct arena *arena = arena_new();
	struct networks spared = { 0 };
	bool result = true;

	if (arena != NULL)
		spared = plan_spared(daemon->generation->config, &view, arena);
	if (spared.items != NULL)
		result = has_any(&site, &spared) || has_own(&site, &view.local);
	arena_free(arena);
	return result;
}

static int shut_out(struct daemon *daemon, const struct offender *offender, uint64_t now_ms)
{
	const struct ruleset_element element = { .address = offender->site, .timeout_ms = offender->until_ms - now_ms };
	char name[32];

	set_name(name, sizeof(name), PLAN_BLOCKED, offender->site.family);
	return ruleset_elements_add(daemon->nftables, table_of(daemon), name, &element, 1);
}

static void remove_from(struct daemon *daemon, const char *set, const struct address *address)
{
	const struct ruleset_element element = { .address = *address };

	ruleset_elements_delete(daemon->nftables, table_of(daemon), set, &element, 1);
}

static void tell_forged(struct defence *defence, uint16_t cause, uint64_t now_ms)
{
	size_t index = cause < DETECTORS ? cause : 0;
	uint64_t *told_ms = &defence->detectors[index].forged_ms;
	char text[96];

	if (*told_ms != 0 && now_ms - *told_ms < FORGED_EVERY_MS)
		return;
	*told_ms = now_ms;
	events_add(defence->daemon->events, EVENT_ATTACK, EVENT_WARNING, NULL,
		"%s from more than %d sources in %d s: their addresses are taken for forged, nobody is shut out",
		defence_cause(defence->daemon, cause, text, sizeof(text)), OFFENDERS_FORGED, OFFENDERS_WINDOW_MS / 1000);
}

static void handle(const struct poll *poll, const struct address *source, uint64_t now_ms)
{
	struct defence *defence = poll->defence;
	struct daemon *daemon = defence->daemon;
	struct offender offender;
	enum offence offence;
	int error;

	if (is_spared(daemon, source))
		return;
	offence = offenders_add(defence->offenders, source, poll->cause, poll->block_for_s, now_ms, &offender);
	if (offence == OFFENCE_FORGED)
		tell_forged(defence, poll->cause, now_ms);
	if (offence != OFFENCE_FIRST && offence != OFFENCE_AGAIN)
		return;
	error = shut_out(daemon, &offender, now_ms);
	if (error < 0)
		events_add(daemon->events, EVENT_KERNEL, EVENT_ERROR, NULL, "an attacker cannot be shut out: %s",
			strerror(-error));
	else if (poll->set != NULL)
		remove_from(daemon, poll->set, source);
	tell_attack(daemon, &offender, poll->cause < DETECTORS ? defence->detectors[poll->cause].rate : 0,
		offence == OFFENCE_FIRST);
}

void defence_offence(struct daemon *daemon, const struct address *source, enum detector detector)
{
	const struct detector_settings *settings = &daemon->generation->config->dos.detectors[detector];
	const struct poll poll = { .defence = daemon->defence, .cause = (uint16_t)detector,
		.block_for_s = settings->block_for_s, .family = source->family };
	char text[ADDRESS_TEXT_MAX];

	if (daemon->defence != NULL && settings->block_for_s != 0)
		handle(&poll, source, verdicts_now_ms());
	else
		events_add(daemon->events, EVENT_ATTACK, EVENT_WARNING, NULL, "%s from %s: not blocked", detector_name(detector),
			address_format(source, text, sizeof(text)));
}

static bool take(const struct ruleset_element *element, void *data)
{
	struct poll *poll = data;

	poll->taken[poll->count++] = element->address;
	return poll->count < TAKEN_MAX;
}

/* name: of the sets, without the family. */
static void poll_cause(struct defence *defence, uint16_t cause, uint32_t block_for_s, const char *name, uint64_t now_ms)
{
	static struct poll poll;

	for (enum family family = IPV4; family <= IPV6; family++) {
		char set[64];

		poll = (struct poll){ .defence = defence, .cause = cause, .block_for_s = block_for_s, .family = family };
		poll.set = set_name(set, sizeof(set), name, family);
		ruleset_elements_list(defence->daemon->nftables, table_of(defence->daemon), poll.set, family, take, &poll);
		for (size_t i = 0; i < poll.count; i++)
			handle(&poll, &poll.taken[i], now_ms);
	}
}

/* How much of it was too much, per second, since the last poll. */
static void measure(struct defence *defence, enum detector detector, uint64_t past_ms)
{
	struct daemon *daemon = defence->daemon;
	uint64_t count, before = defence->detectors[detector].count;

	if (ruleset_counter(daemon->nftables, table_of(daemon), detector_name(detector), &count) < 0)
		return;
	defence->detectors[detector].rate = past_ms == 0 || count < before ? 0 :
		(uint32_t)((count - before) * 1000 / past_ms);
	defence->detectors[detector].count = count;
}

static void poll_detectors(struct defence *defence, uint64_t now_ms)
{
	const struct dos *dos = &defence->daemon->generation->config->dos;
	char name[64];

	for (enum detector detector = 0; detector < DETECT_PORT_SCAN; detector++) {
		const struct detector_settings *settings = &dos->detectors[detector];

		if (!settings->enabled || settings->block_for_s == 0)
			continue;
		measure(defence, detector, now_ms - defence->polled_ms);
		snprintf(name, sizeof(name), "%s-%s", PLAN_OFFENDERS, detector_name(detector));
		poll_cause(defence, (uint16_t)detector, settings->block_for_s, name, now_ms);
	}
}

static void take_excess(const char *counter, uint64_t packets, void *data)
{
	struct defence *defence = data;
	size_t length = strlen(PLAN_OVER "-");
	unsigned long id;
	char *end;

	if (strncmp(counter, PLAN_OVER "-", length) != 0)
		return;
	id = strtoul(counter + length, &end, 10);
	if (*end == '\0' && id < 1u << MARK_POLICY_BITS && defence->excess[id].count != packets)
		defence->excess[id] = (struct excess){ packets, verdicts_now_ms() };
}

static size_t count_blocking(const struct config *config)
{
	size_t count = 0;

	for (size_t i = 0; i < config->policy_count; i++)
		count += config->policies[i].limits.block_for_s != 0;
	return count;
}

static void poll_policy(struct defence *defence, unsigned int id, uint32_t block_for_s, uint64_t now_ms)
{
	char name[64];

	snprintf(name, sizeof(name), "%s-%u", PLAN_OFFENDERS, id);
	poll_cause(defence, (uint16_t)(OFFENCE_POLICY + id), block_for_s, name, now_ms);
}

/* A counter that is not told, because somebody commits just now, is told the next time. */
static void poll_policies(struct defence *defence, uint64_t now_ms)
{
	const struct generation *generation = defence->daemon->generation;
	size_t count = generation->config->policy_count, looked = 0, i;
	bool always = count_blocking(generation->config) <= LOOKED_ALWAYS;

	if (!always)
		ruleset_counters(defence->daemon->nftables, table_of(defence->daemon), take_excess, defence);
	for (i = 0; i < count && looked < LOOKED_MAX; i++) {
		size_t index = (defence->next + i) % count;
		unsigned int id = generation->ids.policies[index];
		uint32_t block_for_s = generation->config->policies[index].limits.block_for_s;
		uint64_t moved_ms = defence->excess[id].moved_ms;

		if (block_for_s == 0 || (!always && (moved_ms == 0 || now_ms > moved_ms + PLAN_OFFENDERS_MS)))
			continue;
		poll_policy(defence, id, block_for_s, now_ms);
		looked++;
	}
	defence->next = count == 0 ? 0 : (defence->next + i) % count;
}

static void on_timer(uv_timer_t *timer)
{
	struct defence *defence = timer->data;
	uint64_t now_ms = verdicts_now_ms();

	if (plan_blocks(defence->daemon->generation->config)) {
		poll_detectors(defence, now_ms);
		poll_policies(defence, now_ms);
	}
	defence->polled_ms = now_ms;
	scanning_poll(defence->daemon);
	tell_attacks(defence->daemon);
}

static bool adopt(const struct ruleset_element *element, void *data)
{
	struct defence *defence = data;
	uint64_t now_ms = verdicts_now_ms();

	offenders_adopt(defence->offenders, &element->address, now_ms, now_ms + element->expires_ms);
	return true;
}

static void list_blocked(struct daemon *daemon, bool (*callback)(const struct ruleset_element *element, void *data),
	void *data)
{
	char name[32];

	for (enum family family = IPV4; family <= IPV6 && plan_blocks(daemon->generation->config); family++)
		ruleset_elements_list(daemon->nftables, table_of(daemon), set_name(name, sizeof(name), PLAN_BLOCKED, family),
			family, callback, data);
}

static void free_defence(struct defence *defence)
{
	offenders_free(defence->offenders);
	free(defence->excess);
	free(defence);
}

int defence_start(struct daemon *daemon)
{
	struct defence *defence = calloc(1, sizeof(*defence));

	if (defence == NULL)
		return -ENOMEM;
	defence->daemon = daemon;
	defence->offenders = offenders_new(OFFENDERS_KEPT, daemon->state.key);
	defence->excess = calloc(1u << MARK_POLICY_BITS, sizeof(*defence->excess));
	if (defence->offenders == NULL || defence->excess == NULL) {
		free_defence(defence);
		return -ENOMEM;
	}
	daemon->defence = defence;
	/* Who was shut out by the daemon before stays it. */
	list_blocked(daemon, adopt, defence);
	defence->polled_ms = verdicts_now_ms();
	/* Contacts count from now on, not from the first look of the timer. */
	scanning_poll(daemon);
	uv_timer_init(daemon->loop, &defence->timer);
	defence->timer.data = defence;
	return uv_timer_start(&defence->timer, on_timer, POLL_MS, POLL_MS);
}

static void on_closed(uv_handle_t *handle)
{
	free_defence(handle->data);
}

void defence_stop(struct daemon *daemon)
{
	scanning_stop(daemon);
	if (daemon->defence == NULL)
		return;
	uv_close((uv_handle_t *)&daemon->defence->timer, on_closed);
	daemon->defence = NULL;
}

size_t defence_forgive(struct daemon *daemon, const struct address *address)
{
	struct network site = offender_site(address);
	size_t found = offenders_forget(daemon->defence->offenders, address);
	char name[32];

	if (found > 0)
		remove_from(daemon, set_name(name, sizeof(name), PLAN_BLOCKED, address->family), &site.address);
	return found;
}

void defence_each(struct daemon *daemon, void (*callback)(const struct offender *offender, void *data), void *data)
{
	if (plan_blocks(daemon->generation->config))
		offenders_each(daemon->defence->offenders, verdicts_now_ms(), callback, data);
}

struct dropped {
	void (*callback)(const struct address *site, uint64_t packets, void *data);
	void *data;
};

static bool tell_dropped(const struct ruleset_element *element, void *data)
{
	const struct dropped *dropped = data;

	dropped->callback(&element->address, element->packets, dropped->data);
	return true;
}

void defence_dropped(struct daemon *daemon, void (*callback)(const struct address *site, uint64_t packets, void *data),
	void *data)
{
	struct dropped dropped = { callback, data };

	list_blocked(daemon, tell_dropped, &dropped);
}
