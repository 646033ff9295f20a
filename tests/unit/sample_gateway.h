/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A gateway for tests: a configuration as YAML, and a world in which all that it names exists. */
#pragma once

#include "core/config.h"
#include "core/decide.h"
#include "core/flow.h"
#include "core/ids.h"
#include "core/view.h"

/*
 * Link number n (from 1) has device index 10 + n, the addresses 198.51.n.1/24 and 2001:db8:n::1/64, and,
 * with `gateway: auto', the gateways 198.51.n.254 and 2001:db8:n::fe. Device number n of the zones
 * has index 100 + n and, where its zone gives no networks, 10.0.n.1/24 and fd00:n::1/64.
 */
struct sample_gateway {
	struct arena *arena;
	struct config *config;
	struct ids ids;
	struct view view;
};

/* The test fails on errors in the text, which begins behind `version: 1'. */
struct sample_gateway *gateway_new(const char *yaml);
struct sample_gateway *gateway_of_file(const char *path);
void gateway_free(struct sample_gateway *gateway);

struct link_view *gateway_link(const struct sample_gateway *gateway, const char *name);
void gateway_down(const struct sample_gateway *gateway, const char *link);
void gateway_up(const struct sample_gateway *gateway, const char *link);

/* The device is there no more, nor are its addresses. */
void gateway_unplug(const struct sample_gateway *gateway, const char *link);

/* previous and sticky may be NULL; without sticky no policy may ask for it. */
struct snapshot *gateway_snapshot(const struct sample_gateway *gateway, struct sticky *sticky, const struct snapshot *previous);

/* The same for every snapshot. */
extern const struct hash_key gateway_key;

/* Index of a device; of "" 0. */
uint32_t gateway_device(const struct sample_gateway *gateway, const char *name);

/* The flow as the verdict threads see it. TCP, UDP and the like have ports. */
struct flow gateway_flow(const struct sample_gateway *gateway, const char *device, uint8_t protocol, const char *from,
	uint16_t from_port, const char *to, uint16_t to_port);

/* Whether the main table sends that destination to this machine or to the inside. */
bool gateway_is_direct(const struct sample_gateway *gateway, const struct address *to);

/* What the link field of a mark says: a link's name, or "undecided", "drop", "reject", "direct". */
const char *gateway_link_name(const struct sample_gateway *gateway, unsigned int link);

/* Name of a policy, or "none". */
const char *gateway_policy_name(const struct sample_gateway *gateway, size_t policy);
