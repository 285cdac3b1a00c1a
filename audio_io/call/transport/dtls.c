/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/dtls.h"

#include <openssl/ssl.h>
#include <string.h>

#include "audio_io/call/transport/certificate_pem.h"
#include "audio_io/call/transport/rtp_header.h"
#include "audio_io/live/clock.h"
#include "nn/error.h"

enum {
    ATTEMPTS = 4,           /* handshakes at a time; the first is kept for the described address */
    ATTEMPT_US = 2000000,   /* then another may take its place */
    HANDSHAKE_MS = 10000,   /* then it fails */
    RETRY_MS = 300,         /* after a handshake that ended early */
    RESTART_MS = 3000,      /* of one that comes to no end: the peer may have lost its part */
    RETRANSMIT_US = 200000, /* of a flight that got no answer; doubled up to the longest */
    LONGEST_WAIT_US = 1600000,
    PEER_RATE = 200, /* packets a second that are looked at, and at once */
    STRANGER_RATE = 20,
    MAX_KEY = 64,
    RANDOM = 32 /* bytes */
};

/* A bucket of packets that fills at `rate` a second up to one second's worth. */
typedef struct {
    double left;
    int64_t filled_us;
} allowance;

typedef struct {
    ravel_dtls *owner;
    struct tls_conn *conn; /* NULL: free */
    struct sa from;
    int64_t began_us;
    uint8_t random[RANDOM]; /* of the greeting that began it */
    bool up;                /* the handshake is done, but who it is with not yet judged */
} attempt;

struct ravel_dtls {
    ravel_dtls_handlers handlers;
    struct tls *tls;
    struct dtls_sock *sock;
    attempt attempts[ATTEMPTS];
    attempt *chosen; /* that gave the keys */
    bool started, active, stranger_came, refused, confirmed;
    bool greeted;           /* by the packet at hand */
    uint8_t random[RANDOM]; /* of the last greeting */
    struct sa peer;
    uint8_t digest[RAVEL_DTLS_DIGEST];
    allowance of_peer, of_strangers;
    struct tmr deadline, retry;
};

/* --- OpenSSL -------------------------------------------------------------------------------- */

static unsigned retransmit_after(SSL *ssl, unsigned before_us)
{
    (void)ssl;
    unsigned twice = before_us == 0 ? RETRANSMIT_US : 2 * before_us;
    return twice < LONGEST_WAIT_US ? twice : LONGEST_WAIT_US;
}

/* libre hides the connection, and a second is long to wait where one packet in five is lost. */
static void on_ssl_state(const SSL *ssl, int where, int value)
{
    (void)value;
    if ((where & SSL_CB_HANDSHAKE_START) != 0)
        DTLS_set_timer_cb((SSL *)ssl, retransmit_after);
}

/* The profile with the short tag first: at 3 kb/s, six bytes a packet count. */
static int set_up_tls(ravel_dtls *dtls, const ravel_certificate *certificate)
{
    size_t size;
    const char *pem = ravel_certificate_pem(certificate, &size);
    int failed = tls_alloc(&dtls->tls, TLS_METHOD_DTLS, NULL, NULL) ||
                 tls_set_certificate_pem(dtls->tls, pem, size, pem, size) ||
                 tls_set_srtp(dtls->tls, "SRTP_AES128_CM_SHA1_80:SRTP_AEAD_AES_128_GCM");
    if (failed)
        return failed;
    tls_set_verify_client(dtls->tls);
    SSL_CTX *context = tls_openssl_context(dtls->tls);
    SSL_CTX_set_info_callback(context, on_ssl_state);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION);
    return SSL_CTX_set_min_proto_version(context, DTLS1_2_VERSION) != 1 ||
           SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20") != 1;
}

/* --- Attempts ------------------------------------------------------------------------------- */

static bool matches(const ravel_dtls *dtls, const attempt *one)
{
    uint8_t digest[RAVEL_DTLS_DIGEST];
    return tls_peer_fingerprint(one->conn, TLS_FINGERPRINT_SHA256, digest, sizeof digest) == 0 &&
           memcmp(digest, dtls->digest, sizeof digest) == 0;
}

static void drop(attempt *one)
{
    one->conn = mem_deref(one->conn);
    one->up = false;
}

static void fail(ravel_dtls *dtls, const char *why)
{
    tmr_cancel(&dtls->deadline);
    tmr_cancel(&dtls->retry);
    for (int i = 0; i < ATTEMPTS; i++)
        drop(&dtls->attempts[i]);
    dtls->handlers.failed(why, dtls->handlers.context);
}

static int suite_of(enum srtp_suite name)
{
    return name == SRTP_AES_128_GCM               ? RAVEL_SRTP_AEAD_AES_128_GCM
           : name == SRTP_AES_CM_128_HMAC_SHA1_80 ? RAVEL_SRTP_AES_CM_128_HMAC_SHA1_80
                                                  : -1;
}

