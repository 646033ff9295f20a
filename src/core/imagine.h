/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A world made up for a configuration, in which all that it names exists: to ask what it would decide, anywhere. */
#pragma once

#include "core/explain.h"
#include "core/question.h"

/*
 * Link number n, from 1, has device index n, and addresses in the network of its gateway, or 198.18.n.1/24 and
 * 2001:db8:n::1/64. All links are usable. Device number n of the zones has 10.0.n.1/24 and fd00:n::1/64 where its zone
 * names no networks; numbers whose networks the configuration names itself are left out.
 */
struct imagined;

/* config must outlive it. The caller frees it with imagined_free(). NULL: no memory. */
struct imagined *imagine(const struct config *config);

/* Accepts NULL. */
void imagined_free(struct imagined *imagined);

/* Makes a link, by its name, unusable, or usable again. False: there is no such link. */
bool imagine_link(struct imagined *imagined, const char *name, bool usable);

/*
 * What would be decided for the connection, and why; ret_explanation lives until imagined_free(). 0, -EINVAL with the
 * problem told, or -ENOMEM.
 */
int imagine_explain(struct imagined *imagined, const struct question *question, struct explanation *ret_explanation,
	struct question_problem *problem);

/* The view in which it is decided, and the numbers of links and policies. Live until imagined_free(). */
const struct view *imagined_view(const struct imagined *imagined);
const struct ids *imagined_ids(const struct imagined *imagined);

/* What time it is there: a minute of the local week. */
void imagine_minute(struct imagined *imagined, uint16_t minute);

/*
 * Puts a flow of the real world, with its addresses, into the imagined one: fills device, came_by and direct. in: the
 * device that it came in by; NULL, or one that the configuration has not: the zone of its source says it; and where
 * that is in none, inside tells those that came from inside from those of this machine. The addresses of this machine
 * are others there: its own connections, and those that come in by a link for no network inside, get these.
 */
void imagine_place(const struct imagined *imagined, const char *in, bool inside, struct flow *flow);
