/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The messages of an NFQUEUE: build and parse, without a socket. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/queue.h"

/* Room for any message that is built here. */
#define QUEUE_MESSAGE_MAX 128

/* Bytes of a verdict, with and without a mark. */
#define QUEUE_VERDICT_MAX 40
#define QUEUE_VERDICT_MIN 32

/* Bind, copy mode, length and NFQA_CFG_F_ flags in one. Returns its size; buffer is aligned to 4 bytes. */
size_t queue_message_config(void *buffer, uint16_t number, uint32_t length, uint32_t flags);

/* verdict is NF_ACCEPT or NF_DROP; mark NULL leaves the packet's. Returns its size. */
size_t queue_message_verdict(void *buffer, uint16_t number, uint32_t verdict, uint32_t id,
	const uint32_t *mark);

/*
 * Reads one message of length bytes, aligned to 4. Of one that was cut, or that is damaged behind the
 * id, what stands before counts: the packet needs its verdict all the same. False where it tells of
 * no packet; ret_packet is set on success only, and points into bytes.
 */
bool queue_message_parse(const uint8_t *bytes, size_t length, struct queue_packet *ret_packet);
