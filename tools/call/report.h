/* SPDX-License-Identifier: BSD-3-Clause */
/* A call in words and figures. */
#ifndef RAVEL_TOOLS_CALL_REPORT_H
#define RAVEL_TOOLS_CALL_REPORT_H

#include <stddef.h>

#include "audio_io/call/call.h"
#include "tools/call/terminal.h"

/* How the call goes, in one line. */
void ravel_call_report_line(const ravel_call_status *status, char *text, size_t size);

/* Which codec, which protection, whose certificate: when the talk begins. */
void ravel_call_report_begin(ravel_call_terminal *terminal, const ravel_call_status *status);

/* All figures, in the middle of a call or after it. */
void ravel_call_report_figures(ravel_call_terminal *terminal, const ravel_call_status *status);

/* What came of it, in a word of --json: "ended", "failed", "busy", "no answer", "key". */
const char *ravel_call_report_result(ravel_call_result result);

/* The same as one line of JSON. return    false without memory */
bool ravel_call_report_json(FILE *out, const ravel_call_status *status);

#endif
