/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hands one message to the SMTP server, by libcurl, and makes out what the server's answers mean. */
#pragma once

#include <stdint.h>

#include "mail/settings.h"

#define ANSWER_SIZE 480

enum verdict {
	DELIVERED,    /* the server has it, for every recipient that it does not refuse for good */
	LATER,        /* this message, or some recipient of it, was put off */
	REFUSED,      /* this message was refused for good */
	SERVER_AWAY,  /* nothing was said about the message: no connection, TLS, login, time out */
};

/* A connection that serves the messages of one pass over the spool. */
struct sender;

/* settings must outlive the sender. The caller frees it with sender_free(). NULL: no memory. */
struct sender *sender_new(const struct settings *settings);

/* Accepts NULL. Ends the connection. */
void sender_free(struct sender *sender);

/*
 * Sends the message in file (open for reading) to the recipients whose bit in *served is not set, and
 * sets the bits of those who have it, or are refused for good while others have it. answer gets
 * printable ASCII.
 */
enum verdict sender_send(struct sender *sender, int file, uint64_t *served, char answer[ANSWER_SIZE]);
