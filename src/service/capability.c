/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps our capabilities to ourselves. */

#include "service/capability.h"

#include <errno.h>
#include <sys/prctl.h>

int capability_clear_ambient(void)
{
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L) == 0 || errno == EINVAL)
		return 0;
	return -errno;
}
