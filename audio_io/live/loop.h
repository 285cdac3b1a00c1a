/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The codec of `ravel live`: a frame of samples goes through the encoder, a packet, a network that
 * may lose it, and the decoder, and comes back. What a call does between two machines, without them.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_LOOP_H
#define RAVEL_AUDIO_IO_LIVE_LOOP_H

#include "audio_io/live/loss.h"
#include "ravel/ravel.h"

typedef struct ravel_loop ravel_loop;

typedef struct {
    int64_t n_samples;               /* that came in */
    int64_t n_frames, n_lost_frames; /* one a packet */
    int64_t n_bytes;                 /* of all packets */
} ravel_loop_counts;

/*
 * loss      the network; its state is copied
 * return    NULL with *error filled where the model is not for packets of one voice: several
 *           channels, codebooks of several rates, or a lookahead of more than some frames
 */
ravel_loop *ravel_loop_new(const ravel_model *model, int n_codebooks, const ravel_loss *loss,
                           ravel_error *error);
void ravel_loop_free(ravel_loop *loop); /* NULL is allowed */

/* Samples that a step takes: the model's hop. */
int ravel_loop_hop(const ravel_loop *loop);

/* Samples that a step gives at most. */
int ravel_loop_capacity(const ravel_loop *loop);

/*
 * Steps without losses and with, and forgets it, on the thread that will run the loop: so its
 * memory, that thread's stack and the weights are there when the first sound comes.
 * pcm, out    as those of a step
 */
void ravel_loop_warm_up(ravel_loop *loop, const float *pcm, float *out);

/*
 * A step: no allocation, lock or system call. The network's delay is none.
 * pcm         ravel_loop_hop samples
 * out         ravel_loop_capacity samples
 * return      samples, a frame in the mean; at the beginning silence as long as the model looks ahead
 */
int ravel_loop_step(ravel_loop *loop, const float *pcm, float *out);

/*
 * The end of what goes in: the frames that are still held back become codes. Nothing is decoded;
 * no step may follow. return    frames
 */
int ravel_loop_finish(ravel_loop *loop);

/*
 * Codes of the frames that the last step or finish encoded, before any was lost:
 * [n_frames][codes per frame].
 */
const uint16_t *ravel_loop_codes(const ravel_loop *loop, int *n_frames);

ravel_loop_counts ravel_loop_get_counts(const ravel_loop *loop);

#endif
