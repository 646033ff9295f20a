/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: who is shut out, and letting one in again. */

#include <string.h>

#include "daemon/daemon.h"
#include "daemon/defence.h"

struct listing {
	struct daemon *daemon;
	json_t *list;
	json_t *packets; /* by address */
	uint64_t now_ms;
	time_t now;
};

static void add_packets(const struct address *site, uint64_t packets, void *data)
{
	struct listing *listing = data;
	char text[ADDRESS_TEXT_MAX];

	json_object_set_new(listing->packets, offender_text(site, text, sizeof(text)), json_integer((json_int_t)packets));
}

static void add_blocked(const struct offender *offender, void *data)
{
	struct listing *listing = data;
	const char *detector = NULL, *policy = NULL, *address;
	char text[ADDRESS_TEXT_MAX];

	if (offender->cause < DETECTORS)
		detector = detector_name((enum detector)offender->cause);
	else if (offender->cause >= OFFENCE_POLICY)
		policy = report_policy_name(listing->daemon->generation, offender->cause - OFFENCE_POLICY);
	address = offender_text(&offender->site, text, sizeof(text));
	json_array_append_new(listing->list, json_pack("{s:s, s:s?, s:s?, s:I, s:I, s:i, s:I}", "address", address, "detector", detector, "policy", policy,
		"since", (json_int_t)(listing->now - (time_t)((listing->now_ms - offender->since_ms) / 1000)),
		"until", (json_int_t)(listing->now + (time_t)((offender->until_ms - listing->now_ms + 999) / 1000)),
		"times", (int)offender->times, "dropped", json_integer_value(json_object_get(listing->packets, address))));
}

void report_blocked(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct listing listing = { data, json_array(), json_object(), verdicts_now_ms(), time(NULL) };

	(void)request;
	defence_dropped(listing.daemon, add_packets, &listing);
	defence_each(listing.daemon, add_blocked, &listing);
	json_decref(listing.packets);
	answer->status = 200;
	answer->document = listing.list;
}

void report_unblock(void *data, const struct control_request *request, struct control_answer *answer)
{
	const char *text = request->get(request, "address");
	struct network network;
	struct daemon *daemon = data;

	if (text == NULL || !network_parse(text, &network)) {
		report_problem(answer, 400, "`%.60s' is no address", text == NULL ? "" : text);
		return;
	}
	if (defence_forgive(daemon, &network.address) == 0) {
		report_problem(answer, 404, "%.60s is not shut out", text);
		return;
	}
	events_add(daemon->events, EVENT_ATTACK, EVENT_NOTICE, NULL, "%.60s is let in again", text);
	answer->status = 200;
	answer->document = json_pack("{s:s}", "address", text);
}
