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

/* The view in which it is decided, for tests. */
const struct view *imagined_view(const struct imagined *imagined);
