/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An explanation as JSON: the shape that daemon and uplinkctl promise alike. */
#pragma once

#include <jansson.h>

#include "core/explain.h"

/* {"policy","action","link","algorithm","reason","nat","qos","limits","candidates","steps","hints"}. NULL: no memory. */
json_t *explain_document(const struct explanation *explanation);
