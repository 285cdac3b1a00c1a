/* SPDX-License-Identifier: BSD-3-Clause */
/* The dialogue of a call: INVITE, ringing, answer, CANCEL and BYE (RFC 3261). */
#include <stdio.h>
#include <string.h>

#include "audio_io/call/session_inside.h"
#include "nn/error.h"

static const char sdp_type[] = "application/sdp";
static const char allowed[] = "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n";

/* return    NULL: there is no description in the message */
static struct mbuf *body_of(const struct sip_msg *message)
{
    if (mbuf_get_left(message->mb) == 0 || !msg_ctype_cmp(&message->ctyp, "application", "sdp"))
        return NULL;
    return message->mb;
}

/* --- libre's handlers ------------------------------------------------------------------------- */

/* An offer in the middle of the call; refused with 488 where it would change anything. */
static int offer_came(struct mbuf **description, const struct sip_msg *message, void *context)
{
    ravel_session *session = context;
    struct mbuf *body = body_of(message);
    *description = NULL;
    if (session->ending || session->status.state != RAVEL_CALL_TALKING)
        return EPROTO;
    if (body != NULL && ravel_session_read_again(session, body, NULL) < 0)
        return ENOTSUP;
    *description = ravel_session_write(session, body == NULL, NULL);
    return *description != NULL ? 0 : ENOMEM;
}

/* Of the INVITE that was sent; or, of an offer that was sent with our answer, the ACK. */
static int answer_came(const struct sip_msg *message, void *context)
{
    ravel_session *session = context;
    ravel_call_status *status = &session->status;
    ravel_error error = {.text = "the peer has answered without a description of its media"};
    struct mbuf *body = body_of(message);
    tmr_cancel(&session->ring);
    if (session->ending || status->agreed)
        return 0;
    if (body == NULL || ravel_session_read(session, body, false, &error) < 0)
        ravel_session_end(session, RAVEL_CALL_FAILED, "%s", error.text);
    else if (status->pin != RAVEL_PIN_CHANGED)
        ravel_session_secure(session);
    else if (session->config->ask)
        ravel_session_enter(session, RAVEL_CALL_ASKING);
    else
        ravel_session_end(session, RAVEL_CALL_KEY, "the peer's certificate has changed");
    return 0;
}

static void progress_came(const struct sip_msg *message, void *context)
{
    ravel_session *session = context;
    if (!session->ending && message->scode > 100 && session->status.state == RAVEL_CALL_NEW)
        ravel_session_enter(session, RAVEL_CALL_RINGING);
}

static void established(const struct sip_msg *message, void *context)
{
    (void)message;
    (void)context;
}

static ravel_call_result result_of(uint16_t code)
{
    switch (code) {
    case 486: /* Busy Here */
    case 600: /* Busy Everywhere */
    case 603: /* Decline */
        return RAVEL_CALL_BUSY;
    case 408: /* Request Timeout */
    case 480: /* Temporarily Unavailable */
    case 487: /* Request Terminated */
        return RAVEL_CALL_NO_ANSWER;
    default:
        return RAVEL_CALL_FAILED;
    }
}

static void end_by_response(ravel_session *session, const struct sip_msg *message)
{
    char phrase[80];
    struct pl reason = message->reason;
    if (reason.l >= sizeof phrase)
        reason.l = sizeof phrase - 1;
    (void)pl_strcpy(&reason, phrase, sizeof phrase);
    ravel_session_end(session, result_of(message->scode),
                      "the peer, or a server on the way, says: %u %s", message->scode, phrase);
}

/* By the peer, or by the network. */
static void closed(int code, const struct sip_msg *message, void *context)
{
    ravel_session *session = context;
    const ravel_call_status *status = &session->status;
    if (session->ending)
        return;
    if (message != NULL && message->scode >= 300)
        end_by_response(session, message);
    else if (status->state == RAVEL_CALL_TALKING && code == ECONNRESET)
        ravel_session_end(session, RAVEL_CALL_ENDED, "the peer hung up");
    else if (status->state == RAVEL_CALL_RINGING && !status->outgoing)
        ravel_session_end(session, RAVEL_CALL_NO_ANSWER, "the caller gave up");
    else if (code == ETIMEDOUT)
        ravel_session_end(session, RAVEL_CALL_FAILED, "nothing has come from the peer's machine");
    else if (code == EDESTADDRREQ)
        ravel_session_end(session, RAVEL_CALL_FAILED, "%s: no such host is known", session->uri);
    else if (code == ECONNRESET)
        ravel_session_end(session, RAVEL_CALL_FAILED, "the peer hung up before there was sound");
    else
        ravel_session_end(session, RAVEL_CALL_FAILED, "%s", strerror(code));
}

