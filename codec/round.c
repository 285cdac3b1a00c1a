/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/model.h"

/* The rows in flight stay about as many however many streams there are. */
int ravel_model_round_frames(const ravel_model *model, int n_streams)
{
    int n_frames = model->chunk_frames / n_streams;
    return n_frames > 0 ? n_frames : 1;
}

ravel_arena ravel_scratch_arena(ravel_scratch *scratch)
{
    char *base = (char *)(scratch + 1);
    const uintptr_t beyond = (uintptr_t)base % RAVEL_SCRATCH_ALIGNMENT;
    base += beyond > 0 ? RAVEL_SCRATCH_ALIGNMENT - beyond : 0;
    return (ravel_arena){base, scratch->arena_size, 0};
}
