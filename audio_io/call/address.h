/* SPDX-License-Identifier: BSD-3-Clause */
/* Who is called, where he is, and from which address of this machine he is reached. */
#ifndef RAVEL_AUDIO_IO_CALL_ADDRESS_H
#define RAVEL_AUDIO_IO_CALL_ADDRESS_H

#include "audio_io/call/pins.h"
#include "audio_io/call/transport/libre.h"

enum { RAVEL_URI_TEXT = 256 };

typedef struct {
    char uri[RAVEL_URI_TEXT];   /* to be called: "sip:alice@192.0.2.1:5070" */
    char peer[RAVEL_PEER_TEXT]; /* what he is known by: "alice@example.org" */
    char host[RAVEL_URI_TEXT];  /* as it was given */
    struct sa local;            /* of this machine, toward him; port 0 */
} ravel_address;

/*
 * Looks the host up in the system's way (its files, its name servers), which may take seconds. A
 * name with a port, or without a dot, is replaced by the address that was found. Others stay, for
 * the records of the domain to be followed (SRV, RFC 3263).
 *
 * text      "sip:alice@example.org:5070", with or without "sip:", user and port
 * return    0, or a negative status with *error filled
 */
int ravel_address_find(const char *text, ravel_address *address, ravel_error *error);

/*
 * "alice@example.org", with a port that is not the usual one, the host in small letters: what the
 * peer of a SIP address is known by. return    false for what cannot be a peer
 */
bool ravel_address_peer(const struct uri *uri, char peer[RAVEL_PEER_TEXT]);

/* The address of this machine from which the other one is reached, port 0. */
int ravel_address_local(const struct sa *to, struct sa *local, ravel_error *error);

/* What strangers wrote goes to terminals: all but printable ASCII becomes a question mark. */
void ravel_address_plain(char *text);

/* "HOST", "HOST:PORT" or "[ADDRESS]:PORT"; slow as ravel_address_find. */
int ravel_address_resolve(const char *text, uint16_t default_port, struct sa *address,
                          ravel_error *error);

#endif
