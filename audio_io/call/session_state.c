/* SPDX-License-Identifier: BSD-3-Clause */
/* The states of a call, which all of its parts look at and change. */
#include <stdarg.h>
#include <stdio.h>

#include "audio_io/call/session_inside.h"
#include "audio_io/live/clock.h"

void ravel_session_enter(ravel_session *session, ravel_call_state state)
{
    session->status.state = state;
    session->handlers.changed(session, session->handlers.context);
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
    tmr_start(&session->end, 0, session->shut_down, session);
}

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
