/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a daemon would do to the kernel, without one running. */
#pragma once

#include <stdio.h>

#include "core/config.h"

/* Prints the kernel objects that the configuration asks for with the devices as they are. Exit code. */
int dry_run(FILE *out, const struct config *config);

/* Removes every kernel object of ours. Exit code, after telling what failed. */
int dry_remove(void);
