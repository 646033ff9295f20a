/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The process that talks to strangers on the internet keeps no right that it does not need. */
#pragma once

/*
 * Closes all descriptors but the standard three, gives up capabilities and the way back to them, and
 * hides its memory, which holds a password. 0, -EPERM where it runs as root, or -errno.
 */
int privileges_drop(void);
