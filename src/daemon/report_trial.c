/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Answers of the control socket: try, confirm, rollback, and what status says of a trial. */

#include <errno.h>
#include <stdlib.h>

#include "config/value.h"
#include "daemon/daemon.h"

#define TIMEOUT_STANDARD_MS 120000
#define TIMEOUT_LEAST_MS    1000
#define TIMEOUT_MOST_MS     86400000

static bool read_timeout(const char *text, uint32_t *ret_ms, struct question_problem *problem)
{
	uint64_t ms = TIMEOUT_STANDARD_MS;

	if (text != NULL && (value_read(text, UNIT_TIME, &ms) != VALUE_FINE || ms < TIMEOUT_LEAST_MS || ms > TIMEOUT_MOST_MS))
		return question_refuse(problem, "write a time such as 120s or 5m, from 1s to 24h", "timeout: `%.60s' is none", text);
	*ret_ms = (uint32_t)ms;
	return true;
}

static json_t *report_counts(const struct daemon *daemon)
{
	return json_pack("{s:i, s:i}", "links", (int)daemon->generation->config->link_count,
		"policies", (int)daemon->generation->config->policy_count);
}

json_t *report_trial(const struct daemon *daemon)
{
	if (!daemon->trial.pending)
		return json_null();
	return json_pack("{s:s, s:i, s:i}", "file", daemon->trial.path, "timeout_s", (int)(daemon->trial.timeout_ms / 1000),
		"left_s", (int)trial_left_s(daemon));
}

void report_load_errors(struct daemon *daemon, const struct config_errors *errors, struct control_answer *answer)
{
	answer->status = 422;
	answer->document = json_pack("{s:o}", "errors", report_errors(errors));
	events_add(daemon->events, EVENT_RELOAD, EVENT_ERROR, NULL, "%s:%u:%u: error: %s; the old configuration stays",
		errors->items[0].file, errors->items[0].line, errors->items[0].column, errors->items[0].message);
}

void report_try(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	const char *file = request->get(request, "file");
	struct config_errors errors = { 0 };
	struct question_problem problem;
	char message[512] = "";
	uint32_t timeout_ms;
	int error;

	if (!read_timeout(request->get(request, "timeout"), &timeout_ms, &problem)) {
		report_refusal(answer, &problem);
		return;
	}
	error = trial_begin(daemon, file == NULL ? daemon->config_path : file, timeout_ms, &errors, message, sizeof(message));
	if (error == 0) {
		answer->status = 200;
		answer->document = report_counts(daemon);
		json_object_set_new(answer->document, "trial", report_trial(daemon));
	} else if (error == -EINVAL) {
		report_load_errors(daemon, &errors, answer);
	} else {
		report_problem(answer, error == -EBUSY ? 409 : 500, "%s", message);
	}
	config_errors_free(&errors);
}

void report_confirm(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	char message[512] = "";

	(void)request;
	if (!trial_confirm(daemon, message, sizeof(message))) {
		report_problem(answer, 409, "%s", message);
		return;
	}
	answer->status = 200;
	answer->document = report_counts(daemon);
	json_object_set_new(answer->document, "file", json_string(daemon->trial.path));
	json_object_set_new(answer->document, "own_file", json_string(daemon->config_path));
}

void report_rollback(void *data, const struct control_request *request, struct control_answer *answer)
{
	struct daemon *daemon = data;
	char message[512] = "";
	int error = trial_rollback(daemon, message, sizeof(message));

	(void)request;
	if (error < 0) {
		report_problem(answer, error == -ENOENT || error == -EBUSY ? 409 : 500, "%s", message);
		return;
	}
	answer->status = 200;
	answer->document = report_counts(daemon);
	json_object_set_new(answer->document, "own_file", json_string(daemon->config_path));
}
