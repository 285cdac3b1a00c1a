/* SPDX-License-Identifier: BSD-3-Clause */
/* The network's thread, and what goes between it and the user's. */
#include "audio_io/call/phone.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audio_io/call/transport/srtp.h"
#include "audio_io/call/user_agent.h"
#include "audio_io/live/realtime.h"
#include "nn/error.h"

enum {
    N_EVENTS = 32,
    STATUS_MS = 200,
    MAX_FILES = 1024 /* connections that strangers open included */
};

/* What the user's thread asks of the network's. */
enum { CALL, ANSWER, TRUST, HANG_UP, MUTE, UNMUTE, LEAVE, SEND };

typedef enum { STARTING, RUNNING, FAILED } thread_state;

struct ravel_phone {
    const ravel_phone_config *config;
    pthread_t thread;
    pthread_mutex_t mutex; /* of all up to `changed` */
    thread_state state;
    ravel_error error; /* why it failed */
    ravel_phone_event events[N_EVENTS];
    int first, n_events;
    ravel_call_status status;
    pthread_cond_t changed; /* on the monotonic clock */
    /* The network thread's. */
    struct mqueue *queue;
    /* Not used: with the first of its kind libsrtp may load a library of ciphers that tests itself,
     * which takes tenths of a second and must not fall into a call. */
    ravel_srtp *first_srtp;
    ravel_user_agent *agent;
    struct tmr tick;
    /* SEND is on its way: one is enough. */
    atomic_bool send_pending;
};

/* --- From the network's thread ---------------------------------------------------------------- */

/* Where the user does not listen, events of strangers are the first to go. */
static void event_came(const ravel_phone_event *event, void *context)
{
    ravel_phone *phone = context;
    (void)pthread_mutex_lock(&phone->mutex);
    if (event->kind == RAVEL_PHONE_CALL)
        phone->status = event->status;
    int room = event->kind == RAVEL_PHONE_REFUSED ? N_EVENTS / 2 : N_EVENTS;
    if (phone->n_events < room) {
        phone->events[(phone->first + phone->n_events) % N_EVENTS] = *event;
        phone->n_events++;
    }
    (void)pthread_cond_signal(&phone->changed);
    (void)pthread_mutex_unlock(&phone->mutex);
}

static void show_status(void *context)
{
    ravel_phone *phone = context;
    const ravel_session *session = ravel_user_agent_session(phone->agent);
    tmr_start(&phone->tick, STATUS_MS, show_status, phone);
    if (session == NULL)
        return;
    (void)pthread_mutex_lock(&phone->mutex);
    ravel_session_get_status(session, &phone->status);
    (void)pthread_mutex_unlock(&phone->mutex);
}

static void gone(void *context)
{
    (void)context;
    re_cancel();
}

/* --- To the network's thread ------------------------------------------------------------------ */

/* On the capture thread. A pipe that is full has a SEND in it already. */
static void packet_ready(void *context)
{
    ravel_phone *phone = context;
    if (!atomic_exchange(&phone->send_pending, true) && mqueue_push(phone->queue, SEND, NULL) != 0)
        atomic_store(&phone->send_pending, false);
}

static void command_for_call(ravel_session *session, int command)
{
    switch (command) {
    case ANSWER:
        ravel_session_answer(session);
        break;
    case TRUST:
        ravel_session_trust(session);
        break;
    case HANG_UP:
        ravel_session_hang_up(session);
        break;
    default:
        ravel_session_mute(session, command == MUTE);
        break;
    }
}

static void command_came(int command, void *data, void *context)
{
    ravel_phone *phone = context;
    ravel_session *session = ravel_user_agent_session(phone->agent);
    switch (command) {
    case SEND:
        atomic_store(&phone->send_pending, false);
        ravel_user_agent_send(phone->agent);
        break;
    case CALL:
        ravel_user_agent_call(phone->agent, data);
        free(data);
        break;
    case LEAVE:
        ravel_user_agent_leave(phone->agent);
        break;
    default:
        if (session != NULL)
            command_for_call(session, command);
        break;
    }
}

/* --- The network's thread --------------------------------------------------------------------- */

static void set_state(ravel_phone *phone, thread_state state, const ravel_error *error)
{
    (void)pthread_mutex_lock(&phone->mutex);
    phone->state = state;
    if (error != NULL)
        phone->error = *error;
    (void)pthread_cond_signal(&phone->changed);
    (void)pthread_mutex_unlock(&phone->mutex);
}

static int begin(ravel_phone *phone, ravel_error *error)
{
    static const uint8_t no_key[RAVEL_SRTP_MAX_KEY];
    const ravel_user_agent_handlers handlers = {event_came, packet_ready, gone, phone};
    if (fd_setsize(MAX_FILES) != 0 || mqueue_alloc(&phone->queue, command_came, phone) != 0)
        return ravel_error_memory(error);
    phone->first_srtp = ravel_srtp_new(RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80, no_key, true);
    phone->agent = ravel_user_agent_new(phone->config, &handlers, error);
    return phone->agent != NULL ? 0 : (int)error->status;
}

