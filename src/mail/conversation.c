/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Listens to a conversation between libcurl and an SMTP server: who said what at which point. */

#include "mail/conversation.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

void conversation_escape(char *out, size_t size, const char *text, size_t length)
{
	size_t used = 0;

	for (size_t i = 0; i < length && used + 5 <= size; i++) {
		unsigned char byte = (unsigned char)text[i];

		if (byte >= ' ' && byte <= '~')
			out[used++] = (char)byte;
		else
			used += (size_t)snprintf(out + used, size - used, "\\x%02x", byte);
	}
	out[used] = '\0';
}

static bool begins(const char *line, size_t length, const char *word)
{
	return length >= strlen(word) && strncasecmp(line, word, strlen(word)) == 0;
}

void conversation_command(struct conversation *conversation, const char *line, size_t length)
{
	if (begins(line, length, "EHLO ") || begins(line, length, "HELO ")) {
		conversation->stage = STAGE_SESSION;
	} else if (begins(line, length, "MAIL FROM:")) {
		conversation->stage = STAGE_SENDER;
	} else if (begins(line, length, "RCPT TO:")) {
		conversation->stage = STAGE_RECIPIENT;
		if (conversation->asked < RECIPIENTS_MAX)
			conversation->asked++;
	} else if (begins(line, length, "DATA\r\n")) {
		conversation->stage = STAGE_MESSAGE;
	} else if (begins(line, length, "QUIT\r\n")) {
		conversation->over = true;
	}
}

/* The code of the last line of an answer, or 0 for the lines before it and for anything else. */
static int final_code(const char *line, size_t length)
{
	for (size_t i = 0; i < 3; i++) {
		if (i >= length || !isdigit((unsigned char)line[i]))
			return 0;
	}
	if (length > 3 && line[3] == '-')
		return 0;
	return (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
}

void conversation_answer(struct conversation *conversation, const char *line, size_t length)
{
	int code = final_code(line, length);

	if (code == 0 || conversation->over)
		return;

	while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		length--;
	conversation->last_code = code;
	conversation_escape(conversation->last_line, sizeof(conversation->last_line), line, length);
	if (conversation->stage != STAGE_RECIPIENT || conversation->asked == 0)
		return;
	conversation->codes[conversation->asked - 1] = code;
	if (code / 100 != 2)
		memcpy(conversation->refusal_line, conversation->last_line, sizeof(conversation->refusal_line));
}

bool conversation_all(const struct conversation *conversation, int class)
{
	for (size_t i = 0; i < conversation->asked; i++) {
		if (conversation->codes[i] / 100 != class)
			return false;
	}
	return conversation->asked > 0;
}