static void choose(ravel_dtls *dtls, attempt *one)
{
    uint8_t client[MAX_KEY], server[MAX_KEY];
    enum srtp_suite name;
    int suite = -1;
    if (tls_srtp_keyinfo(one->conn, &name, client, sizeof client, server, sizeof server) == 0)
        suite = suite_of(name);
    if (suite < 0) {
        fail(dtls, "the peer agrees to no encryption of media");
        return;
    }
    dtls->chosen = one;
    tmr_cancel(&dtls->deadline);
    tmr_cancel(&dtls->retry);
    for (int i = 0; i < ATTEMPTS; i++)
        if (&dtls->attempts[i] != one)
            drop(&dtls->attempts[i]);
    dtls->handlers.keys((ravel_srtp_suite)suite, dtls->active ? client : server,
                        dtls->active ? server : client, &one->from, dtls->handlers.context);
    OPENSSL_cleanse(client, sizeof client);
    OPENSSL_cleanse(server, sizeof server);
}

/* Once it is known who the peer is, and for each handshake that is done. */
static void judge(ravel_dtls *dtls, attempt *one)
{
    if (!dtls->started || dtls->chosen != NULL)
        return;
    if (matches(dtls, one)) {
        choose(dtls, one);
    } else if (dtls->active || sa_cmp(&one->from, &dtls->peer, SA_ALL)) {
        fail(dtls, "the peer's certificate is not the one that its description names: "
                   "somebody may be listening in");
    } else {
        dtls->stranger_came = true;
        drop(one);
    }
}

static void on_established(void *arg)
{
    attempt *one = arg;
    one->up = true;
    judge(one->owner, one);
}

static void connect_again(void *arg);
static void on_deadline(void *arg);

static void on_closed(int reason, void *arg)
{
    (void)reason;
    attempt *one = arg;
    ravel_dtls *dtls = one->owner;
    drop(one);
    if (dtls->chosen == one)
        dtls->handlers.closed(dtls->handlers.context);
    else if (dtls->active && dtls->chosen == NULL)
        tmr_start(&dtls->retry, RETRY_MS, connect_again, dtls);
}

/* --- This side begins ----------------------------------------------------------------------- */

static void connect_again(void *arg)
{
    ravel_dtls *dtls = arg;
    attempt *one = &dtls->attempts[0];
    drop(one);
    one->from = dtls->peer;
    int failed = dtls_connect(&one->conn, dtls->tls, dtls->sock, &dtls->peer, on_established, NULL,
                              on_closed, one);
    tmr_start(&dtls->retry, failed != 0 ? RETRY_MS : RESTART_MS, connect_again, dtls);
}

/* --- The other side begins ------------------------------------------------------------------ */

static attempt *place_for(ravel_dtls *dtls, const struct sa *from, int64_t now_us)
{
    bool described = dtls->started && sa_cmp(from, &dtls->peer, SA_ALL);
    for (int i = described ? 0 : 1; i < ATTEMPTS; i++) {
        attempt *one = &dtls->attempts[i];
        if (one->conn == NULL || now_us - one->began_us > ATTEMPT_US || (described && i == 0))
            return one;
    }
    return NULL;
}

static void on_hello(const struct sa *from, void *arg)
{
    ravel_dtls *dtls = arg;
    int64_t now_us = ravel_clock_now_us();
    bool wanted = dtls->greeted && !dtls->active && dtls->chosen == NULL;
    attempt *one = wanted ? place_for(dtls, from, now_us) : NULL;
    if (one == NULL)
        return;
    drop(one);
    one->from = *from;
    one->began_us = now_us;
    memcpy(one->random, dtls->random, RANDOM);
    if (dtls_accept(&one->conn, dtls->tls, dtls->sock, on_established, NULL, on_closed, one) != 0)
        one->conn = NULL;
}

static bool take(allowance *bucket, int rate, int64_t now_us)
{
    bucket->left += 1e-6 * (double)(now_us - bucket->filled_us) * rate;
    bucket->left = bucket->left < rate ? bucket->left : rate;
    bucket->filled_us = now_us;
    if (bucket->left < 1)
        return false;
    bucket->left -= 1;
    return true;
}

/* One among the records of a packet (RFC 6347 4.1): type, version, epoch, number, length. */
static bool has_open_alert(const uint8_t *data, size_t size)
{
    enum { EPOCH_AT = 3, LENGTH_AT = 11, HEADER = 13, ALERT = 21 };
    for (size_t at = 0; size - at >= HEADER;) {
        const uint8_t *record = data + at;
        size_t length = HEADER + (size_t)ravel_get_16(record + LENGTH_AT);
        if (record[0] == ALERT && ravel_get_16(record + EPOCH_AT) == 0)
            return true;
        if (length > size - at)
            return false;
        at += length;
    }
    return false;
}

