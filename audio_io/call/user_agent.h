/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The SIP side of a user (RFC 3261): where he is reached, who he is, and one call at a time. All on
 * the thread of libre's main loop.
 */
#ifndef RAVEL_AUDIO_IO_CALL_USER_AGENT_H
#define RAVEL_AUDIO_IO_CALL_USER_AGENT_H

#include "audio_io/call/phone.h"
#include "audio_io/call/session.h"

typedef struct ravel_user_agent ravel_user_agent;

typedef struct {
    void (*event)(const ravel_phone_event *event, void *context);
    /* On the capture thread: ravel_user_agent_send is to be called on libre's. */
    void (*ready)(void *context);
    /* After ravel_user_agent_leave: all goodbyes are said, or nobody answers them. */
    void (*gone)(void *context);
    void *context;
} ravel_user_agent_handlers;

/* NULL with *error filled. config outlives it. */
ravel_user_agent *ravel_user_agent_new(const ravel_phone_config *config,
                                       const ravel_user_agent_handlers *handlers,
                                       ravel_error *error);
void ravel_user_agent_free(ravel_user_agent *agent); /* NULL is allowed */

/* Places a call. What comes of it, a failure too, is told as an event. */
void ravel_user_agent_call(ravel_user_agent *agent, const ravel_address *address);

/* Hangs up and signs off; `gone` follows. */
void ravel_user_agent_leave(ravel_user_agent *agent);

/* The call there is, or NULL. */
ravel_session *ravel_user_agent_session(const ravel_user_agent *agent);

void ravel_user_agent_send(ravel_user_agent *agent);

#endif
