/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A telephone: calls and is called, one call at a time. It has a thread of its own for the network;
 * the functions here are for another one, that of the user.
 *
 *     ravel_phone *phone = ravel_phone_open(&config, &error);
 *     ravel_phone_call(phone, &address);
 *     while (ravel_phone_next(phone, 100, &event) || !stop)
 *         ...
 *     ravel_phone_close(phone);
 */
#ifndef RAVEL_AUDIO_IO_CALL_PHONE_H
#define RAVEL_AUDIO_IO_CALL_PHONE_H

#include "audio_io/call/address.h"
#include "audio_io/call/call.h"

typedef struct ravel_phone ravel_phone;

typedef struct {
    ravel_call_config call;
    const struct sa *address; /* of this machine, to be used alone; NULL: all that there are */
    int port;                 /* of SIP; 0: any */
    bool listen;              /* takes calls */
    const char *account;  /* "sip:alice@example.org", registered where calls are taken; or NULL */
    const char *password; /* of the account; or NULL */
    const struct sa *registrar_local; /* from where the account's server is reached */
} ravel_phone_config;

typedef enum {
    RAVEL_PHONE_LISTENING,    /* text: where calls are taken, "sip:alice@192.0.2.1" */
    RAVEL_PHONE_REGISTERED,   /* text: the account */
    RAVEL_PHONE_UNREGISTERED, /* text: why */
    RAVEL_PHONE_REFUSED,      /* text: why somebody's call was not taken */
    RAVEL_PHONE_CALL          /* the state of the call has changed: status */
} ravel_phone_event_kind;

typedef struct {
    ravel_phone_event_kind kind;
    char text[300];
    ravel_call_status status; /* with RAVEL_PHONE_CALL */
} ravel_phone_event;

/* NULL with *error filled. config and what it points to outlive the phone. */
ravel_phone *ravel_phone_open(const ravel_phone_config *config, ravel_error *error);

/* Hangs up, signs off, which takes up to two seconds, and frees. NULL is allowed. */
void ravel_phone_close(ravel_phone *phone);

void ravel_phone_call(ravel_phone *phone, const ravel_address *address);

/* Of the call there is, if there is one; see session.h. */
void ravel_phone_answer(ravel_phone *phone);
void ravel_phone_trust(ravel_phone *phone);
void ravel_phone_hang_up(ravel_phone *phone);
void ravel_phone_mute(ravel_phone *phone, bool muted);

/* Waits for the next event. return    false: none came in that time */
bool ravel_phone_next(ravel_phone *phone, int timeout_ms, ravel_phone_event *event);

/* The call as it was at most a few tenths of a second ago. */
void ravel_phone_get_status(ravel_phone *phone, ravel_call_status *status);

#endif
