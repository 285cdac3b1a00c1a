/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One call: the dialogue of the signalling (SIP), offer and answer, the secure transport, and the
 * sound, from the first ring to the last goodbye. All on the thread of libre's main loop.
 *
 *     placed    NEW -> RINGING -> (ASKING ->) SECURING -> TALKING -> OVER
 *     come in          RINGING -------------> SECURING -> TALKING -> OVER
 */
#ifndef RAVEL_AUDIO_IO_CALL_SESSION_H
#define RAVEL_AUDIO_IO_CALL_SESSION_H

#include "audio_io/call/address.h"
#include "audio_io/call/call.h"

typedef struct ravel_session ravel_session;

/* This user, toward the peer. */
typedef struct {
    struct sip *sip;
    struct sipsess_sock *socket;
    const char *uri;         /* "sip:alice@192.0.2.1" */
    const char *user;        /* of the contact: "alice" */
    sip_auth_h *credentials; /* NULL: there are none for this peer */
    void *context;           /* of credentials */
} ravel_session_identity;

typedef struct {
    /* The state has changed, by what happened or by a function below. */
    void (*changed)(ravel_session *session, void *context);
    /* On the capture thread: ravel_session_send is to be called on libre's. */
    void (*ready)(void *context);
    void *context;
} ravel_session_handlers;

/* Calls. NULL with *error filled; config, identity and their texts outlive the session. */
ravel_session *ravel_session_call(const ravel_call_config *config,
                                  const ravel_session_identity *identity,
                                  const ravel_session_handlers *handlers,
                                  const ravel_address *address, ravel_error *error);

/*
 * Takes an INVITE, and lets it ring.
 * return    NULL: it has been refused, with *error filled
 */
ravel_session *ravel_session_receive(const ravel_call_config *config,
                                     const ravel_session_identity *identity,
                                     const ravel_session_handlers *handlers,
                                     const struct sip_msg *message, ravel_error *error);

/* What the user says. Without effect where it does not fit the state. */
void ravel_session_answer(ravel_session *session); /* and the peer's certificate is trusted */
void ravel_session_trust(ravel_session *session);
void ravel_session_hang_up(ravel_session *session); /* declines, cancels, or says goodbye */
void ravel_session_mute(ravel_session *session, bool muted);

/* Sends the packets that the capture thread has left. */
void ravel_session_send(ravel_session *session);

void ravel_session_get_status(const ravel_session *session, ravel_call_status *status);

/* In RAVEL_CALL_OVER, or to break off; not from its own handlers. NULL is allowed. */
void ravel_session_free(ravel_session *session);

#endif
