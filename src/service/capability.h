/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keeps our capabilities to ourselves. */
#pragma once

/*
 * Empties the ambient set, so that programs which we start have none of our capabilities; our own
 * stay. 0 or -errno; a kernel without ambient capabilities is as good as an empty set.
 */
int capability_clear_ambient(void);
