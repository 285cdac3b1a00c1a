/* SPDX-License-Identifier: BSD-3-Clause */
/* The user of a telephone: what he is told and asked, and what his keys do. */
#ifndef RAVEL_TOOLS_CALL_TALK_H
#define RAVEL_TOOLS_CALL_TALK_H

#include "audio_io/call/phone.h"
#include "tools/call/terminal.h"
#include "tools/progress.h"

typedef struct {
    const ravel_phone_config *phone;
    const ravel_address *callee; /* NULL: calls are taken */
    bool once;                   /* ends after the first call */
    bool json;                   /* a line on standard output for each call */
    bool quiet;
    ravel_progress_kind progress;
} ravel_talk_options;

/* Exit codes of their own; see tools/tool.h for the others. */
enum { RAVEL_EXIT_BUSY = 5, RAVEL_EXIT_NO_ANSWER = 6, RAVEL_EXIT_KEY = 7 };

/* Until the call is over, or a signal comes. return    the exit code; negative status with *error */
int ravel_talk(const ravel_talk_options *options, ravel_call_terminal *terminal,
               ravel_error *error);

#endif
