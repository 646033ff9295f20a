/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Mails in the operator's own words. */

#include "service/alert_template.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "service/alert_body.h"
#include "service/alert_text.h"
#include "service/file.h"

#define VALUE_SIZE 1024

/* Nothing in it that the built-in wording would have to stand in for. */
static bool is_good(const char *text, size_t size)
{
	struct template_piece piece;

	if (strlen(text) != size || text[0] == '\n' || strchr(text, '\n') == NULL)
		return false;
	while (template_next(&text, &piece)) {
		if (piece.kind == TEMPLATE_UNKNOWN || piece.kind == TEMPLATE_UNCLOSED)
			return false;
	}
	return true;
}

/* *ret_text is NULL where there is no such file. 0 or -errno. */
static int read_template(const char *folder, enum notice notice, char **ret_text)
{
	char name[32], *text;
	size_t size;
	void *bytes;
	int result;

	*ret_text = NULL;
	snprintf(name, sizeof(name), "%s.txt", notice_name(notice));
	result = file_read(folder, name, TEMPLATE_BYTES_MAX, &bytes, &size);
	if (result < 0)
		return result == -ENOENT ? 0 : result;
	text = strndup(bytes, size);
	free(bytes);
	if (text == NULL)
		return -ENOMEM;
	if (is_good(text, size)) {
		*ret_text = text;
		return 0;
	}
	free(text);
	return -EINVAL;
}

unsigned int alert_templates_read(const char *folder, struct alert_templates *templates)
{
	unsigned int wrong = 0;

	alert_templates_free(templates);
	for (enum notice notice = 0; folder != NULL && notice < NOTICES; notice++)
		wrong += read_template(folder, notice, &templates->texts[notice]) < 0;
	return wrong;
}

void alert_templates_free(struct alert_templates *templates)
{
	for (enum notice notice = 0; notice < NOTICES; notice++) {
		free(templates->texts[notice]);
		templates->texts[notice] = NULL;
	}
}

static const char *device_of(const struct alert *alert)
{
	for (size_t i = 0; alert->link != NULL && i < alert->link_count; i++) {
		if (alert->links[i].name != NULL && strcmp(alert->links[i].name, alert->link) == 0)
			return alert->links[i].device;
	}
	return "";
}

static void write_clean(FILE *out, const char *text)
{
	char clean[VALUE_SIZE];

	fputs(alert_text_clean(clean, sizeof(clean), text), out);
}

static void write_details(FILE *out, const struct alert *alert)
{
	for (size_t i = 0; i < alert->consequence_count; i++) {
		fputs(i == 0 ? "" : "\n", out);
		write_clean(out, alert->consequences[i]);
	}
}

static void write_built_in(FILE *out, const struct alert *alert, enum template_word word)
{
	struct alert plain = *alert;
	char subject[VALUE_SIZE], *body;

	plain.template = NULL;
	if (word == TEMPLATE_SUBJECT) {
		fputs(alert_subject(&plain, subject, sizeof(subject)), out);
		return;
	}
	body = alert_body(&plain);
	fputs(body == NULL ? "" : body, out);
	free(body);
}

static void write_value(FILE *out, const struct alert *alert, enum template_word word)
{
	char text[VALUE_SIZE];

	switch (word) {
	case TEMPLATE_HOST:
		write_clean(out, alert->host);
		break;
	case TEMPLATE_LINK:
		write_clean(out, alert->link);
		break;
	case TEMPLATE_DEVICE:
		write_clean(out, device_of(alert));
		break;
	case TEMPLATE_KIND:
		fputs(notice_title(alert->kind), out);
		break;
	case TEMPLATE_STATE:
		write_clean(out, alert->kind == NOTICE_ATTACK ? alert->answer : alert->state);
		break;
	case TEMPLATE_CAUSE:
		write_clean(out, alert->kind == NOTICE_ATTACK ? alert->attack : alert->reason);
		break;
	case TEMPLATE_TEXT:
		write_clean(out, alert->text);
		break;
	case TEMPLATE_TRAFFIC:
		write_clean(out, alert->traffic_on);
		break;
	case TEMPLATE_LATENCY:
		fputs(alert_latency(alert->latency_us, text, sizeof(text)), out);
		break;
	case TEMPLATE_LOSS:
		fputs(alert_loss(alert->loss_permille, text, sizeof(text)), out);
		break;
	case TEMPLATE_DURATION:
		fputs(alert_duration(alert->outage_s, text, sizeof(text)), out);
		break;
	case TEMPLATE_WHEN:
		fputs(alert_local_time(alert->when, text, sizeof(text)), out);
		break;
	case TEMPLATE_WHEN_UTC:
		fputs(alert_utc(alert->when, text, sizeof(text)), out);
		break;
	case TEMPLATE_DETAILS:
		write_details(out, alert);
		break;
	case TEMPLATE_LINKS:
		alert_table(out, alert);
		break;
	case TEMPLATE_SUBJECT:
	case TEMPLATE_BODY:
		write_built_in(out, alert, word);
		break;
	case TEMPLATE_WORDS:
		break;
	}
}

char *alert_template_expand(const char *template, size_t length, const struct alert *alert)
{
	char *copy = strndup(template, length), *text = NULL;
	struct template_piece piece;
	const char *at = copy;
	size_t size = 0;
	FILE *out = copy == NULL ? NULL : open_memstream(&text, &size);
	bool failed;

	if (out == NULL) {
		free(copy);
		return NULL;
	}
	while (template_next(&at, &piece)) {
		if (piece.kind == TEMPLATE_VALUE)
			write_value(out, alert, piece.word);
		else
			fwrite(piece.text, 1, piece.length, out);
	}
	failed = ferror(out);
	failed |= fclose(out) != 0;
	free(copy);
	if (!failed)
		return text;
	free(text);
	return NULL;
}
