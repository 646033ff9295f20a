/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a link meets whose connections are not answered: checks at once and often, and no more than it must take. */

#include "daemon/accuser.h"
#include "daemon/daemon.h"
#include "daemon/watch.h"

/* Between rounds of checks; one that takes longer is waited for. */
#define HURRY_MS 200

/* By then the checks have said what they know: links may be paid by volume. */
#define HURRIES_FOR_MS 10000

/* How long a round may wait for an answer: so many round trips, and so long at least. */
#define TRIPS          4
#define ROUND_LEAST_MS 1000

static const struct accuser *accuser_of(const struct link_run *run)
{
	return watch_accuser(run->daemon->watch);
}

static uint32_t answered_on(const struct link_run *run)
{
	return atomic_load_explicit(&accuser_of(run)->answered[run->id], memory_order_relaxed);
}

static void hurry(struct link_run *run)
{
	bool fresh = run->suspicion.verdict != SUSPECT_NONE && verdicts_now_ms() - run->suspicion.since_ms < HURRIES_FOR_MS;

	if (run->checker != NULL)
		checker_hurry(run->checker, fresh ? HURRY_MS : 0);
}

/* True where the plan has to follow. */
static bool follow(struct link_run *run)
{
	bool before = run->view.suspect;

	run->view.suspect = run->suspicion.verdict == SUSPECT_LINK;
	hurry(run);
	return run->view.suspect != before;
}

static void tell(struct link_run *run, const struct accused *accused, enum verdict verdict)
{
	events_add(run->daemon->events, EVENT_LINK, EVENT_WARNING, run->link->name,
		"link %s suspect: %u connections to %u networks had no answer within %u ms; %s", run->link->name,
		(unsigned int)atomic_load(&accused->count), (unsigned int)atomic_load(&accused->sites),
		(unsigned int)atomic_load(&accused->patience_ms),
		verdict == SUSPECT_LINK ? "new ones avoid it where they can, its checks run now"
					: "nor have those on other links; its checks run now");
}

/* True where the plan has to follow. */
static bool take_accusation(struct link_run *run, struct accused *accused)
{
	enum verdict verdict = (enum verdict)atomic_exchange(&accused->verdict, SUSPECT_NONE);

	if (verdict == SUSPECT_NONE || run->health.state == LINK_DOWN)
		return false;
	if (!suspicion_accuse(&run->suspicion, verdict, answered_on(run), verdicts_now_ms()))
		return false;
	tell(run, accused, verdict);
	return follow(run);
}

void suspicion_wake(uv_async_t *async)
{
	struct daemon *daemon = async->data;
	struct accuser *accuser = watch_accuser(daemon->watch);
	bool changed = false;

	for (size_t i = 0; accuser != NULL && i < daemon->generation->config->link_count; i++)
		changed |= take_accusation(&daemon->links[i], &accuser->accused[daemon->links[i].id]);
	if (changed)
		apply_all(daemon, NULL);
}

void suspicion_second(struct daemon *daemon)
{
	bool changed = false;

	for (size_t i = 0; daemon->watch != NULL && i < daemon->generation->config->link_count; i++) {
		struct link_run *run = &daemon->links[i];
		bool avoided = run->view.suspect;

		if (suspicion_over(&run->suspicion, run->checker != NULL, answered_on(run), verdicts_now_ms()))
			events_add(daemon->events, EVENT_LINK, EVENT_NOTICE, run->link->name, "link %s is not suspect any more%s",
				run->link->name, avoided ? ": it gets new connections again" : "");
		changed |= follow(run);
	}
	if (changed)
		apply_all(daemon, NULL);
}

/* Of a suspect link some times its round trip, a second at least: rounds follow on each other, and three lost ones end it. */
uint32_t suspicion_interval(const struct link_run *run)
{
	uint32_t interval_ms = run->link->check.interval_ms, trips_ms = TRIPS * run->health.smoothed_us / 1000;

	if (run->suspicion.verdict == SUSPECT_NONE)
		return interval_ms;
	if (trips_ms < ROUND_LEAST_MS)
		trips_ms = ROUND_LEAST_MS;
	return trips_ms < interval_ms ? trips_ms : interval_ms;
}

void suspicion_settle(struct link_run *run)
{
	if (run->health.state == LINK_DOWN)
		suspicion_drop(&run->suspicion, verdicts_now_ms());
	follow(run);
}
