/* SPDX-License-Identifier: BSD-3-Clause */
/* What a model is made of, for the encoder and the decoder. */
#ifndef RAVEL_CODEC_MODEL_H
#define RAVEL_CODEC_MODEL_H

#include "codec/graph/listing.h"
#include "codec/safetensors.h"
#include "nn/layer.h"
#include "rvq/block_coder.h"
#include "rvq/layout.h"
#include "rvq/quantizer.h"

enum { RAVEL_MAX_MODEL_TEXT = 160 };

struct ravel_model {
    ravel_model_info info;
    char name[RAVEL_MAX_MODEL_TEXT], licence[RAVEL_MAX_MODEL_TEXT];
    ravel_layout layout; /* as in info */
    const ravel_kernels *kernels;
    ravel_layer *encoder; /* NULL where the model only decodes */
    ravel_layer *decoder;
    ravel_quantizer *quantizer;
    ravel_tables *tables; /* NULL where the model has none */
    ravel_prior *prior;   /* likewise */
    /*
     * Frames that a stream advances by at once; more in a push go in several rounds. Large, so that
     * weights are read seldom; small, so that the rows in between stay in the cache.
     */
    int chunk_frames;
    /* At the end the encoder is given zeros up to a whole frame; else the layers see to it. */
    bool pads_last_frame;
    bool is_builtin;
    ravel_listing listing; /* encoder, quantiser, decoder */
};

/*
 * Opens a model with kernels of the caller's choice. Tests compare instruction sets by it.
 * The rest as ravel_model_open_memory.
 */
ravel_model *ravel_model_open_with(const ravel_kernels *kernels, const void *data, size_t size,
                                   ravel_error *error);

/* The graph in the file's metadata; NULL with *error filled. */
struct cJSON *ravel_model_parse_graph(const ravel_safetensors *st, ravel_error *error);

/*
 * As ravel_model_open_with, of a file that was parsed. Sets in `parts` of its entries, 0 before, which
 * parts of the model (ravel_part) have the tensor.
 */
ravel_model *ravel_model_open_parsed(const ravel_kernels *kernels, ravel_safetensors *st,
                                     const struct cJSON *graph, ravel_error *error);

/* What codes of this model are told by. */
ravel_code_models ravel_model_code_models(const ravel_model *model);

/*
 * Frames that a push of n_samples, or the end of the stream, can give at any time of a stream: layers
 * that reflect its begin hold the first ones back, and give them at once. (codec/encoder.c)
 */
int ravel_model_frames_room(const ravel_model *model, int n_samples);
/* Samples that a push of n_frames, or the end, can give at any time. (codec/decoder.c) */
int ravel_model_samples_room(const ravel_model *model, int n_frames);

/* --- Scratch (codec/scratch.c) -------------------------------------------------------------- */

enum { RAVEL_SCRATCH_ALIGNMENT = 64 };

struct ravel_scratch {
    const ravel_model *model;
    int n_streams;
    size_t arena_size; /* bytes behind the struct */
};

/* --- Rounds: what all streams advance by together (codec/round.c) ---------------------------- */

/* Frames that each of n streams may advance by in a round. */
int ravel_model_round_frames(const ravel_model *model, int n_streams);

/* All of the scratch's memory, empty. */
ravel_arena ravel_scratch_arena(ravel_scratch *scratch);

/*
 * Arena bytes of one round of n streams: of codec/encoder.c and codec/decoder.c, which say here
 * what they take. SIZE_MAX where it cannot be told in a size_t.
 */
size_t ravel_encoder_round_size(const ravel_model *model, int n_streams, int n_frames);
size_t ravel_decoder_round_size(const ravel_model *model, int n_streams, int n_frames);

#endif
