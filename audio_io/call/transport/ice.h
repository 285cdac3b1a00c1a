/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The way to a peer behind address translators (ICE, RFC 8445, over libre): addresses of this
 * machine, and its address as a STUN server sees it, are offered and tried. One component: reports
 * are multiplexed. Complete descriptions, no trickling; no relays (TURN).
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_ICE_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_ICE_H

#include <stdbool.h>

#include "audio_io/call/transport/libre.h"
#include "ravel/ravel.h"

typedef struct ravel_ice ravel_ice;

/* From the main loop, never from within a call. */
typedef struct {
    void (*gathered)(void *context); /* ravel_ice_describe may follow */
    void (*connected)(const struct sa *peer, void *context);
    void (*failed)(const char *why, void *context);
    void *context;
} ravel_ice_handlers;

/* address: of the socket; where it is "any", the addresses of all interfaces are offered.
 * stun_server: NULL for none. NULL with *error filled. */
ravel_ice *ravel_ice_new(struct udp_sock *socket, const struct sa *address,
                         const struct sa *stun_server, const ravel_ice_handlers *handlers,
                         ravel_error *error);
void ravel_ice_free(ravel_ice *ice); /* NULL is allowed */

/* Writes the candidates. offerer: this side decides (is controlling). */
int ravel_ice_describe(ravel_ice *ice, struct sdp_media *line, bool offerer);

/* Reads the peer's candidates. return    false: it does not speak ICE */
bool ravel_ice_apply(ravel_ice *ice, const struct sdp_session *session,
                     const struct sdp_media *line, bool offerer);

int ravel_ice_start(ravel_ice *ice, ravel_error *error);

#endif
