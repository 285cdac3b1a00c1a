/* SPDX-License-Identifier: BSD-3-Clause */
/* Echo cancellation. */
#include "audio_io/live/echo.h"

#include <math.h>
#include <stdlib.h>

#include <speex/speex_echo.h>
#include <speex/speex_preprocess.h>

#include "audio_io/live/level.h"
#include "audio_io/live/ring.h"

enum { MAX_BLOCK = 480, KEPT_MS = 2000 };

static const double tail_s = 0.2; /* of a room */
/*
 * The reference is given this much early: devices may say that they are slower than they are, and an
 * echo cannot be taken away that comes before its reference.
 */
static const double lead_s = 0.008;
/* How far the reference may be from where it should be, and for how long. */
static const double tolerance_s = 0.004;
enum { PATIENCE_BLOCKS = 20 };
/* The reduction is measured where the loudspeaker is louder than this (-50 dB of full scale). */
static const double audible = 1e-5;

struct ravel_echo {
    SpeexEchoState *canceller;
    SpeexPreprocessState *suppressor;
    int rate_hz, block;
    ravel_ring played;
    /* Of the capture thread. */
    int64_t read; /* position of the ring's next sample */
    int64_t hold; /* samples of silence to give first: the reference was ahead */
    int n_astray; /* blocks in a row that the reference was not where it should be */
    double before, after;
    _Atomic float reduction_db;
};

static bool open_speex(ravel_echo *echo)
{
    int off = 0;
    echo->canceller = speex_echo_state_init(echo->block, (int)(tail_s * echo->rate_hz));
    echo->suppressor = speex_preprocess_state_init(echo->block, echo->rate_hz);
    if (echo->canceller == NULL || echo->suppressor == NULL)
        return false;
    speex_echo_ctl(echo->canceller, SPEEX_ECHO_SET_SAMPLING_RATE, &echo->rate_hz);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_ECHO_STATE, echo->canceller);
    speex_preprocess_ctl(echo->suppressor, SPEEX_PREPROCESS_SET_DENOISE, &off);
    return true;
}

ravel_echo *ravel_echo_new(int rate_hz)
{
    ravel_echo *echo = calloc(1, sizeof *echo);
    if (echo == NULL)
        return NULL;
    echo->rate_hz = rate_hz;
    echo->block = rate_hz / 100;
    echo->n_astray = PATIENCE_BLOCKS; /* nowhere yet */
    if (!ravel_ring_init(&echo->played, (int)((int64_t)rate_hz * KEPT_MS / 1000)) ||
        !open_speex(echo)) {
        ravel_echo_free(echo);
        return NULL;
    }
    return echo;
}

void ravel_echo_free(ravel_echo *echo)
{
    if (echo == NULL)
        return;
    if (echo->suppressor != NULL)
        speex_preprocess_state_destroy(echo->suppressor);
    if (echo->canceller != NULL)
        speex_echo_state_destroy(echo->canceller);
    ravel_ring_free(&echo->played);
    free(echo);
}

int ravel_echo_block(const ravel_echo *echo)
{
    return echo->block;
}

int64_t ravel_echo_played(ravel_echo *echo, const float *pcm, int n)
{
    if (pcm != NULL)
        ravel_ring_write(&echo->played, pcm, n);
    else
        ravel_ring_write_silence(&echo->played, n);
    return (int64_t)atomic_load_explicit(&echo->played.written, memory_order_relaxed);
}

/* Goes to where the reference should be read, if it has not been read there for a while. */
static void align(ravel_echo *echo, double position)
{
    int64_t wanted = llround(position + lead_s * echo->rate_hz);
    int64_t off = wanted - (echo->read - echo->hold);
    if (llabs(off) <= llround(tolerance_s * echo->rate_hz)) {
        echo->n_astray = 0;
        return;
    }
    if (++echo->n_astray < PATIENCE_BLOCKS)
        return;
    echo->n_astray = 0;
    echo->hold -= off;
    while (echo->hold < 0) {
        int n = ravel_ring_read(&echo->played, NULL, echo->hold < -1024 ? 1024 : (int)-echo->hold);
        if (n == 0) { /* not played yet */
            echo->hold = 0;
            echo->n_astray = PATIENCE_BLOCKS;
            return;
        }
        echo->hold += n;
        echo->read += n;
    }
}

static void read_reference(ravel_echo *echo, float *pcm)
{
    int t = 0;
    for (; t < echo->block && echo->hold > 0; t++, echo->hold--)
        pcm[t] = 0.0f;
    int n = ravel_ring_read(&echo->played, pcm + t, echo->block - t);
    echo->read += n;
    for (t += n; t < echo->block; t++)
        pcm[t] = 0.0f;
}

/* return    mean power of what was converted, 1 for full scale */
static double to_integers(const float *pcm, int n, spx_int16_t *out)
{
    double sum = 0.0;
    for (int t = 0; t < n; t++) {
        float x = fmaxf(-1.0f, fminf(1.0f, pcm[t]));
        out[t] = (spx_int16_t)lrintf(x * 32767.0f);
        sum += (double)x * (double)x;
    }
    return sum / n;
}

static void measure(ravel_echo *echo, double played, double before, double after)
{
    const double share = 0.02; /* half a second */
    if (played < audible)
        return;
    echo->before += share * (before - echo->before);
    echo->after += share * (after - echo->after);
    double reduction = ravel_decibels(echo->before) - ravel_decibels(echo->after);
    atomic_store_explicit(&echo->reduction_db, (float)reduction, memory_order_relaxed);
}

void ravel_echo_cancel(ravel_echo *echo, float *pcm, double position)
{
    float reference[MAX_BLOCK];
    spx_int16_t near[MAX_BLOCK], far[MAX_BLOCK], left[MAX_BLOCK];
    align(echo, position);
    read_reference(echo, reference);
    double before = to_integers(pcm, echo->block, near), after = 0.0;
    double played = to_integers(reference, echo->block, far);
    speex_echo_cancellation(echo->canceller, near, far, left);
    speex_preprocess_run(echo->suppressor, left);
    for (int t = 0; t < echo->block; t++) {
        pcm[t] = (float)left[t] / 32767.0f;
        after += (double)pcm[t] * (double)pcm[t];
    }
    measure(echo, played, before, after / echo->block);
}

double ravel_echo_reduction_db(const ravel_echo *echo)
{
    return (double)atomic_load_explicit(&echo->reduction_db, memory_order_relaxed);
}
