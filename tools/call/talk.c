/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/call/talk.h"

#include "nn/error.h"
#include "tools/call/report.h"
#include "tools/tool.h"

enum { LOOK_MS = 50, LINE_TEXT = 400 };

typedef struct {
    const ravel_talk_options *options;
    ravel_call_terminal *terminal;
    ravel_phone *phone;
    ravel_call_state state; /* of the call there is; RAVEL_CALL_OVER: there is none */
    bool asked;             /* y or n is awaited */
    bool incoming, muted, leaving;
    double shown; /* by the clock */
    int code;     /* of the last call; -1: there was none */
} talk;

static int code_of(ravel_call_result result)
{
    static const int codes[] = {
        [RAVEL_CALL_ENDED] = RAVEL_EXIT_DONE, [RAVEL_CALL_FAILED] = RAVEL_EXIT_INPUT,
        [RAVEL_CALL_BUSY] = RAVEL_EXIT_BUSY,  [RAVEL_CALL_NO_ANSWER] = RAVEL_EXIT_NO_ANSWER,
        [RAVEL_CALL_KEY] = RAVEL_EXIT_KEY,
    };
    return codes[result];
}

/* --- What happens ----------------------------------------------------------------------------- */

static void warn_of_key(const talk *t, const ravel_call_status *status)
{
    if (status->pin != RAVEL_PIN_CHANGED)
        return;
    ravel_call_terminal_say(
        t->terminal,
        "THE CERTIFICATE OF %s HAS CHANGED. It may be a new machine, or somebody "
        "in between.\n  it was   %s\n  it is    %s",
        status->peer, status->known, status->fingerprint[0] != '\0' ? status->fingerprint : "none");
}

static void rings(talk *t, const ravel_call_status *status)
{
    if (status->outgoing) {
        ravel_call_terminal_say(t->terminal, "it rings");
        return;
    }
    warn_of_key(t, status);
    t->incoming = true;
    t->asked = t->options->phone->call.ask &&
               (!t->options->phone->call.auto_answer || status->pin == RAVEL_PIN_CHANGED);
    ravel_call_terminal_say(t->terminal, "%s%s calls%s%s", t->terminal->terminal ? "\a" : "",
                            status->peer,
                            status->pin == RAVEL_PIN_NEW ? ", for the first time" : "",
                            t->asked ? ": answer? [y/n]" : "");
}

static void asks(talk *t, const ravel_call_status *status)
{
    warn_of_key(t, status);
    t->asked = true;
    ravel_call_terminal_say(t->terminal, "trust it, and go on? [y/n]");
}

static void over(talk *t, const ravel_call_status *status)
{
    char length[RAVEL_TOOL_TEXT];
    t->code = code_of(status->result);
    t->asked = t->muted = false;
    if (status->result == RAVEL_CALL_KEY && !t->options->phone->call.ask)
        warn_of_key(t, status);
    ravel_call_terminal_say(t->terminal, "over: %s", status->reason);
    if (status->talked_s > 0.0 && !t->options->quiet) {
        ravel_call_terminal_say(t->terminal, "talked       %s with %s",
                                ravel_tool_duration(status->talked_s, length), status->peer);
        ravel_call_report_figures(t->terminal, status);
    }
    if (t->options->json)
        (void)ravel_call_report_json(stdout, status);
}

static void call_changed(talk *t, const ravel_call_status *status)
{
    t->state = status->state;
    switch (status->state) {
    case RAVEL_CALL_NEW:
        t->incoming = false;
        ravel_call_terminal_say(t->terminal, "calling %s", status->peer);
        break;
    case RAVEL_CALL_RINGING:
        rings(t, status);
        break;
    case RAVEL_CALL_ASKING:
        asks(t, status);
        break;
    case RAVEL_CALL_SECURING:
        t->asked = false;
        break;
    case RAVEL_CALL_TALKING:
        ravel_call_terminal_say(t->terminal, "talking with %s%s", status->peer,
                                t->terminal->keys ? " (m mute, s figures, q hang up)" : "");
        if (!t->options->quiet)
            ravel_call_report_begin(t->terminal, status);
        break;
    case RAVEL_CALL_OVER:
        over(t, status);
        break;
    }
}

