/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listens to a conversation between libcurl and an SMTP server: who said what at which point. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "mail/settings.h"

enum stage {
	STAGE_SESSION,   /* greeting, EHLO, STARTTLS, login */
	STAGE_SENDER,    /* MAIL FROM */
	STAGE_RECIPIENT, /* RCPT TO */
	STAGE_MESSAGE,   /* DATA and after */
};

struct conversation {
	enum stage stage;
	bool over;                 /* libcurl said goodbye; the answer to that tells nothing */
	int codes[RECIPIENTS_MAX]; /* answers to RCPT TO, in the order of asking; 0: not answered */
	size_t asked;
	int last_code;
	char last_line[200];     /* final line of the last answer, printable ASCII */
	char refusal_line[200];  /* of the last recipient that was not taken */
};

/* libcurl sent a command, or got a line of an answer; length bytes, not ended by zero. */
void conversation_command(struct conversation *conversation, const char *line, size_t length);
void conversation_answer(struct conversation *conversation, const char *line, size_t length);

/* Whether each recipient that was asked for got an answer of that class: 2, 4 or 5. */
bool conversation_all(const struct conversation *conversation, int class);

/* Copies length bytes of text; everything but printable ASCII comes out as \xNN. */
void conversation_escape(char *out, size_t size, const char *text, size_t length);
