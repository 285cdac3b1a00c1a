/* SPDX-License-Identifier: BSD-3-Clause */
/* Threads that must not be late. */
#ifndef RAVEL_AUDIO_IO_LIVE_REALTIME_H
#define RAVEL_AUDIO_IO_LIVE_REALTIME_H

typedef enum {
    RAVEL_REALTIME_NETWORK, /* packets: before all ordinary threads of the machine */
    RAVEL_REALTIME_VOICE    /* the codec: before the network too, which strangers can keep busy */
} ravel_realtime;

/*
 * Puts the calling thread there, in either case behind those that serve the sound devices: a codec
 * takes milliseconds, they have less.
 * return    0, or the errno value of a system that does not allow it; the thread goes on as it was
 */
int ravel_realtime_begin(ravel_realtime rank);

#endif
