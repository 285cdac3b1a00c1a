/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/live/loss.h"

/* 0 ... less than 1; splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static double draw(uint64_t *state)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return (double)((x ^ x >> 31) >> 11) * 0x1p-53;
}

double ravel_loss_independent(double share)
{
    return 1.0 / (1.0 - share);
}

double ravel_loss_shortest(double share)
{
    return share / (1.0 - share) > 1.0 ? share / (1.0 - share) : 1.0;
}

/* In the long run begin / (begin + end) of the packets are lost, end being 1 / burst. */
ravel_loss ravel_loss_new(double share, double burst, uint64_t seed)
{
    ravel_loss loss = {
        .random = seed, .begin = share / (1.0 - share) / burst, .go_on = 1.0 - 1.0 / burst};
    loss.lost = draw(&loss.random) < share;
    return loss;
}

bool ravel_loss_next(ravel_loss *loss)
{
    loss->lost = draw(&loss->random) < (loss->lost ? loss->go_on : loss->begin);
    return loss->lost;
}
