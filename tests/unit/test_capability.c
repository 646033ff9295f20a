/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Proves the promise of capability.h: what we start gets none of our capabilities, we keep ours. */

#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "service/capability.h"

/* In a child, since there is no way back: as the service manager starts us, then as we go on. */
static int clear_in_child(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];

	if (syscall(SYS_capget, &header, sets) < 0)
		return 1;
	sets[0].inheritable |= 1u << CAP_NET_RAW;
	if (syscall(SYS_capset, &header, sets) < 0 ||
		prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0) < 0)
		return 77;
	if (capability_clear_ambient() != 0)
		return 2;
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_NET_RAW, 0, 0) != 0)
		return 3;
	if (syscall(SYS_capget, &header, sets) < 0)
		return 4;
	return sets[0].effective & 1u << CAP_NET_RAW ? 0 : 5;
}

static void empties_the_ambient_set(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		_exit(clear_in_child());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIP: raising an ambient capability needs root\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(empties_the_ambient_set),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
