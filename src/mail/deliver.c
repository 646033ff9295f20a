/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands one message to the SMTP server, by libcurl, and makes out what the server's answers mean. */

#include "mail/deliver.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <curl/curl.h>

#include "mail/conversation.h"

#define CONNECT_TIMEOUT_S 10L
#define ANSWER_TIMEOUT_S  30L
#define SLOW_BYTES_S      10L /* below this for so long: */
#define SLOW_S            20L

struct sender {
	CURL *curl;
	const struct settings *settings;
	char error[CURL_ERROR_SIZE];
	struct conversation conversation;
	size_t asked[RECIPIENTS_MAX]; /* which recipient each RCPT TO was for */
};

static size_t read_file(char *buffer, size_t size, size_t count, void *data)
{
	const int *file = data;
	ssize_t got;

	do
		got = read(*file, buffer, size * count);
	while (got < 0 && errno == EINTR);
	return got < 0 ? CURL_READFUNC_ABORT : (size_t)got;
}

/* libcurl tells here what goes over the line; the bytes of the login are not looked at, nor kept. */
static int listen_in(CURL *curl, curl_infotype type, char *data, size_t size, void *user)
{
	struct conversation *conversation = user;

	(void)curl;
	if (type == CURLINFO_HEADER_OUT)
		conversation_command(conversation, data, size);
	else if (type == CURLINFO_HEADER_IN)
		conversation_answer(conversation, data, size);
	return 0;
}

static long use_ssl(const struct settings *settings)
{
	switch (settings->tls) {
	case TLS_REQUIRED:
		return CURLUSESSL_ALL;
	case TLS_OPPORTUNISTIC:
		/* the server, or who sits before it, must not talk us into sending the password in clear */
		return settings->user != NULL ? CURLUSESSL_ALL : CURLUSESSL_TRY;
	case TLS_NEVER:
		return CURLUSESSL_NONE;
	}
	return CURLUSESSL_ALL;
}

static void set_protocol(CURL *curl)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
#else
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS, (long)(CURLPROTO_SMTP | CURLPROTO_SMTPS));
#endif
#if LIBCURL_VERSION_NUM >= 0x075700
	/* a resolver that hangs is left behind when the time is over, not waited for */
	curl_easy_setopt(curl, CURLOPT_QUICK_EXIT, 1L);
#endif
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* whatever the environment says */
	/* one refused recipient must not keep the mail from the others; newer libraries take this older name too */
	curl_easy_setopt(curl, CURLOPT_MAIL_RCPT_ALLLOWFAILS, 1L);
}

static void set_time_limits(CURL *curl, const struct settings *settings)
{
	long whole = settings->timeout_s;

	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, whole < CONNECT_TIMEOUT_S ? whole : CONNECT_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_SERVER_RESPONSE_TIMEOUT, whole < ANSWER_TIMEOUT_S ? whole : ANSWER_TIMEOUT_S);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT, whole);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_S);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, SLOW_S);
}

static void set_security(CURL *curl, const struct settings *settings)
{
	curl_easy_setopt(curl, CURLOPT_USE_SSL, use_ssl(settings));
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
	curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
	if (settings->ca_file != NULL) {
		curl_easy_setopt(curl, CURLOPT_CAINFO, settings->ca_file);
		curl_easy_setopt(curl, CURLOPT_CAPATH, NULL);
	}
	if (settings->user != NULL)
		curl_easy_setopt(curl, CURLOPT_USERNAME, settings->user);
	if (settings->password != NULL)
		curl_easy_setopt(curl, CURLOPT_PASSWORD, settings->password);
}

struct sender *sender_new(const struct settings *settings)
{
	struct sender *sender = calloc(1, sizeof(*sender));

