/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The figures of lab-load as JSON. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"

#define ERRNO_MAX     200
#define SLOWEST       5
#define FAILURES_TOLD 20

static double seconds(uint64_t ns)
{
	return (double)ns / 1e9;
}

static const char *outcome_name(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PENDING:
		return "pending";
	case OUTCOME_OK:
		return "ok";
	case OUTCOME_FAILED:
		return "failed";
	case OUTCOME_RESET:
		return "reset";
	case OUTCOME_STALLED:
		return "stalled";
	}
	return "?";
}

static const char *error_name(int error)
{
	if (error == 0)
		return "";
	return error == ETIME ? "TIMEOUT" : strerrorname_np(error);
}

static size_t count_outcome(const struct load *load, enum outcome outcome)
{
	size_t count = 0;

	for (size_t i = 0; i < load->begun; i++)
		count += load->attempts[i].outcome == outcome;
	return count;
}

static int compare(const void *a, const void *b)
{
	const struct attempt *const *first = a, *const *second = b;
	uint64_t x = (*first)->connected_ns - (*first)->begun_ns;
	uint64_t y = (*second)->connected_ns - (*second)->begun_ns;

	return x < y ? -1 : x > y;
}

static double micros(const struct attempt *attempt)
{
	return (double)(attempt->connected_ns - attempt->begun_ns) / 1e3;
}

static void print_times(const struct load *load, FILE *out)
{
	const struct attempt **sorted = calloc(load->begun + 1, sizeof(const struct attempt *));
	size_t count = 0;

	if (sorted == NULL)
		return;
	for (size_t i = 0; i < load->begun; i++) {
		if (load->attempts[i].connected_ns != 0)
			sorted[count++] = &load->attempts[i];
	}
	qsort(sorted, count, sizeof(const struct attempt *), compare);
	if (count > 0)
		fprintf(out, "  \"p50_us\": %.1f, \"p99_us\": %.1f, \"max_us\": %.1f,\n",
			micros(sorted[count / 2]), micros(sorted[count * 99 / 100]),
			micros(sorted[count - 1]));
	fputs("  \"slowest\": [", out);
	for (size_t i = 0; i < SLOWEST && i < count; i++) {
		const struct attempt *attempt = sorted[count - 1 - i];

		fprintf(out, "%s{\"begun\": %.6f, \"us\": %.1f}", i > 0 ? ", " : "",
			seconds(attempt->begun_ns), micros(attempt));
	}
	fputs("],\n", out);
	free(sorted);
}

static void print_errors(const struct load *load, FILE *out)
{
	size_t counts[ERRNO_MAX] = { 0 };
	const char *comma = "";

	for (size_t i = 0; i < load->begun; i++) {
		int error = load->attempts[i].error;

		if (error > 0 && error < ERRNO_MAX)
			counts[error]++;
	}
	fputs("  \"errors\": {", out);
	for (int error = 1; error < ERRNO_MAX; error++) {
		if (counts[error] == 0)
			continue;
		fprintf(out, "%s\"%s\": %zu", comma, error_name(error), counts[error]);
		comma = ", ";
	}
	fputs("},\n", out);
}

static void print_failures(const struct load *load, FILE *out)
{
	size_t told = 0;

	fputs("  \"failures\": [", out);
	for (size_t i = 0; i < load->begun && told < FAILURES_TOLD; i++) {
		const struct attempt *attempt = &load->attempts[i];

		if (attempt->outcome != OUTCOME_FAILED)
			continue;
		fprintf(out,
			"%s\n    {\"begun\": %.6f, \"since_start\": %.6f, \"error\": \"%s\", "
			"\"after\": %.6f}",
			told++ > 0 ? "," : "", seconds(attempt->begun_ns),
			seconds(attempt->begun_ns - load->start_ns), error_name(attempt->error),
			seconds(attempt->ended_ns - attempt->begun_ns));
	}
	fputs("],\n", out);
}

static void print_attempt(const struct load *load, size_t index, FILE *out)
{
	const struct attempt *attempt = &load->attempts[index];
	struct endpoint target = attempt_target(load->options, index);
	char source[ENDPOINT_TEXT_MAX], to[ENDPOINT_TEXT_MAX];

	fprintf(out,
		"    {\"begun\": %.6f, \"connected\": %.6f, \"ended\": %.6f, \"outcome\": \"%s\", "
		"\"error\": \"%s\", ",
		seconds(attempt->begun_ns), seconds(attempt->connected_ns),
		seconds(attempt->ended_ns), outcome_name(attempt->outcome),
		error_name(attempt->error));
	fprintf(out,
		"\"from\": \"%s\", \"from_port\": %u, \"to\": \"%s\", \"seen\": \"%s\", "
		"\"seen_port\": %u, ",
		attempt->answered ? endpoint_text(&attempt->source, source, sizeof(source)) : "",
		(unsigned int)endpoint_port(&attempt->source),
		endpoint_text(&target, to, sizeof(to)), attempt->first.address,
		attempt->first.port);
	fprintf(out, "\"last_seen\": \"%s\", \"moved\": %u, \"moved_at\": %.6f, \"answers\": %u, ",
		attempt->last.address, attempt->moved, seconds(attempt->moved_ns),
		attempt->answers);
	fprintf(out, "\"asked\": %.6f, \"repeats\": %u, \"last_sent\": %.6f, \"sent_before\": %.6f}",
		seconds(attempt->asked_ns), attempt->repeats, seconds(attempt->last_sent_ns),
		seconds(attempt->sent_before_ns));
}

static void print_each(const struct load *load, FILE *out)
{
	fputs("  \"attempts\": [\n", out);
	for (size_t i = 0; i < load->begun; i++) {
		print_attempt(load, i, out);
		fputs(i + 1 < load->begun ? ",\n" : "\n", out);
	}
	fputs("  ],\n", out);
}

void load_report(const struct load *load, FILE *out)
{
	size_t split = 0, split_ports = 0, moved = 0;

	for (size_t i = 0; i < load->begun; i++) {
		split += load->attempts[i].split;
		split_ports += load->attempts[i].split_ports;
		moved += load->attempts[i].moved > 0;
	}
	fprintf(out, "{\n  \"start\": %.6f, \"end\": %.6f,\n", seconds(load->start_ns),
		seconds(load_now_ns()));
	fprintf(out,
		"  \"begun\": %zu, \"ok\": %zu, \"failed\": %zu, \"reset\": %zu, \"stalled\": "
		"%zu,\n",
		load->begun, count_outcome(load, OUTCOME_OK), count_outcome(load, OUTCOME_FAILED),
		count_outcome(load, OUTCOME_RESET), count_outcome(load, OUTCOME_STALLED));
	print_errors(load, out);
	print_times(load, out);
	print_failures(load, out);
	if (load->options->each)
		print_each(load, out);
	fprintf(out, "  \"split\": %zu, \"split_ports\": %zu, \"moved\": %zu\n}\n", split,
		split_ports, moved);
}
