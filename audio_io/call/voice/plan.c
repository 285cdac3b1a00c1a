/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/plan.h"

#include <math.h>

enum {
    HEADER_BITS = 8 * (20 + 8 + 12 + 10), /* IP, UDP, RTP, tag of SRTP */
    HEADERS_PER_VOICE = 2,
    /* Up to there a conversation is as if face to face (ITU-T G.114: 150 ms in all). */
    NOT_NOTICED_US = 150000,
    ELSEWHERE_US = 60000, /* devices, first frame, lookahead, buffers */
    MOST_COPIES = 4,
    PART_BITS = 16 + 4 /* of an earlier part before its codes, and on average after them */
};

static int clamp(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

int ravel_plan_frames(const ravel_voice *voice, const ravel_voice_format *format, int one_way_us)
{
    const double frames_a_second = (double)format->clock_hz / format->frame_ticks;
    const double header_rate = HEADER_BITS * frames_a_second;
    const int cheap = (int)ceil(header_rate / (HEADERS_PER_VOICE * (double)voice->bitrate_bps));
    const double left_us = NOT_NOTICED_US - ELSEWHERE_US - (double)one_way_us;
    const int quick = (int)(left_us / 1e6 * frames_a_second);
    return clamp(quick < cheap ? quick : cheap, voice->min_frames, voice->max_frames);
}

/*
 * ESTOI of a frame of n codebooks, as measured with the built-in model (docs/quality.md): every 1.7
 * codebooks take the distance to the best by a factor e.
 */
static double quality(int n_codebooks)
{
    return 0.866 - 0.44 * exp(-n_codebooks / 1.7);
}

/* Of frames that are concealed, n in a row: measured at random losses of packets of n. */
static double concealed_quality(int n)
{
    return 0.5 - 0.15 * (n - 1);
}

/*
 * A frame comes whole, or from one of its copies, or not at all: losses are taken as independent. For
 * each packet that a receiver waits for a copy a listener would give as much as 0.005 in 100 ms.
 */
static double expected_quality(const ravel_plan_limits *limits, const ravel_plan *plan)
{
    const double loss = limits->loss, gone = pow(loss, plan->n_copies + 1);
    const double waiting_ms = (double)plan->n_copies * limits->n_frames * limits->frame_ms;
    return (1.0 - loss) * quality(plan->n_codebooks) +
           (loss - gone) * quality(plan->redundant_codebooks) +
           gone * concealed_quality(limits->n_frames) - 0.005 * waiting_ms / 100.0;
}

/* Codes that a packet has room for when it repeats n_redundant frames. */
static int room_for_codes(const ravel_plan_limits *limits, int n_redundant)
{
    const int parts = (n_redundant + RAVEL_PACKET_MAX_FRAMES - 1) / RAVEL_PACKET_MAX_FRAMES;
    const int bits = limits->n_frames * limits->frame_bits - parts * PART_BITS;
    return bits > 0 ? bits / limits->bits_per_code : 0;
}

ravel_plan ravel_plan_copies(const ravel_plan_limits *limits)
{
    const int n_frames = limits->n_frames;
    ravel_plan best = {.n_codebooks =
                           clamp(room_for_codes(limits, 0) / n_frames, 1, limits->n_codebooks)};
    double best_quality = expected_quality(limits, &best);
    const int most_copies = clamp(RAVEL_PLAN_MAX_REDUNDANT_FRAMES / n_frames, 1, MOST_COPIES);
    for (int copies = 1; copies <= most_copies; copies++) {
        const int codes = room_for_codes(limits, copies * n_frames) / n_frames;
        for (int redundant = 1; (copies + 1) * redundant <= codes; redundant++) {
            const ravel_plan plan = {
                .n_codebooks = clamp(codes - copies * redundant, 1, limits->n_codebooks),
                .n_copies = copies,
                .redundant_codebooks = clamp(redundant, 1, limits->n_codebooks)};
            const double plan_quality = expected_quality(limits, &plan);
            if (plan_quality > best_quality) {
                best_quality = plan_quality;
                best = plan;
            }
        }
    }
    return best;
}
