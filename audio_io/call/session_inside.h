/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The inside of a session, for its parts alone, from the top down: what the user does (session.c),
 * the dialogue (session_sip.c), the media (session_media.c), the states (session_state.c).
 */
#ifndef RAVEL_AUDIO_IO_CALL_SESSION_INSIDE_H
#define RAVEL_AUDIO_IO_CALL_SESSION_INSIDE_H

#include "audio_io/call/session.h"

struct ravel_session {
    const ravel_call_config *config;
    const ravel_session_identity *identity;
    ravel_session_handlers handlers;
    ravel_call_status status; /* transport and sound: once they are closed */
    char uri[RAVEL_URI_TEXT]; /* of a call that is placed */
    struct sipsess *dialogue;
    struct sdp_session *description;
    struct sdp_media *media;
    ravel_transport *transport;
    ravel_sound *sound;
    struct tmr ring, tick, end;
    bool gathered;    /* the transport can be described */
    bool answered;    /* by the user, or automatically */
    bool offer_late;  /* the INVITE came without an offer: ours goes with the answer */
    bool muted;       /* before there is a sound, too */
    bool ending;      /* `end` is under way */
    uint16_t refusal; /* status code of a call that is declined; 0: the usual one */
    int64_t talk_begin_us;
    int64_t heard_us;   /* when something came from the peer last */
    uint64_t heard;     /* packets and reports until then */
    int64_t goodbye_us; /* when the peer's RTCP said goodbye; 0: it has not */

    /* The dialogue's, for the parts below it. */
    void (*go_on)(ravel_session *session); /* the transport can be described: calls, or answers */
    tmr_h *shut_down;                      /* of a call that ends */
};

/* --- session_state.c -------------------------------------------------------------------------- */

/* From now on the call is in that state. */
void ravel_session_enter(ravel_session *session, ravel_call_state state);

/* The call is over, once the caller has returned. The first reason counts. */
void ravel_session_end(ravel_session *session, ravel_call_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- session_media.c: description, transport and sound ---------------------------------------- */

int ravel_session_open_media(ravel_session *session, const struct sa *local, ravel_error *error);

/* Reads the peer's description, an offer or an answer. return    0 or a negative status */
int ravel_session_read(ravel_session *session, struct mbuf *body, bool offer, ravel_error *error);

/* The same of an offer in the middle of a call, which must leave all as it is. */
int ravel_session_read_again(ravel_session *session, struct mbuf *body, ravel_error *error);

/* This side's description; NULL with *error filled. */
struct mbuf *ravel_session_write(ravel_session *session, bool offer, ravel_error *error);

/* The descriptions are exchanged, and the peer is trusted: the handshake begins. */
void ravel_session_secure(ravel_session *session);

/* Frees transport and sound; the status keeps what they tell. return    0 or a negative status */
int ravel_session_close_media(ravel_session *session, ravel_error *error);

#endif
