/* SPDX-License-Identifier: BSD-3-Clause */
/* Running a model, in one push or in odd pieces: what the reference knows as whole files. */
#ifndef RAVEL_TESTS_CONFORMANCE_RUN_H
#define RAVEL_TESTS_CONFORMANCE_RUN_H

#include "codec/model.h"
#include "tests/support/conformance/signal.h"

typedef enum { RAVEL_AT_ONCE, RAVEL_IN_PIECES } ravel_pushes;

/* Codes [n_frames][per_frame]: of a frame, those of codebook after codebook. */
typedef struct {
    int n_frames, per_frame, n_codebooks;
    uint16_t *codes;
} ravel_codes;

void ravel_codes_free(ravel_codes *codes);
bool ravel_codes_equal(const ravel_codes *a, const ravel_codes *b);

/* A layer on a whole stream. in: rows of the layer's width */
ravel_signal ravel_run_layer(const ravel_layer *layer, const ravel_signal *in, ravel_pushes how);

/*
 * Latents before quantisation, which the public functions do not show; zeros follow the sound where
 * the encoder gives its layers such.
 */
ravel_signal ravel_run_latents(const ravel_model *model, const ravel_signal *pcm, ravel_pushes how);

/* The sound with the zeros that the encoder appends. */
ravel_signal ravel_run_padded(const ravel_model *model, const ravel_signal *pcm);

/* Through the public functions. */
ravel_codes ravel_run_encoder(const ravel_model *model, const ravel_signal *pcm, int n_codebooks,
                              ravel_pushes how);
ravel_signal ravel_run_decoder(const ravel_model *model, const ravel_codes *codes,
                               ravel_pushes how);

/* What codes stand for. */
ravel_signal ravel_run_dequantize(const ravel_model *model, const ravel_codes *codes);

#endif
