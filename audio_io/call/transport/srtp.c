/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/srtp.h"

#include <limits.h>
#include <openssl/crypto.h>
#include <srtp2/srtp.h>
#include <stdlib.h>
#include <string.h>
#include <threads.h>

#include "audio_io/call/transport/rtp_header.h"

enum { REPLAY_WINDOW = 128 /* packets */, MAX_SOURCES = 8 };

_Static_assert(RAVEL_SRTP_MAX_OVERHEAD >= SRTP_MAX_TRAILER_LEN + 4, "the index of SRTCP is extra");

struct ravel_srtp {
    srtp_t session;
    uint32_t sources[MAX_SOURCES]; /* whose tags were right: a peer may not fill the memory */
    int n_sources;
};

typedef srtp_err_status_t transform(srtp_t session, void *packet, int *size);

static void start_libsrtp(void)
{
    (void)srtp_init(); /* a failure shows in srtp_create */
}

const char *ravel_srtp_suite_name(ravel_srtp_suite suite)
{
    return suite == RAVEL_SRTP_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM" : "AES_CM_128_HMAC_SHA1_80";
}

size_t ravel_srtp_key_size(ravel_srtp_suite suite)
{
    return suite == RAVEL_SRTP_AEAD_AES_128_GCM ? SRTP_AES_GCM_128_KEY_LEN_WSALT
                                                : SRTP_AES_ICM_128_KEY_LEN_WSALT;
}

static void set_suite(srtp_policy_t *policy, ravel_srtp_suite suite)
{
    if (suite == RAVEL_SRTP_AEAD_AES_128_GCM) {
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtp);
        srtp_crypto_policy_set_aes_gcm_128_16_auth(&policy->rtcp);
    } else {
        srtp_crypto_policy_set_rtp_default(&policy->rtp);
        srtp_crypto_policy_set_rtcp_default(&policy->rtcp);
    }
}

ravel_srtp *ravel_srtp_new(ravel_srtp_suite suite, const uint8_t *key, bool sending)
{
    static once_flag started = ONCE_FLAG_INIT;
    call_once(&started, start_libsrtp);
    uint8_t copy[RAVEL_SRTP_MAX_KEY];
    memcpy(copy, key, ravel_srtp_key_size(suite));
    srtp_policy_t policy = {.ssrc.type = sending ? ssrc_any_outbound : ssrc_any_inbound,
                            .key = copy,
                            .window_size = REPLAY_WINDOW};
    set_suite(&policy, suite);
    ravel_srtp *srtp = calloc(1, sizeof *srtp);
    if (srtp != NULL && srtp_create(&srtp->session, &policy) != srtp_err_status_ok) {
        free(srtp);
        srtp = NULL;
    }
    OPENSSL_cleanse(copy, sizeof copy);
    return srtp;
}

void ravel_srtp_free(ravel_srtp *srtp)
{
    if (srtp == NULL)
        return;
    (void)srtp_dealloc(srtp->session);
    free(srtp);
}

static int protect(ravel_srtp *srtp, transform *run, uint8_t *packet, size_t *size)
{
    if (*size > INT_MAX - RAVEL_SRTP_MAX_OVERHEAD)
        return RAVEL_ERR_ARGUMENT;
    int n = (int)*size;
    switch (run(srtp->session, packet, &n)) {
    case srtp_err_status_ok:
        *size = (size_t)n;
        return RAVEL_OK;
    case srtp_err_status_alloc_fail:
        return RAVEL_ERR_MEMORY;
    default:
        return RAVEL_ERR_ARGUMENT;
    }
}

int ravel_srtp_protect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    return protect(srtp, srtp_protect, packet, size);
}

int ravel_srtcp_protect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    return protect(srtp, srtp_protect_rtcp, packet, size);
}

static bool is_known(const ravel_srtp *srtp, uint32_t ssrc)
{
    for (int i = 0; i < srtp->n_sources; i++)
        if (srtp->sources[i] == ssrc)
            return true;
    return false;
}

static ravel_srtp_verdict verdict_of(srtp_err_status_t status)
{
    switch (status) {
    case srtp_err_status_ok:
        return RAVEL_SRTP_GOOD;
    case srtp_err_status_replay_fail:
    case srtp_err_status_replay_old:
    case srtp_err_status_pkt_idx_old:
        return RAVEL_SRTP_REPLAYED;
    case srtp_err_status_bad_param:
    case srtp_err_status_parse_err:
        return RAVEL_SRTP_TRUNCATED;
    default:
        return RAVEL_SRTP_FORGED;
    }
}

static ravel_srtp_verdict unprotect(ravel_srtp *srtp, transform *run, uint32_t ssrc,
                                    uint8_t *packet, size_t *size)
{
    bool known = is_known(srtp, ssrc);
    if (*size > INT_MAX || (!known && srtp->n_sources == MAX_SOURCES))
        return RAVEL_SRTP_REPLAYED;
    int n = (int)*size;
    ravel_srtp_verdict verdict = verdict_of(run(srtp->session, packet, &n));
    if (verdict != RAVEL_SRTP_GOOD)
        return verdict;
    *size = (size_t)n;
    if (!known)
        srtp->sources[srtp->n_sources++] = ssrc;
    return RAVEL_SRTP_GOOD;
}

ravel_srtp_verdict ravel_srtp_unprotect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    ravel_rtp_header header;
    if (!ravel_rtp_header_read(&header, packet, *size))
        return RAVEL_SRTP_TRUNCATED;
    return unprotect(srtp, srtp_unprotect, header.ssrc, packet, size);
}

ravel_srtp_verdict ravel_srtcp_unprotect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    const size_t header = 8; /* bytes: the first report's head and its SSRC */
    if (*size < header)
        return RAVEL_SRTP_TRUNCATED;
    return unprotect(srtp, srtp_unprotect_rtcp, ravel_get_32(packet + 4), packet, size);
}
