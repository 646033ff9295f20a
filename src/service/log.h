/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One line for each thing that happened, to stderr or syslog, with everything unprintable escaped. */
#pragma once

#include <stdbool.h>

/* Where lines go, both or either; facility as syslog(3) has it. The daemon calls it first, and after a reload. */
void log_open(bool to_stderr, bool to_syslog, int facility);

/* From now on take, and not syslog(3), which may wait, gets what goes to syslog: a priority and a line. NULL: as before. */
void log_divert(void (*take)(void *data, int priority, const char *line), void *data);

void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_notice(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
