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
#include "daemon/stories.h"
#include "service/alert_template.h"
#include "service/spool.h"

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

int tell_mail(struct daemon *daemon, struct alert *alert, alert_kinds kinds)
{
	const struct mail_settings *settings = &daemon->generation->config->mail;
	const char *addresses[MAIL_RECIPIENTS_MAX];
	char message_id[MESSAGE_ID_ROOM], names[512], *message;
	size_t count = mail_recipients(settings, kinds, addresses);
	struct alert_link links[CONFIG_LINKS_MAX];

	if (daemon->mailer == NULL || count == 0)
		return 0;
	/* A summary is for those who get mails without having been asked of which kinds. */
	if (alert->kind == NOTICE_SUMMARY && settings->to.count > 0)
		count = settings->to.count;
	if (alert->message_id == NULL)
		alert->message_id = tell_message_id(daemon, message_id);
	fill_links(daemon, links);
	alert->host = daemon->host;
	alert->when = time(NULL);
	alert->traffic_on = links_usable_names(daemon, names, sizeof(names));
	alert->links = links;
	alert->link_count = daemon->generation->config->link_count;
	alert->template = daemon->templates->texts[alert->kind];
	message = alert_message(alert, settings->from, addresses, count);
	if (message == NULL)
		return -ENOMEM;
	keep_mail(daemon, alert->message_id, message, alert->kind == NOTICE_SUMMARY ? SPOOL_LATER : SPOOL_FIRST);
	return 0;
}

static enum notice notice_of(const struct announcement *announcement)
{
	if (announcement->again)
		return NOTICE_REMINDER;
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

/* The first mail of a story is its root. An UP answers its DOWN, everything else the root. */
static void join_story(struct story *story, const struct outage *outage, struct alert *alert)
{
	const char *outage_id = outage == NULL ? NULL : outage->message_id;

	if (alert->kind == NOTICE_DOWN && outage_id != NULL)
		alert->message_id = outage_id;
	if (story->root[0] == '\0' && (alert->kind == NOTICE_UP || alert->kind == NOTICE_REMINDER) && outage_id != NULL)
		snprintf(story->root, sizeof(story->root), "%s", outage_id);
	if (story->root[0] == '\0') {
		snprintf(story->root, sizeof(story->root), "%s", alert->message_id);
		return;
	}
	alert->root = story->root;
	alert->in_reply_to = alert->kind == NOTICE_UP && outage_id != NULL ? outage_id : story->root;
}

static void describe_link(struct daemon *daemon, const char *link, struct alert *alert)
{
	int index = config_link(daemon->generation->config, link);

	if (index < 0)
		return;
	if (alert->kind != NOTICE_QUOTA && alert->kind != NOTICE_ATTACK && alert->kind != NOTICE_DAEMON)
		join_story(stories_of(daemon, link), tell_outage(daemon, link), alert);
	alert->latency_us = health_latency_us(&daemon->links[index].health);
	alert->loss_permille = health_loss_permille(&daemon->links[index].health);
}

void tell_announcement(struct daemon *daemon, const struct announcement *announcement)
{
	const char *addresses[MAIL_RECIPIENTS_MAX];
	alert_kinds kinds = 1u << announcement->kind;
	char message_id[MESSAGE_ID_ROOM];
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

	if (daemon->mailer == NULL || mail_recipients(&daemon->generation->config->mail, kinds, addresses) == 0)
		return;
	alert.message_id = tell_message_id(daemon, message_id);
	if (announcement->kind == ALERT_ATTACK) {
		alert.attack = announcement->cause;
		alert.answer = announcement->state;
		alert.reason = "";
	}
	if (announcement->link != NULL)
		describe_link(daemon, announcement->link, &alert);
	tell_mail(daemon, &alert, kinds);
}
