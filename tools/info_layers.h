/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel info: the layers of a model. */
#ifndef RAVEL_TOOLS_INFO_LAYERS_H
#define RAVEL_TOOLS_INFO_LAYERS_H

#include "ravel/ravel.h"

struct cJSON;

/* As lists of objects under "encoder", "quantizer" and "decoder". NULL without memory. */
struct cJSON *ravel_info_layers(const ravel_model *model);

/* That, a line for each node, to standard output. */
void ravel_info_print_layers(const struct cJSON *layers);

#endif