static void *serve(void *argument)
{
    ravel_phone *phone = argument;
    ravel_error error = {0};
    tmr_init(&phone->tick);
    if (re_thread_init() != 0) {
        (void)ravel_error_memory(&error);
        set_state(phone, FAILED, &error);
        return NULL;
    }
    if (begin(phone, &error) < 0) {
        set_state(phone, FAILED, &error);
    } else {
        tmr_start(&phone->tick, STATUS_MS, show_status, phone);
        set_state(phone, RUNNING, NULL);
        (void)ravel_realtime_begin(RAVEL_REALTIME_NETWORK);
        (void)re_main(NULL);
    }
    tmr_cancel(&phone->tick);
    ravel_user_agent_free(phone->agent);
    ravel_srtp_free(phone->first_srtp);
    mem_deref(phone->queue);
    re_thread_close();
    return NULL;
}

/* --- The user's thread ------------------------------------------------------------------------ */

static int begin_locks(ravel_phone *phone)
{
    pthread_condattr_t monotonic;
    if (pthread_condattr_init(&monotonic) != 0)
        return -1;
    int failed = pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    failed |= pthread_mutex_init(&phone->mutex, NULL);
    failed |= pthread_cond_init(&phone->changed, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    return failed;
}

static int wait_for_start(ravel_phone *phone, ravel_error *error)
{
    (void)pthread_mutex_lock(&phone->mutex);
    while (phone->state == STARTING)
        (void)pthread_cond_wait(&phone->changed, &phone->mutex);
    bool failed = phone->state == FAILED;
    if (failed)
        *error = phone->error;
    (void)pthread_mutex_unlock(&phone->mutex);
    if (failed)
        (void)pthread_join(phone->thread, NULL);
    return failed ? (int)error->status : 0;
}

static void release(ravel_phone *phone)
{
    (void)pthread_mutex_destroy(&phone->mutex);
    (void)pthread_cond_destroy(&phone->changed);
    free(phone);
    libre_close();
}

/*
 * Signals are for the user's thread: on the others, which inherit this, they would end a write to
 * a recording.
 */
static int start(ravel_phone *phone)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&phone->thread, NULL, serve, phone);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

ravel_phone *ravel_phone_open(const ravel_phone_config *config, ravel_error *error)
{
    ravel_phone *phone = calloc(1, sizeof *phone);
    if (phone == NULL || begin_locks(phone) != 0 || ravel_libre_begin() != 0) {
        free(phone);
        (void)ravel_error_memory(error);
        return NULL;
    }
    phone->config = config;
    int status = 0;
    if (start(phone) != 0)
        status = ravel_error_set(error, RAVEL_ERR_MEMORY, "no thread can be started");
    if (status == 0)
        status = wait_for_start(phone, error);
    if (status < 0) {
        release(phone);
        return NULL;
    }
    return phone;
}

/* The pipe may be full for a moment. */
static void command(const ravel_phone *phone, int command, void *data)
{
    static const struct timespec moment = {.tv_nsec = 1000000};
    while (mqueue_push(phone->queue, command, data) != 0)
        (void)nanosleep(&moment, NULL);
}

void ravel_phone_close(ravel_phone *phone)
{
    if (phone == NULL)
        return;
    command(phone, LEAVE, NULL);
    (void)pthread_join(phone->thread, NULL);
    release(phone);
}

void ravel_phone_call(ravel_phone *phone, const ravel_address *address)
{
    ravel_address *copy = malloc(sizeof *copy);
    if (copy == NULL) {
        ravel_phone_event event = {.kind = RAVEL_PHONE_CALL,
                                   .status = {.state = RAVEL_CALL_OVER,
                                              .result = RAVEL_CALL_FAILED,
                                              .reason = "out of memory"}};
        event_came(&event, phone);
        return;
    }
    *copy = *address;
    command(phone, CALL, copy);
}

void ravel_phone_answer(ravel_phone *phone)
{
    command(phone, ANSWER, NULL);
}

void ravel_phone_trust(ravel_phone *phone)
{
    command(phone, TRUST, NULL);
}

void ravel_phone_hang_up(ravel_phone *phone)
{
    command(phone, HANG_UP, NULL);
}

void ravel_phone_mute(ravel_phone *phone, bool muted)
{
    command(phone, muted ? MUTE : UNMUTE, NULL);
}

bool ravel_phone_next(ravel_phone *phone, int timeout_ms, ravel_phone_event *event)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    long nanoseconds = until.tv_nsec + (long)(timeout_ms % 1000) * 1000000;
    until.tv_sec += timeout_ms / 1000 + nanoseconds / 1000000000;
    until.tv_nsec = nanoseconds % 1000000000;
    (void)pthread_mutex_lock(&phone->mutex);
    int code = 0;
    while (phone->n_events == 0 && code == 0)
        code = pthread_cond_timedwait(&phone->changed, &phone->mutex, &until);
    bool there = phone->n_events > 0;
    if (there) {
        *event = phone->events[phone->first];
        phone->first = (phone->first + 1) % N_EVENTS;
        phone->n_events--;
    }
    (void)pthread_mutex_unlock(&phone->mutex);
    return there;
}

void ravel_phone_get_status(ravel_phone *phone, ravel_call_status *status)
{
    (void)pthread_mutex_lock(&phone->mutex);
    *status = phone->status;
    (void)pthread_mutex_unlock(&phone->mutex);
}
