/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests of destinations share: handshakes to teach, and what was learnt. */
#pragma once

#include "core/paths.h"

#define FIBER 1
#define CABLE 2
#define LTE   3
#define START 5000000ull

extern const struct hash_key paths_key;
extern const char *const link_names[MARK_LINK_MAX + 1];

struct address address_of(const char *text);
struct handshake answer(const char *to, uint8_t link, uint32_t us, uint64_t at_ms);
void answered(struct paths *paths, const char *to, uint8_t link, uint32_t us, uint64_t at_ms);
void failed(struct paths *paths, const char *to, uint8_t link, uint64_t at_ms);
struct path path_of(const struct paths *paths, const char *to, uint8_t link, uint64_t now_ms);
bool known(const struct paths *paths, const char *to, uint64_t now_ms);
