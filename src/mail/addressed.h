/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whom a message in the spool is for. */
#pragma once

#include <stdint.h>

#include "mail/settings.h"

/*
 * A bit for each of settings->to that stands in the To of the message in file. A message for nobody whom we may send to
 * any more is for all of them, so that no alert is lost when addresses are changed. The file is read from its begin
 * again afterwards.
 */
uint64_t addressed_to(int file, const struct settings *settings);
