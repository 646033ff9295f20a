/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mails: what is announced becomes a message in the spool. */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/announce.h"
#include "daemon/daemon.h"
#include "service/alert.h"

const char *tell_spool(const struct daemon *daemon, char *path, size_t size)
{
	snprintf(path, size, "%s/spool", daemon->generation->config->state_directory);
	return path;
}

const char *tell_message_id(const struct daemon *daemon, char text[MESSAGE_ID_ROOM])
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) < 0)
		random = (uint64_t)rand();
	snprintf(text, MESSAGE_ID_ROOM, "%lld.%016" PRIx64 "@%.80s", (long long)time(NULL), random, daemon->host);
	return text;
}

static void fill_links(struct daemon *daemon, struct alert_link *links)
{
	for (size_t i = 0; i < daemon->generation->config->link_count; i++) {
		const struct link_run *run = &daemon->links[i];

		links[i] = (struct alert_link){
			.name = run->link->name,
			.device = run->link->device,
			.state = run->health.state,
			.reason = duty_mail_text(run),
			.latency_us = health_latency_us(&run->health),
			.loss_permille = health_loss_permille(&run->health),
			.since = run->since,
		};
	}
}

int tell_mail(struct daemon *daemon, struct alert *alert)
{
	const struct mail_settings *settings = &daemon->generation->config->mail;
	char message_id[MESSAGE_ID_ROOM], names[512], *message;
	struct alert_link links[CONFIG_LINKS_MAX];

	if (daemon->mailer == NULL)
		return 0;
	if (alert->message_id == NULL)
		alert->message_id = tell_message_id(daemon, message_id);
	fill_links(daemon, links);
	alert->host = daemon->host;
	alert->when = time(NULL);
	alert->traffic_on = links_usable_names(daemon, names, sizeof(names));
	alert->links = links;
	alert->link_count = daemon->generation->config->link_count;
	message = alert_message(alert, settings->from, (const char *const *)settings->to.items, settings->to.count);
	if (message == NULL)
		return -ENOMEM;
	keep_mail(daemon, alert->message_id, message);
	return 0;
}

static enum notice notice_of(const struct announcement *announcement)
{
	switch (announcement->kind) {
	case ALERT_DOWN:
		return NOTICE_DOWN;
	case ALERT_UP:
		return NOTICE_UP;
	case ALERT_DEGRADED:
		return announcement->over ? NOTICE_RECOVERED : NOTICE_DEGRADED;
	case ALERT_FLAPPING:
		return NOTICE_FLAPPING;
	case ALERT_QUOTA:
		return NOTICE_QUOTA;
	case ALERT_ATTACK:
		return NOTICE_ATTACK;
	case ALERT_DAEMON:
	case ALERT_KINDS:
		return NOTICE_DAEMON;
	}
	return NOTICE_DAEMON;
}

static void describe_link(const struct daemon *daemon, const char *link, struct alert *alert)
{
	int index = config_link(daemon->generation->config, link);
	const struct outage *outage = tell_outage(daemon, link);

	if (outage != NULL && alert->kind == NOTICE_DOWN)
		alert->message_id = outage->message_id;
	if (outage != NULL && alert->kind == NOTICE_UP)
		alert->in_reply_to = outage->message_id;
	if (index < 0)
		return;
	alert->latency_us = health_latency_us(&daemon->links[index].health);
	alert->loss_permille = health_loss_permille(&daemon->links[index].health);
}

void tell_announcement(struct daemon *daemon, const struct announcement *announcement)
{
	struct alert alert = {
		.kind = notice_of(announcement),
		.link = announcement->link,
		.reason = announcement->cause,
		.state = announcement->state,
		.text = announcement->text,
		.outage_s = announcement->lasted_s,
		.consequences = announcement->details,
		.consequence_count = announcement->detail_count,
	};

	if (daemon->mailer == NULL || !alert_wanted(daemon->generation->config->mail.kinds, announcement->kind))
		return;
	if (announcement->kind == ALERT_ATTACK) {
		alert.attack = announcement->cause;
		alert.answer = announcement->state;
		alert.reason = "";
	}
	if (announcement->link != NULL)
		describe_link(daemon, announcement->link, &alert);
	tell_mail(daemon, &alert);
}
