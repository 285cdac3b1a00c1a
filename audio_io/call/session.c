/* SPDX-License-Identifier: BSD-3-Clause */
/* The states of a call, and what its user does. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "audio_io/call/session_inside.h"
#include "audio_io/live/clock.h"

void ravel_session_enter(ravel_session *session, ravel_call_state state)
{
    session->status.state = state;
    session->handlers.changed(session, session->handlers.context);
}

const char *ravel_session_phrase(uint16_t code)
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
        (void)sipsess_reject(session->dialogue, session->refusal,
                             ravel_session_phrase(session->refusal), NULL);
    session->dialogue = mem_deref(session->dialogue); /* says goodbye, or cancels */
    if (ravel_session_close_media(session, &error) < 0 &&
        session->status.result == RAVEL_CALL_ENDED) {
        session->status.result = RAVEL_CALL_FAILED;
        (void)snprintf(session->status.reason, sizeof session->status.reason, "%s", error.text);
    }
    ravel_session_enter(session, RAVEL_CALL_OVER);
}

void ravel_session_end(ravel_session *session, ravel_call_result result, const char *format, ...)
{
    va_list arguments;
    if (session->ending)
        return;
    session->ending = true;
    session->status.result = result;
    va_start(arguments, format);
    (void)vsnprintf(session->status.reason, sizeof session->status.reason, format, arguments);
    va_end(arguments);
    ravel_address_plain(session->status.reason);
    tmr_cancel(&session->ring);
    tmr_cancel(&session->tick);
    tmr_start(&session->end, 0, shut_down, session);
}

/* --- The user --------------------------------------------------------------------------------- */

void ravel_session_answer(ravel_session *session)
{
    if (session->ending || session->status.outgoing || session->answered)
        return;
    session->answered = true;
    if (session->gathered)
        ravel_session_go_on(session);
}

void ravel_session_trust(ravel_session *session)
{
    if (!session->ending && session->status.state == RAVEL_CALL_ASKING)
        ravel_session_secure(session);
}

void ravel_session_hang_up(ravel_session *session)
{
    switch (session->status.state) {
    case RAVEL_CALL_TALKING:
        ravel_session_end(session, RAVEL_CALL_ENDED, "you hung up");
        break;
    case RAVEL_CALL_ASKING:
        ravel_session_end(session, RAVEL_CALL_KEY, "the changed certificate was not trusted");
        break;
    case RAVEL_CALL_RINGING:
        if (!session->status.outgoing) {
            session->refusal = 603;
            ravel_session_end(session, RAVEL_CALL_BUSY, "you declined");
            break;
        }
        /* fall through */
    default:
        ravel_session_end(session, RAVEL_CALL_NO_ANSWER, "you gave up");
        break;
    }
}

void ravel_session_mute(ravel_session *session, bool muted)
{
    session->muted = muted;
    if (session->sound != NULL)
        ravel_sound_mute(session->sound, muted);
}

/* --- Status and end --------------------------------------------------------------------------- */

void ravel_session_get_status(const ravel_session *session, ravel_call_status *status)
{
    *status = session->status;
    if (session->status.state == RAVEL_CALL_TALKING)
        status->talked_s = 1e-6 * (double)(ravel_clock_now_us() - session->talk_begin_us);
    if (session->transport != NULL) {
        ravel_transport_get_status(session->transport, &status->transport);
        status->security = ravel_transport_security(session->transport);
    }
    if (session->sound != NULL)
        ravel_sound_get_status(session->sound, &status->sound);
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