	if (sender == NULL)
		return NULL;
	sender->settings = settings;
	sender->curl = curl_easy_init();
	if (sender->curl == NULL) {
		free(sender);
		return NULL;
	}
	set_protocol(sender->curl);
	set_time_limits(sender->curl, settings);
	set_security(sender->curl, settings);
	curl_easy_setopt(sender->curl, CURLOPT_URL, settings->server);
	curl_easy_setopt(sender->curl, CURLOPT_MAIL_FROM, settings->from);
	curl_easy_setopt(sender->curl, CURLOPT_UPLOAD, 1L);
	curl_easy_setopt(sender->curl, CURLOPT_READFUNCTION, read_file);
	curl_easy_setopt(sender->curl, CURLOPT_ERRORBUFFER, sender->error);
	curl_easy_setopt(sender->curl, CURLOPT_VERBOSE, 1L);
	curl_easy_setopt(sender->curl, CURLOPT_DEBUGFUNCTION, listen_in);
	curl_easy_setopt(sender->curl, CURLOPT_DEBUGDATA, &sender->conversation);
	return sender;
}

void sender_free(struct sender *sender)
{
	if (sender == NULL)
		return;
	curl_easy_cleanup(sender->curl);
	free(sender);
}

/* Those who have it not yet; NULL: no memory. */
static struct curl_slist *recipients(struct sender *sender, uint64_t served)
{
	const struct settings *settings = sender->settings;
	struct curl_slist *list = NULL;
	size_t count = 0;

	for (size_t i = 0; i < settings->to_count; i++) {
		struct curl_slist *longer;

		if ((served >> i & 1) != 0)
			continue;
		longer = curl_slist_append(list, settings->to[i]);
		if (longer == NULL) {
			curl_slist_free_all(list);
			return NULL;
		}
		list = longer;
		sender->asked[count++] = i;
	}
	return list;
}

/* The server took the message; whom for? */
static enum verdict taken(struct sender *sender, uint64_t *served, char answer[ANSWER_SIZE])
{
	const struct conversation *conversation = &sender->conversation;
	enum verdict verdict = DELIVERED;

	for (size_t i = 0; i < conversation->asked; i++) {
		int class = conversation->codes[i] / 100;

		if (class == 2 || class == 5)
			*served |= UINT64_C(1) << sender->asked[i];
		else
			verdict = LATER;
	}
	if (conversation->refusal_line[0] == '\0')
		snprintf(answer, ANSWER_SIZE, "%s", conversation->last_line);
	else
		snprintf(answer, ANSWER_SIZE, "%s (but not for all: %s)", conversation->last_line,
			conversation->refusal_line);
	return verdict;
}

/* What a failure says about the message itself, and what about the server. */
static enum verdict not_taken(const struct conversation *conversation)
{
	int code = conversation->last_code, class = code / 100;

	/* 421: the server goes away; 530: it wants TLS or a login first */
	if (conversation->stage == STAGE_SESSION || code == 421 || code == 530 || (class != 4 && class != 5))
		return SERVER_AWAY;
	if (class == 4 || (conversation->stage == STAGE_RECIPIENT && !conversation_all(conversation, 5)))
		return LATER;
	return REFUSED;
}

enum verdict sender_send(struct sender *sender, int file, uint64_t *served, char answer[ANSWER_SIZE])
{
	struct curl_slist *to = recipients(sender, *served);
	struct stat status = { 0 };
	enum verdict verdict;
	CURLcode code;

	if (to == NULL || fstat(file, &status) < 0) {
		snprintf(answer, ANSWER_SIZE, "no memory");
		curl_slist_free_all(to);
		return SERVER_AWAY;
	}
	sender->conversation = (struct conversation){ 0 };
	sender->error[0] = '\0';
	curl_easy_setopt(sender->curl, CURLOPT_MAIL_RCPT, to);
	curl_easy_setopt(sender->curl, CURLOPT_READDATA, &file);
	curl_easy_setopt(sender->curl, CURLOPT_INFILESIZE_LARGE, (curl_off_t)status.st_size);

	code = curl_easy_perform(sender->curl);
	if (code == CURLE_OK) {
		verdict = taken(sender, served, answer);
	} else {
		const char *error = sender->error[0] != '\0' ? sender->error : curl_easy_strerror(code);

		verdict = not_taken(&sender->conversation);
		if (sender->conversation.last_code >= 400)
			snprintf(answer, ANSWER_SIZE, "%s", sender->conversation.last_line);
		else
			conversation_escape(answer, ANSWER_SIZE, error, strlen(error));
	}
	curl_easy_setopt(sender->curl, CURLOPT_MAIL_RCPT, NULL);
	curl_slist_free_all(to);
	return verdict;
}
