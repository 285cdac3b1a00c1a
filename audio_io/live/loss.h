/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A network that loses packets, alone or in bursts: two states, in one of which every packet is lost
 * (Gilbert, Capacity of a burst-noise channel, Bell System Technical Journal 39, 1960).
 */
#ifndef RAVEL_AUDIO_IO_LIVE_LOSS_H
#define RAVEL_AUDIO_IO_LIVE_LOSS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    uint64_t random;
    double begin; /* probability that a packet is lost after one that was not */
    double go_on; /* and after one that was */
    bool lost;    /* the last packet */
} ravel_loss;

/* Mean number of packets in a burst where losses are independent: the probability is `share`. */
double ravel_loss_independent(double share);

/* Bursts cannot be shorter on average than this, or the rest would not make up the share. */
double ravel_loss_shortest(double share);

/*
 * share    of packets that are lost in the long run, 0 ... less than 1
 * burst    mean number of packets lost in a row, at least 1 and ravel_loss_shortest
 * seed     the same seed loses the same packets
 */
ravel_loss ravel_loss_new(double share, double burst, uint64_t seed);

/* Whether the next packet is lost. */
bool ravel_loss_next(ravel_loss *loss);

#endif
