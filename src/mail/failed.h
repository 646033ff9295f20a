/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A small folder of messages that the server refused for good, for the operator to look at. */
#pragma once

#define FAILED_MAX 32

/* Moves name from the spool (fd and path of its folder) to its folder `failed`; the oldest there give way. */
void failed_keep(int spool, const char *folder, const char *name);