/* --- Calling ---------------------------------------------------------------------------------- */

static void rang_out(void *context)
{
    ravel_session *session = context;
    session->refusal = 480;
    if (session->status.state == RAVEL_CALL_NEW)
        ravel_session_end(session, RAVEL_CALL_FAILED, "nothing has come from the peer's machine");
    else
        ravel_session_end(session, RAVEL_CALL_NO_ANSWER, "it rang for %d s",
                          session->config->ring_s);
}

static int invite(ravel_session *session, ravel_error *error)
{
    const ravel_session_identity *identity = session->identity;
    struct mbuf *description = ravel_session_write(session, true, error);
    if (description == NULL)
        return (int)error->status;
    int code = sipsess_connect(
        &session->dialogue, identity->socket, session->uri, NULL, identity->uri, identity->user,
        NULL, 0, sdp_type, description, identity->credentials, identity->context, false, offer_came,
        answer_came, progress_came, established, NULL, NULL, closed, session, "%s", allowed);
    mem_deref(description);
    if (code != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s cannot be called: %s", session->uri,
                               strerror(code));
    return 0;
}

/* --- Answering -------------------------------------------------------------------------------- */

static int answer(ravel_session *session, ravel_error *error)
{
    struct mbuf *description = ravel_session_write(session, session->offer_late, error);
    if (description == NULL)
        return (int)error->status;
    int code = sipsess_answer(session->dialogue, 200, "OK", description, "%s", allowed);
    mem_deref(description);
    if (code != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "the call cannot be answered: %s",
                               strerror(code));
    return 0;
}

static void go_on(ravel_session *session)
{
    ravel_error error = {0};
    bool outgoing = session->status.outgoing;
    if ((outgoing ? invite(session, &error) : answer(session, &error)) < 0) {
        ravel_session_end(session, RAVEL_CALL_FAILED, "%s", error.text);
        return;
    }
    if (outgoing)
        return;
    tmr_cancel(&session->ring);
    if (!session->offer_late)
        ravel_session_secure(session);
}

/* --- End -------------------------------------------------------------------------------------- */

/* What a status code of SIP says in words. */
static const char *phrase_of(uint16_t code)
{
    switch (code) {
    case 400:
        return "Bad Request";
    case 403:
        return "Forbidden";
    case 415:
        return "Unsupported Media Type";
    case 480:
        return "Temporarily Unavailable";
    case 488:
        return "Not Acceptable Here";
    case 603:
        return "Decline";
    default:
        return "Server Internal Error";
    }
}

/* Apart from the handler that found the reason: transports must not be closed in theirs. */
static void shut_down(void *context)
{
    ravel_session *session = context;
    ravel_error error;
    if (session->refusal != 0 && !session->status.outgoing && !session->answered)
        (void)sipsess_reject(session->dialogue, session->refusal, phrase_of(session->refusal),
                             NULL);
    session->dialogue = mem_deref(session->dialogue); /* says goodbye, or cancels */
    if (ravel_session_close_media(session, &error) < 0 &&
        session->status.result == RAVEL_CALL_ENDED) {
        session->status.result = RAVEL_CALL_FAILED;
        (void)snprintf(session->status.reason, sizeof session->status.reason, "%s", error.text);
    }
    ravel_session_enter(session, RAVEL_CALL_OVER);
}

void ravel_session_free(ravel_session *session)
{
    ravel_error error;
    if (session == NULL)
        return;
    tmr_cancel(&session->ring);
    tmr_cancel(&session->tick);
    tmr_cancel(&session->end);
    session->dialogue = mem_deref(session->dialogue);
    (void)ravel_session_close_media(session, &error);
    mem_deref(session);
}

/* --- Begin ------------------------------------------------------------------------------------ */

static void destroy(void *data)
{
    (void)data; /* ravel_session_free has seen to all */
}

static ravel_session *new_session(const ravel_call_config *config,
                                  const ravel_session_identity *identity,
                                  const ravel_session_handlers *handlers, ravel_error *error)
{
    ravel_session *session = mem_zalloc(sizeof *session, destroy);
    if (session == NULL) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    session->config = config;
    session->identity = identity;
    session->handlers = *handlers;
    session->go_on = go_on;
    session->shut_down = shut_down;
    session->status.security = config->weakest;
    tmr_init(&session->ring);
    tmr_init(&session->tick);
    tmr_init(&session->end);
    return session;
}

