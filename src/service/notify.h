/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the service manager how we are: the sd_notify protocol without its library. */
#pragma once

/* state as sd_notify(3) has it, such as "READY=1". Does nothing without NOTIFY_SOCKET. */
void notify_send(const char *state);

/* Milliseconds between signs of life that the service manager wants, or 0. Half of WATCHDOG_USEC. */
unsigned int notify_watchdog_ms(void);
