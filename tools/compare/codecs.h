/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A sound through a codec and back, in memory. Sample i that comes out belongs to sample i that went
 * in: what the codec delays is known and taken off. What is counted as sent are the codec's packets
 * as they stand in a file of its kind, without the pages around them.
 *
 * in        at RAVEL_MEASURE_RATE_HZ
 * out       of as many samples, freed by the caller
 * kbps      set to the kilobits a second that were sent
 * return    0, or a negative status with *error filled and *out empty
 */
#ifndef RAVEL_TOOLS_COMPARE_CODECS_H
#define RAVEL_TOOLS_COMPARE_CODECS_H

#include "tools/compare/sound.h"

/* A model's encoder and decoder; blocks of two seconds. */
int ravel_through_model(const ravel_model *model, int n_codebooks, const ravel_sound *in,
                        ravel_sound *out, double *kbps, ravel_error *error);

/* libopus as for calls: VoIP, packets of 20 ms, bits a second as asked on average. */
int ravel_through_opus(int bitrate_bps, const ravel_sound *in, ravel_sound *out, double *kbps,
                       ravel_error *error);

#endif
