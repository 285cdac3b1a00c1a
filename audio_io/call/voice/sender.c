/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/sender.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "audio_io/call/voice/coder.h"
#include "audio_io/call/voice/plan.h"
#include "nn/error.h"

/* A loss is believed soon and forgotten slowly: too much redundancy costs less than too little. */
static const double rise = 0.5, fall = 0.125;
/* Below that redundancy costs more than it mends; where it is always on there are some losses. */
static const double least_loss = 0.005, least_loss_on = 0.05, most_loss = 0.5;

enum {
    LOSS_ONE = 65535, /* in a packed report */
    JITTERS = 2,      /* of the mean deviation (RFC 3550) that a receiver waits for, about */
    REPORT_UNIT_US = 100
};

/* What is told to other threads, each number by itself. */
typedef struct {
    _Atomic int64_t packets, bytes, frames, silent_frames;
    atomic_int frames_per_packet, codebooks, redundant_frames, redundant_codebooks;
    atomic_int loss; /* in 1 / LOSS_ONE */
} shared_status;

struct ravel_sender {
    ravel_voice voice;
    ravel_voice_format format;
    ravel_speaker *speaker;
    int n_frames;            /* of a packet */
    int n_waiting;           /* frames ready */
    uint32_t n_ready;        /* frames ready or sent, modulo 2^32 as timestamps are */
    bool marker;             /* of the next speech */
    double loss;             /* smoothed */
    _Atomic uint64_t report; /* packed; 0: none since the last was read */
    shared_status status;
};

/* --- Reports -------------------------------------------------------------------------------- */

static uint64_t bounded(double value, double most)
{
    return (uint64_t)(value > 0.0 ? (value < most ? value : most) : 0.0);
}

/* A flag, 16 bits of loss, and 16 bits of what the way takes in units of REPORT_UNIT_US. */
void ravel_sender_report(ravel_sender *sender, const ravel_network_report *report)
{
    const double way_us =
        report->round_trip_us / 2.0 + (double)JITTERS * (double)report->peer_jitter_us;
    const uint64_t loss = bounded((double)report->loss * LOSS_ONE + 0.5, LOSS_ONE);
    const uint64_t way = bounded(way_us / REPORT_UNIT_US, 65535.0);
    atomic_store_explicit(&sender->report, (uint64_t)1 << 32 | loss << 16 | way,
                          memory_order_relaxed);
}

static void adapt(ravel_sender *sender, int one_way_us)
{
    const ravel_voice *voice = &sender->voice;
    double loss = sender->loss < most_loss ? sender->loss : most_loss;
    if (voice->redundancy == RAVEL_REDUNDANCY_ON && loss < least_loss_on)
        loss = least_loss_on;
    if (voice->redundancy == RAVEL_REDUNDANCY_OFF || loss < least_loss)
        loss = 0.0;
    sender->n_frames = ravel_plan_frames(voice, &sender->format, one_way_us);
    const ravel_manner manner =
        sender->speaker->ops->adapt(sender->speaker, sender->n_frames, loss);
    shared_status *status = &sender->status;
    atomic_store_explicit(&status->frames_per_packet, sender->n_frames, memory_order_relaxed);
    atomic_store_explicit(&status->codebooks, manner.codebooks, memory_order_relaxed);
    atomic_store_explicit(&status->redundant_frames, manner.redundant_frames, memory_order_relaxed);
    atomic_store_explicit(&status->redundant_codebooks, manner.redundant_codebooks,
                          memory_order_relaxed);
    atomic_store_explicit(&status->loss, (int)(sender->loss * LOSS_ONE), memory_order_relaxed);
}

/* Between two packets. */
static void take_report(ravel_sender *sender)
{
    const uint64_t report = atomic_exchange_explicit(&sender->report, 0, memory_order_relaxed);
    if (report == 0)
        return;
    const double loss = (double)(report >> 16 & 0xffff) / LOSS_ONE;
    sender->loss += (loss - sender->loss) * (loss > sender->loss ? rise : fall);
    adapt(sender, (int)(report & 0xffff) * REPORT_UNIT_US);
}

/* --- Packets -------------------------------------------------------------------------------- */

static void count(_Atomic int64_t *counter, int64_t n)
{
    atomic_fetch_add_explicit(counter, n, memory_order_relaxed);
}

static int finish_packet(ravel_sender *sender, ravel_voice_packet *packet)
{
    const uint32_t n_waiting = (uint32_t)sender->n_waiting;
    ravel_said said;
    const int n =
        sender->speaker->ops->write(sender->speaker, packet->bytes, RAVEL_SENDER_MAX_BYTES, &said);
    sender->n_waiting = 0;
    if (n < 0)
        return n;
    packet->timestamp = (sender->n_ready - n_waiting) * (uint32_t)sender->format.frame_ticks;
    packet->marker = said == RAVEL_SAID_SPEECH && sender->marker;
    packet->n_bytes = n;
    sender->marker = said != RAVEL_SAID_SPEECH;
    if (said != RAVEL_SAID_SPEECH)
        count(&sender->status.silent_frames, n_waiting);
    if (n == 0)
        return 0;
    count(&sender->status.packets, 1);
    count(&sender->status.bytes, n);
    return 1;
}

int ravel_sender_push(ravel_sender *sender, const float *pcm, ravel_voice_packet *packet)
{
    if (sender->n_waiting == 0)
        take_report(sender);
    const int n = sender->speaker->ops->push(sender->speaker, pcm);
    if (n < 0)
        return n;
    count(&sender->status.frames, 1);
    sender->n_waiting += n;
    sender->n_ready += (uint32_t)n;
    return sender->n_waiting < sender->n_frames ? 0 : finish_packet(sender, packet);
}

/* --- Begin and end -------------------------------------------------------------------------- */

ravel_sender *ravel_sender_new(const ravel_voice *voice, ravel_error *error)
{
    ravel_voice_format format;
    if (ravel_voice_get_format(voice, &format, error))
        return NULL;
    ravel_sender *sender = calloc(1, sizeof *sender);
    if (!sender) {
        ravel_error_memory(error);
        return NULL;
    }
    sender->voice = *voice;
    sender->format = format;
    sender->marker = true;
    sender->speaker =
        (voice->model ? ravel_model_speaker_new : ravel_opus_speaker_new)(voice, error);
    if (!sender->speaker) {
        free(sender);
        return NULL;
    }
    adapt(sender, 0);
    return sender;
}

void ravel_sender_free(ravel_sender *sender)
{
    if (!sender)
        return;
    sender->speaker->ops->free(sender->speaker);
    free(sender);
}

void ravel_sender_get_status(const ravel_sender *sender, ravel_sender_status *status)
{
    const shared_status *shared = &sender->status;
    *status = (ravel_sender_status){
        .packets = atomic_load_explicit(&shared->packets, memory_order_relaxed),
        .bytes = atomic_load_explicit(&shared->bytes, memory_order_relaxed),
        .frames = atomic_load_explicit(&shared->frames, memory_order_relaxed),
        .silent_frames = atomic_load_explicit(&shared->silent_frames, memory_order_relaxed),
        .frames_per_packet = atomic_load_explicit(&shared->frames_per_packet, memory_order_relaxed),
        .codebooks = atomic_load_explicit(&shared->codebooks, memory_order_relaxed),
        .redundant_frames = atomic_load_explicit(&shared->redundant_frames, memory_order_relaxed),
        .redundant_codebooks =
            atomic_load_explicit(&shared->redundant_codebooks, memory_order_relaxed),
        .loss = (double)atomic_load_explicit(&shared->loss, memory_order_relaxed) / LOSS_ONE};
}
