/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP sockets of this machine, whatever program has them. */
#pragma once

#include "core/address.h"

/*
 * Ends those that are bound to the address: whoever waits on one gets ECONNABORTED, and nobody is told outside.
 * How many in ret_count. 0 or -errno; -EOPNOTSUPP where the kernel lacks CONFIG_INET_DIAG_DESTROY.
 */
int sockets_end(const struct address *address, unsigned int *ret_count);
