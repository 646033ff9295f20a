/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one way by which people and programs are told of something: each consumer has its line here. */

#include "daemon/announce.h"

#include "daemon/daemon.h"

void announce(struct daemon *daemon, const struct announcement *announcement)
{
	tell_announcement(daemon, announcement);
	tell_command(daemon, announcement);
}
