/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tells the daemon what became of a message: a line of JSON on stdout. */
#pragma once

#include <stdbool.h>

#define MESSAGE_ID_SIZE 256

/* The message id in the header of file, which is rewound after; where there is none, name. */
void report_message_id(int file, const char *name, char message_id[MESSAGE_ID_SIZE]);

/* answer is printable ASCII. */
void report_write(const char *message_id, bool delivered, const char *answer);
