/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who is told of what. */

#include "core/alerts.h"

#include <string.h>

const char *alert_kind_name(enum alert_kind kind)
{
	static const char *const names[ALERT_KINDS] = {
		[ALERT_DOWN] = "down",
		[ALERT_UP] = "up",
		[ALERT_DEGRADED] = "degraded",
		[ALERT_FLAPPING] = "flapping",
		[ALERT_QUOTA] = "quota",
		[ALERT_ATTACK] = "attack",
		[ALERT_DAEMON] = "daemon",
	};

	return names[kind];
}

bool alert_wanted(alert_kinds kinds, enum alert_kind kind)
{
	return kinds == 0 || (kinds >> kind & 1) != 0;
}

static size_t add_addresses(const struct names *names, const char **addresses, size_t count)
{
	for (size_t i = 0; i < names->count && count < MAIL_RECIPIENTS_MAX; i++) {
		bool known = false;

		for (size_t other = 0; other < count; other++)
			known |= strcmp(addresses[other], names->items[i]) == 0;
		if (!known)
			addresses[count++] = names->items[i];
	}
	return count;
}

static bool overlap(alert_kinds wanted, alert_kinds kinds)
{
	return wanted == 0 || kinds == 0 || (wanted & kinds) != 0;
}

size_t mail_recipients(const struct mail_settings *mail, alert_kinds kinds, const char **ret_addresses)
{
	size_t count = 0;

	if (overlap(mail->kinds, kinds))
		count = add_addresses(&mail->to, ret_addresses, count);
	for (size_t i = 0; i < mail->other_count; i++) {
		if (overlap(mail->others[i].kinds, kinds))
			count = add_addresses(&mail->others[i].to, ret_addresses, count);
	}
	return count;
}