/* Of the greeting (ClientHello, RFC 6347 4.2.2) that begins a packet; NULL: it is something else. */
static const uint8_t *random_of_greeting(const uint8_t *data, size_t size)
{
    enum {
        EPOCH_AT = 3,
        TYPE_AT = 13,
        NUMBER_AT = 17,
        RANDOM_AT = 27,
        HANDSHAKE = 22,
        GREETING = 1
    };
    bool greets = size >= RANDOM_AT + RANDOM && data[0] == HANDSHAKE && data[TYPE_AT] == GREETING &&
                  ravel_get_16(data + EPOCH_AT) == 0 && ravel_get_16(data + NUMBER_AT) == 0;
    return greets ? data + RANDOM_AT : NULL;
}

/* A peer that greets anew has lost what it had: its earlier handshake would only answer in the way of
 * the new one. Not once packets have shown that it has the keys: then somebody else greets. */
static void note_greeting(ravel_dtls *dtls, const struct sa *from, const uint8_t *random)
{
    memcpy(dtls->random, random, RANDOM);
    for (int i = 0; i < ATTEMPTS; i++) {
        attempt *one = &dtls->attempts[i];
        if (one->conn == NULL || !sa_cmp(from, &one->from, SA_ALL) ||
            memcmp(one->random, random, RANDOM) == 0 || (one == dtls->chosen && dtls->confirmed))
            continue;
        if (one == dtls->chosen) {
            dtls->chosen = NULL;
            tmr_start(&dtls->deadline, HANDSHAKE_MS, on_deadline, dtls);
        }
        drop(one);
    }
}

bool ravel_dtls_admits(ravel_dtls *dtls, const struct sa *from, const uint8_t *data, size_t size,
                       int64_t now_us)
{
    bool known = dtls->chosen != NULL ? sa_cmp(from, &dtls->chosen->from, SA_ALL)
                                      : dtls->started && sa_cmp(from, &dtls->peer, SA_ALL);
    if (has_open_alert(data, size)) {
        dtls->refused = dtls->refused || known;
        return false;
    }
    if ((!known && (dtls->chosen != NULL || dtls->active)) ||
        !take(known ? &dtls->of_peer : &dtls->of_strangers, known ? PEER_RATE : STRANGER_RATE,
              now_us))
        return false;
    const uint8_t *random = random_of_greeting(data, size);
    dtls->greeted = random != NULL;
    if (dtls->greeted && !dtls->active)
        note_greeting(dtls, from, random);
    return true;
}

void ravel_dtls_confirm(ravel_dtls *dtls)
{
    dtls->confirmed = true;
}

/* --- Start and end -------------------------------------------------------------------------- */

static void on_deadline(void *arg)
{
    ravel_dtls *dtls = arg;
    fail(dtls,
         dtls->stranger_came
             ? "only strangers answered: no certificate was the one that the description names"
         : dtls->refused ? "the peer refuses the handshake of the media"
                         : "the peer does not answer the handshake of the media");
}

ravel_dtls *ravel_dtls_new(const ravel_certificate *certificate, struct udp_sock *socket,
                           const ravel_dtls_handlers *handlers, ravel_error *error)
{
    ravel_dtls *dtls = mem_zalloc(sizeof *dtls, NULL);
    if (dtls == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    dtls->handlers = *handlers;
    for (int i = 0; i < ATTEMPTS; i++)
        dtls->attempts[i].owner = dtls;
    if (set_up_tls(dtls, certificate) == 0 &&
        dtls_listen(&dtls->sock, NULL, socket, ATTEMPTS, RAVEL_DTLS_LAYER, on_hello, dtls) == 0)
        return dtls;
    ravel_error_set(error, RAVEL_ERR_IO, "no DTLS of this certificate can be set up");
    ravel_dtls_free(dtls);
    return NULL;
}

void ravel_dtls_free(ravel_dtls *dtls)
{
    if (dtls == NULL)
        return;
    tmr_cancel(&dtls->deadline);
    tmr_cancel(&dtls->retry);
    for (int i = 0; i < ATTEMPTS; i++)
        drop(&dtls->attempts[i]);
    mem_deref(dtls->sock);
    mem_deref(dtls->tls);
    mem_deref(dtls);
}

void ravel_dtls_start(ravel_dtls *dtls, bool active, const struct sa *peer,
                      const uint8_t digest[RAVEL_DTLS_DIGEST])
{
    dtls->started = true;
    dtls->active = active;
    dtls->peer = *peer;
    memcpy(dtls->digest, digest, RAVEL_DTLS_DIGEST);
    tmr_start(&dtls->deadline, HANDSHAKE_MS, on_deadline, dtls);
    if (active) {
        for (int i = 0; i < ATTEMPTS; i++)
            drop(&dtls->attempts[i]);
        connect_again(dtls);
        return;
    }
    for (int i = 0; i < ATTEMPTS && dtls->chosen == NULL; i++)
        if (dtls->attempts[i].up)
            judge(dtls, &dtls->attempts[i]);
}
