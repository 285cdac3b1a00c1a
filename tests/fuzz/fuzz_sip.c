/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Messages (SIP) of whoever sends them, to a user agent that takes calls and lets them ring: over
 * a socket, through libre, to the state of the call. One input is several messages, with "\n%%\n"
 * between them; what the agent has made of its tag and what it asks for comes back in "@TAG@".
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio_io/call/transport/certificate.h"
#include "audio_io/call/user_agent.h"
#include "tests/fuzz/fuzz.h"

/* Ports below those of media and those that the system gives to whoever asks. */
enum { FIRST_PORT = 10000, N_PORTS = 6000, PORT_TRIALS = 50 };
enum { MAX_MESSAGE = 4096, INPUTS_OF_AN_AGENT = 500, TURNS = 2 };

static const char separator[] = "\n%%\n";
static ravel_phone_config config;
static ravel_user_agent *agent;
static int sender = -1;
static struct sa here, there;

static void told(const ravel_phone_event *event, void *context)
{
    (void)context;
    for (const char *c = event->text; *c != '\0'; c++)
        FUZZ_CHECK(*c >= ' ' && *c <= '~');
    for (const char *c = event->status.reason; *c != '\0'; c++)
        FUZZ_CHECK(*c >= ' ' && *c <= '~');
    for (const char *c = event->status.peer; *c != '\0'; c++)
        FUZZ_CHECK(*c > ' ' && *c <= '~');
}

static void ready(void *context)
{
    (void)context;
}

static void gone(void *context)
{
    (void)context;
}

static void turn_is_over(void *context)
{
    (void)context;
    re_cancel();
}

/* What waits at the sockets, and what timers are due. */
static void turn(void)
{
    struct tmr timer;
    tmr_init(&timer);
    tmr_start(&timer, 0, turn_is_over, NULL);
    (void)re_main(NULL);
    tmr_cancel(&timer);
}

/* At the port of the one before, or at the next where that is another's. */
static void begin_agent(void)
{
    static const ravel_user_agent_handlers handlers = {told, ready, gone, NULL};
    static int n_taken;
    ravel_error error;
    for (int i = 0; agent == NULL && i < PORT_TRIALS; i++) {
        config.port = FIRST_PORT + (getpid() + n_taken) % N_PORTS;
        sa_set_port(&there, (uint16_t)config.port);
        agent = ravel_user_agent_new(&config, &handlers, &error);
        n_taken += agent == NULL;
    }
    if (agent == NULL) {
        (void)fprintf(stderr, "%s\n", error.text);
        abort();
    }
}

static void begin(void)
{
    static char folder[] = "/tmp/fuzz_sip.XXXXXX";
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    FUZZ_CHECK(ravel_libre_begin() == 0 && mkdtemp(folder) != NULL);
    FUZZ_CHECK(sa_set_str(&here, "127.0.0.1", 0) == 0);
    FUZZ_CHECK(sa_set_str(&there, "127.0.0.1", 0) == 0);
    sender = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    FUZZ_CHECK(sender >= 0 && bind(sender, &here.u.sa, here.len) == 0);
    FUZZ_CHECK(getsockname(sender, (struct sockaddr *)&name, &size) == 0);
    config = (ravel_phone_config){.address = &here, .listen = true};
    config.call = (ravel_call_config){.offer = {.opus = ravel_voice_default(NULL)},
                                      .line = {.input = "none", .output = "none"},
                                      .weakest = RAVEL_MEDIA_CLEAR,
                                      .certificate = ravel_certificate_new(NULL),
                                      .folder = folder,
                                      .ring_s = 60};
    FUZZ_CHECK(config.call.certificate != NULL);
}

/* The tag of the agent's last answer, by which it knows messages of the same dialogue. */
static void read_answers(char tag[17])
{
    char answer[MAX_MESSAGE];
    ssize_t n;
    while ((n = recv(sender, answer, sizeof answer - 1, 0)) > 0) {
        answer[n] = '\0';
        const char *to = strstr(answer, "\nTo:");
        const char *found = to != NULL ? strstr(to, ";tag=") : NULL;
        if (found != NULL && strlen(found) > 21)
            memcpy(tag, found + 5, 16);
    }
}

static void send_message(const uint8_t *data, size_t size, const char tag[17])
{
    static const char place[] = "@TAG@";
    char message[MAX_MESSAGE + 16];
    const uint8_t *at = memmem(data, size, place, strlen(place));
    size_t before = at != NULL ? (size_t)(at - data) : size;
    if (size > MAX_MESSAGE)
        return;
    memcpy(message, data, before);
    if (at != NULL) {
        memcpy(message + before, tag, 16);
        memcpy(message + before + 16, at + strlen(place), size - before - strlen(place));
        size += 16 - strlen(place);
    }
    (void)sendto(sender, message, size, 0, &there.u.sa, there.len);
}

static void hang_up(void)
{
    ravel_session *session = ravel_user_agent_session(agent);
    if (session != NULL)
        ravel_session_hang_up(session);
    turn();
    FUZZ_CHECK(ravel_user_agent_session(agent) == NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int n_inputs;
    char tag[17] = "0123456789abcdef";
    if (sender < 0)
        begin();
    if (agent == NULL)
        begin_agent();
    while (size > 0) {
        const uint8_t *end = memmem(data, size, separator, strlen(separator));
        const size_t n = end != NULL ? (size_t)(end - data) : size;
        send_message(data, n, tag);
        for (int i = 0; i < TURNS; i++)
            turn();
        read_answers(tag);
        data += end != NULL ? n + strlen(separator) : n;
        size -= end != NULL ? n + strlen(separator) : n;
    }
    hang_up();
    if (++n_inputs % INPUTS_OF_AN_AGENT ==
        0) { /* what libre keeps for half a minute goes with it */
        ravel_user_agent_free(agent);
        agent = NULL;
    }
    return 0;
}