static void event_came(talk *t, const ravel_phone_event *event)
{
    switch (event->kind) {
    case RAVEL_PHONE_LISTENING:
        ravel_call_terminal_say(t->terminal, "calls are taken at %s", event->text);
        break;
    case RAVEL_PHONE_REGISTERED:
        ravel_call_terminal_say(t->terminal, "calls are taken for %s", event->text);
        break;
    case RAVEL_PHONE_UNREGISTERED:
        ravel_call_terminal_say(t->terminal, "not registered: %s", event->text);
        break;
    case RAVEL_PHONE_REFUSED:
        ravel_call_terminal_say(t->terminal, "a call was refused: %s", event->text);
        break;
    case RAVEL_PHONE_CALL:
        call_changed(t, &event->status);
        break;
    }
}

/* --- What the user does ----------------------------------------------------------------------- */

static void say_yes(talk *t)
{
    t->asked = false;
    if (t->state == RAVEL_CALL_ASKING)
        ravel_phone_trust(t->phone);
    else
        ravel_phone_answer(t->phone);
}

static void show_figures(talk *t)
{
    ravel_call_status status;
    ravel_phone_get_status(t->phone, &status);
    if (t->state != RAVEL_CALL_TALKING)
        return;
    ravel_call_report_begin(t->terminal, &status);
    ravel_call_report_figures(t->terminal, &status);
}

static void key_struck(talk *t, int key)
{
    switch (key) {
    case 'y':
    case 'Y':
        if (t->asked)
            say_yes(t);
        break;
    case 'n':
    case 'N':
        if (t->asked)
            ravel_phone_hang_up(t->phone);
        break;
    case 'm':
        t->muted = !t->muted;
        ravel_phone_mute(t->phone, t->muted);
        break;
    case 's':
        show_figures(t);
        break;
    case 'h':
    case 'q':
        ravel_phone_hang_up(t->phone);
        break;
    default:
        break;
    }
}

/* --- The line --------------------------------------------------------------------------------- */

static void show_progress(talk *t)
{
    const double interval_s = t->options->progress == RAVEL_PROGRESS_JSON ? 1.0 : 0.25;
    const double now = ravel_progress_clock();
    ravel_call_status status;
    char text[LINE_TEXT];
    if (t->options->progress == RAVEL_PROGRESS_NONE || t->state != RAVEL_CALL_TALKING ||
        now - t->shown < interval_s)
        return;
    t->shown = now;
    ravel_phone_get_status(t->phone, &status);
    if (t->options->progress == RAVEL_PROGRESS_JSON) {
        (void)ravel_call_report_json(t->terminal->out, &status);
        return;
    }
    ravel_call_report_line(&status, text, sizeof text);
    ravel_call_terminal_show(t->terminal, text);
}

/* --- The loop --------------------------------------------------------------------------------- */

/* A signal hangs up first; without a call it ends all. return    whether to go on */
static bool goes_on(talk *t)
{
    if (ravel_tool_stopped() && !t->leaving) {
        t->leaving = true;
        ravel_phone_hang_up(t->phone);
    }
    if (t->state != RAVEL_CALL_OVER)
        return true;
    if (t->leaving)
        return false;
    return t->code < 0 || (t->options->callee == NULL && !t->options->once);
}

int ravel_talk(const ravel_talk_options *options, ravel_call_terminal *terminal, ravel_error *error)
{
    talk t = {.options = options, .terminal = terminal, .state = RAVEL_CALL_OVER, .code = -1};
    ravel_phone_event event;
    t.phone = ravel_phone_open(options->phone, error);
    if (t.phone == NULL)
        return (int)error->status;
    if (options->callee != NULL) {
        t.state = RAVEL_CALL_NEW;
        ravel_phone_call(t.phone, options->callee);
    }
    while (goes_on(&t)) {
        if (ravel_phone_next(t.phone, LOOK_MS, &event))
            event_came(&t, &event);
        int key = ravel_call_terminal_key(terminal);
        if (key != 0)
            key_struck(&t, key);
        show_progress(&t);
    }
    ravel_phone_close(t.phone);
    ravel_tool_stop_was_end();
    return t.code >= 0 ? t.code : RAVEL_EXIT_DONE;
}
