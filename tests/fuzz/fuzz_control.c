/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Feeds any words to the questions of the control socket, as lines of KEY=VALUE. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/config.h"
#include "core/protocol.h"
#include "core/question.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

static const char **word_of(struct question *question, const char *key)
{
	const struct {
		const char *key, **word;
	} words[] = {
		{ "from", &question->from }, { "to", &question->to }, { "protocol", &question->protocol },
		{ "from-port", &question->from_port }, { "to-port", &question->to_port }, { "icmp-type", &question->icmp_type },
		{ "dscp", &question->dscp }, { "at", &question->at }, { "in", &question->in },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(words[i].key, key) == 0)
			return words[i].word;
	}
	return NULL;
}

/* Cuts text into lines, and each at its first equals sign. */
static struct question read_words(char *text)
{
	struct question question = { 0 };
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
		char *value = strchr(line, '=');
		const char **word;

		if (value == NULL)
			continue;
		*value++ = '\0';
		word = word_of(&question, line);
		if (word != NULL)
			*word = value;
	}
	return question;
}

/* What is understood is in its bounds; what is not is told, with text that ends. */
static void require_sound(const struct asked *asked)
{
	require(asked->from_router || asked->flow.from.family == asked->flow.family);
	require(asked->to_router || asked->flow.to.family == asked->flow.family);
	require(asked->flow.dscp < 64);
	require(!asked->timed || asked->minute < MINUTES_OF_WEEK);
	require(asked->flow.ports == protocol_has_ports(asked->flow.protocol));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct question_problem problem;
	struct question question;
	struct asked asked;

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	question = read_words(text);
	if (question_read(&question, &asked, &problem))
		require_sound(&asked);
	else
		require(problem.text[0] != '\0' && memchr(problem.text, '\0', sizeof(problem.text)) != NULL &&
			memchr(problem.hint, '\0', sizeof(problem.hint)) != NULL);
	free(text);
	return 0;
}
