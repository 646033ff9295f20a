/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Looks for what is wrong with links that fail, and keeps what was found. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/diagnosis.h"
#include "service/control.h"
#include "service/diagnose.h"

struct daemon;
struct link_run;

#define DIAGNOSIS_TEXT_MAX 400

/* Of one link, in its struct link_run; all zero at first. The finding itself is link_run.finding. */
struct link_diagnosis {
	struct diagnose *gathering;       /* evidence for the finding; NULL: none */
	enum link_cause cause;            /* that the finding is of, or is looked for; CAUSE_NONE: the link works */
	char reason[DIAGNOSIS_TEXT_MAX + 32]; /* the cause and what was found, in words; "": not known yet */
	uint64_t ends_ms;                 /* of gathering, at the latest */
	uint64_t due_ms;                  /* CAUSE_CHECKS: when to look, again or at all */
	uint32_t pause_ms;                /* until then, doubled each time */
	bool mail_waits;                  /* for the finding, until mail_due_ms */
	enum link_state mail_before;      /* what tell_link() is to be told */
	uint64_t mail_due_ms;
	struct diagnose *reporting;       /* for somebody who asked */
	struct control_pending *pending;  /* him */
	uint64_t asked_ms;
};

/* The link's health may have changed: what was found follows, or is looked for. Harmless where it has not. */
void diagnosing_follow(struct link_run *run);

/* As tell_link(), but the mail of a failure whose cause is looked for waits for it, three seconds at most. */
void diagnosing_tell(struct link_run *run, enum link_state before);

/* Each second: looks again, ever more seldom, and sends mails that have waited for long enough. */
void diagnosing_second(struct daemon *daemon);

/* A reload: what was found of the link before holds on. */
void diagnosing_inherit(struct link_run *run, const struct link_run *old);

/* The link goes away: mails and reports that wait for it go out now. */
void diagnosing_end(struct link_run *run);

/* All of them: the daemon ends. */
void diagnosing_stop(struct daemon *daemon);

/* What people are told as the reason of its state: the cause, and what was found. Lives in the link. */
const char *diagnosing_reason(const struct link_run *run);

/* Asks for a thorough look at the link; answered later. */
void report_diagnose(void *data, const struct control_request *request, struct control_answer *answer);

/* The report as JSON. */
json_t *diagnosis_document(const struct link_run *run, const struct evidence *evidence, uint64_t took_ms);

/* What the evidence of a finding adds to its name: who is silent, how far packets come. Returns text. */
const char *diagnosis_text(enum finding finding, const struct evidence *evidence, char *text, size_t size);
