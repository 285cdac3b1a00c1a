/* SPDX-License-Identifier: BSD-3-Clause */
/* Small models with seeded weights, made in memory: one for each family of codecs. */
#ifndef RAVEL_TESTS_TINY_MODEL_H
#define RAVEL_TESTS_TINY_MODEL_H

#include <stddef.h>

#include "ravel/ravel.h"

typedef enum {
    RAVEL_TINY_DEFAULT,        /* "default-like": STFT, ConvNeXt, factorised RVQ, inverse STFT */
    RAVEL_TINY_SEANET_ZERO,    /* "seanet-zero": EnCodec's shape with LSTM, zero padding */
    RAVEL_TINY_SEANET_REFLECT, /* "seanet-reflect": the same with reflect padding */
    RAVEL_TINY_TRANSFORMER,    /* "transformer": convolutions around windowed causal attention */
    RAVEL_TINY_LOOKAHEAD,      /* "lookahead": symmetric convolutions, odd strides */
    RAVEL_TINY_PRIOR,          /* "prior": the codec of "default-like" with a prior */
    RAVEL_TINY_SOURCE_FILTER,  /* "source-filter": two spectra in, filtered pulses and noise out */
    RAVEL_TINY_EARLY,          /* "early": "lookahead" with a decoder that ends early, as DAC's */
    RAVEL_TINY_SEGMENTS,       /* "segments": stereo, in segments with norms, six steps a frame */
    RAVEL_TINY_WHOLE,          /* "whole": norms and attention over pieces; drops a last frame */
    RAVEL_TINY_RATES,          /* "rates": 1, 2 and 4 steps a frame; noise in the decoder */
    RAVEL_TINY_KINDS
} ravel_tiny_kind;

const char *ravel_tiny_name(ravel_tiny_kind kind);

/* The model file; free() it. NULL without memory. */
void *ravel_test_model(ravel_tiny_kind kind, size_t *size);

/* RAVEL_TINY_EARLY without its encoder: a model that only decodes, with the codes of the whole one. */
void *ravel_test_decoder(size_t *size);

/* RAVEL_TINY_WHOLE with an encoder that sees pieces of 2.25 s: too late for a call. */
void *ravel_test_late(size_t *size);

/* The first, opened; ends the program with a message where that fails. */
ravel_model *ravel_test_model_open(ravel_tiny_kind kind);

#endif
