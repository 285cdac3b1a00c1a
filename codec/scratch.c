/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>

#include "codec/model.h"

static size_t arena_size(const ravel_model *model, int n_streams)
{
    int n_frames = ravel_model_round_frames(model, n_streams);
    size_t encoder = ravel_encoder_round_size(model, n_streams, n_frames);
    size_t decoder = ravel_decoder_round_size(model, n_streams, n_frames);
    return encoder > decoder ? encoder : decoder;
}

size_t ravel_scratch_size(const ravel_model *model, int n_streams)
{
    if (!model || n_streams < 1)
        return 0;
    size_t size = arena_size(model, n_streams);
    /* RAVEL_SCRATCH_ALIGNMENT once more because mem is aligned for any type only */
    size_t more = sizeof(ravel_scratch) + RAVEL_SCRATCH_ALIGNMENT;
    return size > SIZE_MAX - more ? SIZE_MAX : size + more;
}

ravel_scratch *ravel_scratch_init(const ravel_model *model, int n_streams, void *mem)
{
    if (!model || n_streams < 1 || !mem)
        return NULL;
    ravel_scratch *scratch = mem;
    scratch->model = model;
    scratch->n_streams = n_streams;
    scratch->arena_size = arena_size(model, n_streams);
    return scratch;
}

ravel_scratch *ravel_scratch_new(const ravel_model *model, int n_streams)
{
    size_t size = ravel_scratch_size(model, n_streams);
    return ravel_scratch_init(model, n_streams, size ? malloc(size) : NULL);
}

void ravel_scratch_free(ravel_scratch *scratch)
{
    free(scratch);
}
