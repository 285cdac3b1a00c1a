/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a call is told of, and its keys. */
#ifndef RAVEL_TOOLS_CALL_TERMINAL_H
#define RAVEL_TOOLS_CALL_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>
#include <termios.h>

typedef struct {
    FILE *out;     /* standard error; this user's alone */
    bool keys;     /* there is somebody to ask */
    bool terminal; /* `out` is one */
    bool line;     /* a line that is to be replaced stands there */
    int saved_error;
    struct termios before;
} ravel_call_terminal;

/*
 * Keys come one by one, and unseen, until the close; Ctrl-C stays a signal.
 * talkative    libraries may write to standard error too, which they do a lot
 * return       false where there is no memory
 */
bool ravel_call_terminal_open(ravel_call_terminal *terminal, bool talkative);
void ravel_call_terminal_close(ravel_call_terminal *terminal);

/* The next key that was struck, 0 for none. Does not wait. */
int ravel_call_terminal_key(const ravel_call_terminal *terminal);

/* A message, on lines of its own. */
void ravel_call_terminal_say(ravel_call_terminal *terminal, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The line at the bottom, which the next replaces. */
void ravel_call_terminal_show(ravel_call_terminal *terminal, const char *text);

#endif
