/* SPDX-License-Identifier: BSD-3-Clause */
/* What the user of a call does. */
#include "audio_io/call/session_inside.h"

void ravel_session_answer(ravel_session *session)
{
    if (session->ending || session->status.outgoing || session->answered)
        return;
    session->answered = true;
    if (session->gathered)
        session->go_on(session);
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
