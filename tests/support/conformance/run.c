/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance/run.h"

#include <stdlib.h>
#include <string.h>

enum { SAMPLES = 1, FRAMES = 150 };

/* Sizes of pushes that fit to nothing, in turn; of frames, which hold more, fewer. */
static int piece(ravel_pushes how, int turn, int left, int unit)
{
    static const int sizes[] = {1, 457, 3, 0, 1021, 64, 7, 211};
    int n = how == RAVEL_AT_ONCE ? left : (sizes[turn % 8] + unit - 1) / unit;
    return n < left ? n : left;
}

static void *take_memory(size_t size)
{
    void *memory = aligned_alloc(64, (size + 127) / 64 * 64);
    if (!memory)
        abort();
    return memory;
}

void ravel_codes_free(ravel_codes *codes)
{
    free(codes->codes);
    *codes = (ravel_codes){0};
}

bool ravel_codes_equal(const ravel_codes *a, const ravel_codes *b)
{
    return a->n_frames == b->n_frames && a->per_frame == b->per_frame &&
           memcmp(a->codes, b->codes,
                  (size_t)a->n_frames * (size_t)a->per_frame * sizeof *a->codes) == 0;
}

/* --- Layers ----------------------------------------------------------------------------------- */

ravel_signal ravel_run_layer(const ravel_layer *layer, const ravel_signal *in, ravel_pushes how)
{
    int left = (int)in->n, turn = 0;
    size_t width = (size_t)layer->out_channels, room = 0;
    void *state = take_memory(layer->state_size);
    ravel_signal out = {.width = width};
    ravel_layer_reset(layer, state);
    for (bool done = false; !done; turn++) {
        int n = piece(how, turn, left, SAMPLES);
        room = out.n + (size_t)ravel_layer_max_out(layer, n);
        out.values = realloc(out.values, (room * width + 1) * sizeof(float));
        ravel_arena arena = {.size = ravel_layer_scratch_size(layer, n, 1)};
        arena.base = take_memory(arena.size);
        ravel_lane lane = {.state = state,
                           .in = in->values + (in->n - (size_t)left) * in->width,
                           .out = out.values + out.n * width,
                           .n_in = n,
                           .finish = n == left};
        ravel_layer_push(layer, &lane, 1, &arena);
        free(arena.base);
        out.n += (size_t)lane.n_out;
        left -= n;
        done = lane.finish;
    }
    free(state);
    return out;
}

ravel_signal ravel_run_padded(const ravel_model *model, const ravel_signal *pcm)
{
    size_t hop = (size_t)model->info.hop_samples, n = pcm->n + (size_t)model->info.tail_samples;
    if (model->pads_last_frame)
        n = (n + hop - 1) / hop * hop;
    ravel_signal padded = ravel_signal_new(n, pcm->width);
    memcpy(padded.values, pcm->values, pcm->n * pcm->width * sizeof(float));
    return padded;
}

ravel_signal ravel_run_latents(const ravel_model *model, const ravel_signal *pcm, ravel_pushes how)
{
    ravel_signal padded = ravel_run_padded(model, pcm);
    ravel_signal latents = ravel_run_layer(model->encoder, &padded, how);
    ravel_signal_free(&padded);
    return latents;
}

/* --- Streams ---------------------------------------------------------------------------------- */

ravel_codes ravel_run_encoder(const ravel_model *model, const ravel_signal *pcm, int n_codebooks,
                              ravel_pushes how)
{
    ravel_encoder *encoder = ravel_encoder_new(model, n_codebooks);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    int room = ravel_encoder_frames(encoder, (int)pcm->n, 1), at = 0;
    ravel_codes codes = {.per_frame = ravel_model_codes_per_frame(model, n_codebooks),
                         .n_codebooks = n_codebooks};
    size_t frame = (size_t)codes.per_frame;
    codes.codes = calloc((size_t)room * frame + 1, sizeof *codes.codes);
    for (int turn = 0, made; at < (int)pcm->n; turn++) {
        int n = piece(how, turn, (int)pcm->n - at, SAMPLES);
        made =
            ravel_encoder_push(encoder, scratch, pcm->values + (size_t)at * pcm->width, n,
                               codes.codes + (size_t)codes.n_frames * frame, room - codes.n_frames);
        codes.n_frames += made > 0 ? made : 0;
        at += n;
    }
    int last = ravel_encoder_finish(encoder, scratch, codes.codes + (size_t)codes.n_frames * frame,
                                    room - codes.n_frames);
    codes.n_frames += last > 0 ? last : 0;
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    return codes;
}

ravel_signal ravel_run_decoder(const ravel_model *model, const ravel_codes *codes, ravel_pushes how)
{
    ravel_decoder *decoder = ravel_decoder_new(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    int room = ravel_decoder_samples(decoder, codes->n_frames, 1), at = 0, done = 0;
    size_t width = (size_t)model->info.channels;
    ravel_signal pcm = ravel_signal_new((size_t)(room > 0 ? room : 0), width);
    for (int turn = 0, made; at < codes->n_frames; turn++) {
        int n = piece(how, turn, codes->n_frames - at, FRAMES);
        made = ravel_decoder_push(
            decoder, scratch, codes->codes + (size_t)at * (size_t)codes->per_frame, n,
            codes->n_codebooks, pcm.values + (size_t)done * width, room - done);
        done += made > 0 ? made : 0;
        at += n;
    }
    int last =
        ravel_decoder_finish(decoder, scratch, pcm.values + (size_t)done * width, room - done);
    pcm.n = (size_t)(done + (last > 0 ? last : 0));
    ravel_decoder_free(decoder);
    ravel_scratch_free(scratch);
    return pcm;
}

ravel_signal ravel_run_dequantize(const ravel_model *model, const ravel_codes *codes)
{
    const ravel_quantizer *q = model->quantizer;
    ravel_signal rows = ravel_signal_new((size_t)codes->n_frames, (size_t)q->dim);
    ravel_arena arena = {.size = q->ops->scratch_size(q, codes->n_frames)};
    arena.base = take_memory(arena.size);
    q->ops->decode(q, codes->codes, codes->per_frame, codes->n_frames, codes->n_codebooks,
                   rows.values, &arena);
    free(arena.base);
    return rows;
}
