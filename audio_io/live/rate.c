/* SPDX-License-Identifier: BSD-3-Clause */
/* speexdsp's resampler, steered. */
#include "audio_io/live/rate.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <speex/speex_resampler.h>

/* 80 dB; 80 taps at the lower of the rates. */
enum { QUALITY = 5 };

/*
 * The ratio is n / PRIME. A constant denominator keeps the resampler's fractional position exact
 * when n changes; a prime one cannot be reduced away; and its square fits the 32 bits in which
 * speexdsp converts that position.
 */
enum { PRIME = 65521 };

struct ravel_rate {
    SpeexResamplerState *resampler;
    spx_uint32_t from_hz, to_hz;
    double remainder; /* of the ratio that was wanted, carried to the next */
    atomic_int delay; /* of the filter, whose length follows the ratio: any thread asks */
};

static void note_delay(ravel_rate *rate)
{
    atomic_store_explicit(&rate->delay, speex_resampler_get_input_latency(rate->resampler),
                          memory_order_relaxed);
}

static void set_ratio(ravel_rate *rate, double in_per_out)
{
    double exact = in_per_out * PRIME + rate->remainder;
    long n = lround(exact);
    if (n % PRIME == 0)
        n += exact < (double)n ? -1 : 1;
    rate->remainder = exact - (double)n;
    speex_resampler_set_rate_frac(rate->resampler, (spx_uint32_t)n, PRIME, rate->from_hz,
                                  rate->to_hz);
    note_delay(rate);
}

ravel_rate *ravel_rate_new(int from_hz, int to_hz)
{
    ravel_rate *rate = calloc(1, sizeof *rate);
    if (rate == NULL)
        return NULL;
    rate->from_hz = (spx_uint32_t)from_hz;
    rate->to_hz = (spx_uint32_t)to_hz;
    rate->resampler = speex_resampler_init(1, rate->from_hz, rate->to_hz, QUALITY, NULL);
    if (rate->resampler == NULL) {
        free(rate);
        return NULL;
    }
    /* The tables of either way to work are allocated now. */
    ravel_rate_steer(rate, -0.02);
    ravel_rate_steer(rate, 0.02);
    speex_resampler_set_rate(rate->resampler, rate->from_hz, rate->to_hz);
    speex_resampler_reset_mem(rate->resampler);
    rate->remainder = 0.0;
    note_delay(rate);
    return rate;
}

void ravel_rate_free(ravel_rate *rate)
{
    if (rate == NULL)
        return;
    speex_resampler_destroy(rate->resampler);
    free(rate);
}

void ravel_rate_steer(ravel_rate *rate, double correction)
{
    set_ratio(rate, (double)rate->from_hz / (double)rate->to_hz / (1.0 + correction));
}

int ravel_rate_push(ravel_rate *rate, const float *in, int *n_in, float *out, int capacity)
{
    spx_uint32_t taken = (spx_uint32_t)*n_in, given = (spx_uint32_t)capacity;
    speex_resampler_process_float(rate->resampler, 0, in, &taken, out, &given);
    *n_in = (int)taken;
    return (int)given;
}

int ravel_rate_delay(const ravel_rate *rate)
{
    return atomic_load_explicit(&rate->delay, memory_order_relaxed);
}
