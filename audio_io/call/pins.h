/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The peers that this user has talked to, and the fingerprints of their certificates: a peer is
 * trusted at first use, and has to show the same certificate ever after, as with ssh.
 *
 * The file FOLDER/known_peers has a line "FINGERPRINT PEER" each. It is only added to; the last line
 * about a peer counts. Lines that begin with # are comments.
 */
#ifndef RAVEL_AUDIO_IO_CALL_PINS_H
#define RAVEL_AUDIO_IO_CALL_PINS_H

#include "ravel/ravel.h"

enum { RAVEL_PEER_TEXT = 200, RAVEL_PIN_TEXT = 96 }; /* with their zeros */

typedef enum {
    RAVEL_PIN_NEW,    /* nothing is known of the peer */
    RAVEL_PIN_SAME,   /* it is the certificate that is known */
    RAVEL_PIN_CHANGED /* it is another one, or none */
} ravel_pin;

/*
 * peer           "alice@example.org": no spaces, no control characters
 * fingerprint    "" where the peer shows none: RAVEL_PIN_CHANGED if one is known
 * known          what is known; "" with RAVEL_PIN_NEW
 * return         0, or a negative status where the file cannot be read, or is damaged
 */
int ravel_pins_look(const char *folder, const char *peer, const char *fingerprint, ravel_pin *pin,
                    char known[RAVEL_PIN_TEXT], ravel_error *error);

/* From now on the peer is known by this fingerprint. return    0 or a negative status */
int ravel_pins_keep(const char *folder, const char *peer, const char *fingerprint,
                    ravel_error *error);

#endif
