/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that talks to strangers on the internet keeps no right that it does not need. */

#include "mail/privileges.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#ifndef __has_feature
#define __has_feature(name) 0
#endif

/* LeakSanitizer attaches to its own process, which a hidden process refuses. */
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
static const bool hide_memory = false;
#else
static const bool hide_memory = true;
#endif

/* glibc has no wrapper for capset(). */
static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { 0 };

	/* a kernel that knows no ambient set has none to clear */
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 && errno != EINVAL)
		return -errno;
	if (syscall(SYS_capset, &header, none) < 0 && errno != EPERM)
		return -errno;
	return 0;
}

int privileges_drop(void)
{
	static const struct rlimit no_core = { 0, 0 };
	int result;

	if (geteuid() == 0 || getuid() == 0)
		return -EPERM;

	/* A queue or netlink socket of the daemon that slipped in would stay open when the daemon dies. */
	close_range(3, ~0u, 0);
	umask(0077);

	result = drop_capabilities();
	if (result < 0)
		return result;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	if (hide_memory && (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 || setrlimit(RLIMIT_CORE, &no_core) < 0))
		return -errno;
	return 0;
}
