/* SPDX-License-Identifier: BSD-3-Clause */
/* Making a model file of a graph and tensors. */
#ifndef RAVEL_CODEC_MODEL_WRITE_H
#define RAVEL_CODEC_MODEL_WRITE_H

#include "nn/tensor.h"
#include "ravel/ravel.h"

struct cJSON;

/*
 * graph     as in docs/format.md but for "sha256", which is added
 * tensors   n of them, of all the names that the graph uses; sorted in place
 * file      malloc'ed, NULL on failure
 * return    0 or RAVEL_ERR_MEMORY
 */
int ravel_model_write(struct cJSON *graph, ravel_tensor *tensors, size_t n, void **file,
                      size_t *size, ravel_error *error);

#endif