ravel_session *ravel_session_call(const ravel_call_config *config,
                                  const ravel_session_identity *identity,
                                  const ravel_session_handlers *handlers,
                                  const ravel_address *address, ravel_error *error)
{
    ravel_session *session = new_session(config, identity, handlers, error);
    if (session == NULL)
        return NULL;
    session->status.outgoing = true;
    (void)snprintf(session->status.peer, sizeof session->status.peer, "%s", address->peer);
    (void)snprintf(session->uri, sizeof session->uri, "%s", address->uri);
    if (ravel_session_open_media(session, &address->local, error) < 0) {
        ravel_session_free(session);
        return NULL;
    }
    tmr_start(&session->ring, (uint64_t)config->ring_s * 1000, rang_out, session);
    return session;
}

/* Where the offer wants its media: not always where the INVITE came from. */
static bool media_address(struct mbuf *body, struct sa *address)
{
    struct sdp_session *look = NULL;
    struct sa any;
    bool there = false;
    (void)sa_set_str(&any, "0.0.0.0", 0);
    if (sdp_session_alloc(&look, &any) == 0 && sdp_decode(look, body, true) == 0) {
        const struct sdp_media *media = list_ledata(list_head(sdp_session_medial(look, false)));
        const struct sa *wanted = media != NULL ? sdp_media_raddr(media) : NULL;
        there = wanted != NULL && sa_isset(wanted, SA_ADDR) && !sa_is_any(wanted);
        if (there)
            *address = *wanted;
    }
    mem_deref(look);
    return there;
}

/* The address of this machine for the media of a call that comes in. */
static int local_address(const struct sip_msg *message, struct mbuf *body, struct sa *local,
                         ravel_error *error)
{
    struct sa media;
    if (body != NULL && media_address(body, &media) &&
        ravel_address_local(&media, local, error) == 0)
        return 0;
    return ravel_address_local(&message->src, local, error);
}

/* Status code of the refusal, 0: none. */
static uint16_t take_invite(ravel_session *session, const struct sip_msg *message,
                            ravel_error *error)
{
    struct sa local;
    struct mbuf *body = body_of(message);
    session->offer_late = mbuf_get_left(message->mb) == 0;
    if (body == NULL && !session->offer_late) {
        (void)ravel_error_set(error, RAVEL_ERR_DATA, "the call brings no description of its media");
        return 415;
    }
    if (!ravel_address_peer(&message->from.uri, session->status.peer)) {
        (void)ravel_error_set(error, RAVEL_ERR_DATA, "the caller's address cannot be read");
        return 400;
    }
    if (local_address(message, body, &local, error) < 0 ||
        ravel_session_open_media(session, &local, error) < 0)
        return 500;
    if (body != NULL && ravel_session_read(session, body, true, error) < 0)
        return error->status == RAVEL_ERR_IO || error->status == RAVEL_ERR_MEMORY ? 500 : 488;
    return 0;
}

static int ring(ravel_session *session, const struct sip_msg *message, ravel_error *error)
{
    const ravel_session_identity *identity = session->identity;
    int code = sipsess_accept(&session->dialogue, identity->socket, message, 180, "Ringing",
                              identity->user, sdp_type, NULL, identity->credentials,
                              identity->context, false, offer_came, answer_came, established, NULL,
                              NULL, closed, session, "%s", allowed);
    if (code != 0)
        return ravel_error_set(error, RAVEL_ERR_DATA, "the call cannot be taken: %s",
                               strerror(code));
    return 0;
}

ravel_session *ravel_session_receive(const ravel_call_config *config,
                                     const ravel_session_identity *identity,
                                     const ravel_session_handlers *handlers,
                                     const struct sip_msg *message, ravel_error *error)
{
    ravel_session *session = new_session(config, identity, handlers, error);
    uint16_t refusal = session != NULL ? take_invite(session, message, error) : 500;
    if (refusal == 0 && ring(session, message, error) < 0)
        refusal = 400;
    if (refusal != 0) {
        (void)sip_reply(identity->sip, message, refusal, phrase_of(refusal));
        ravel_session_free(session);
        return NULL;
    }
    session->status.state = RAVEL_CALL_RINGING;
    tmr_start(&session->ring, (uint64_t)config->ring_s * 1000, rang_out, session);
    if (session->status.pin == RAVEL_PIN_CHANGED && !config->ask) {
        session->refusal = 403;
        ravel_session_end(session, RAVEL_CALL_KEY, "the caller's certificate has changed");
    }
    return session;
}
