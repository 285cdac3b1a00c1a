/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/srtp.h"

#include <stdbool.h>
#include <string.h>

#include "audio_io/call/libre.h"
#include "audio_io/call/rtp_header.h"

enum {
    MASTER_KEY = 16, /* bytes */
    SALT = 14,
    GCM_SALT = 12,
    IV = 16,
    GCM_IV = 12,
    SHA1_BYTES = 20,
    SHA1_TAG = 10,
    GCM_TAG = 16,
    RTCP_HEADER = 8, /* bytes of RTCP in the clear: the first header and the sender's SSRC */
    RTCP_INDEX = 4,  /* bytes after it: the flag "encrypted", and the index */
    WINDOW = 64,     /* packets */
    MAX_SOURCES = 8
};

static const uint32_t rtcp_encrypted = 1u << 31;

/* Keys of RTP or of RTCP. hmac: NULL with GCM. */
typedef struct {
    struct aes *aes;
    struct hmac *hmac;
    uint8_t salt[SALT];
} cipher;

/* Packets of one source by their index: bit i of seen is that of highest - i. Nothing seen: 0. */
typedef struct {
    uint64_t highest, seen;
} window;

typedef struct {
    uint32_t ssrc;
    window rtp, rtcp;
} source;

struct ravel_srtp {
    ravel_srtp_suite suite;
    cipher rtp, rtcp;
    source sources[MAX_SOURCES]; /* whose tags were right */
    int n_sources;
    uint32_t rtcp_index; /* of the last report sent */
};

const char *ravel_srtp_suite_name(ravel_srtp_suite suite)
{
    return suite == RAVEL_SRTP_AEAD_AES_128_GCM ? "AEAD_AES_128_GCM" : "AES_CM_128_HMAC_SHA1_80";
}

size_t ravel_srtp_key_size(ravel_srtp_suite suite)
{
    return MASTER_KEY + (suite == RAVEL_SRTP_AEAD_AES_128_GCM ? GCM_SALT : SALT);
}

/* --- Keys ----------------------------------------------------------------------------------- */

/* The key stream of the master key at (label * 2^48 XOR salt) * 2^16: RFC 3711 4.3.1. */
static int derive(struct aes *master, const uint8_t *salt, int label, uint8_t *out, size_t size)
{
    uint8_t iv[IV] = {0};
    memcpy(iv, salt, SALT);
    iv[7] ^= (uint8_t)label;
    memset(out, 0, size);
    aes_set_iv(master, iv);
    return aes_encr(master, out, out, size);
}

/* label: the first of three; 0 for RTP, 3 for RTCP. */
static int make_cipher(cipher *made, ravel_srtp_suite suite, struct aes *master,
                       const uint8_t *salt, int label)
{
    bool gcm = suite == RAVEL_SRTP_AEAD_AES_128_GCM;
    uint8_t key[MASTER_KEY], tag_key[SHA1_BYTES];
    int failed =
        derive(master, salt, label, key, sizeof key) ||
        derive(master, salt, label + 1, tag_key, sizeof tag_key) ||
        derive(master, salt, label + 2, made->salt, gcm ? GCM_SALT : SALT) ||
        aes_alloc(&made->aes, gcm ? AES_MODE_GCM : AES_MODE_CTR, key, 8 * sizeof key, NULL) ||
        (!gcm && hmac_create(&made->hmac, HMAC_HASH_SHA1, tag_key, sizeof tag_key));
    return failed ? RAVEL_ERR_MEMORY : RAVEL_OK;
}

ravel_srtp *ravel_srtp_new(ravel_srtp_suite suite, const uint8_t *key)
{
    uint8_t salt[SALT] = {0}; /* GCM's is shorter: zeros follow (RFC 7714 11) */
    memcpy(salt, key + MASTER_KEY, ravel_srtp_key_size(suite) - MASTER_KEY);
    struct aes *master = NULL;
    ravel_srtp *srtp = mem_zalloc(sizeof *srtp, NULL);
    if (srtp == NULL)
        return NULL;
    srtp->suite = suite;
    bool made = aes_alloc(&master, AES_MODE_CTR, key, 8 * MASTER_KEY, NULL) == 0 &&
                make_cipher(&srtp->rtp, suite, master, salt, 0) == RAVEL_OK &&
                make_cipher(&srtp->rtcp, suite, master, salt, 3) == RAVEL_OK;
    mem_deref(master);
    if (made)
        return srtp;
    ravel_srtp_free(srtp);
    return NULL;
}

void ravel_srtp_free(ravel_srtp *srtp)
{
    if (srtp == NULL)
        return;
    mem_deref(srtp->rtp.aes);
    mem_deref(srtp->rtp.hmac);
    mem_deref(srtp->rtcp.aes);
    mem_deref(srtp->rtcp.hmac);
    mem_deref(srtp);
}

/* --- Ciphers -------------------------------------------------------------------------------- */

/* (salt * 2^16) XOR (ssrc * 2^64) XOR (index * 2^16): RFC 3711 4.1.1. */
static void counter_iv(const cipher *c, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
    memcpy(iv, c->salt, SALT);
    iv[14] = iv[15] = 0;
    for (int i = 0; i < 4; i++)
        iv[4 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
    for (int i = 0; i < 6; i++)
        iv[8 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

/* Two zero bytes, SSRC, index of 48 bits, XOR salt: RFC 7714 8.1 and 9.1. */
static void gcm_iv(const cipher *c, uint32_t ssrc, uint64_t index, uint8_t *iv)
{
    memcpy(iv, c->salt, GCM_IV);
    for (int i = 0; i < 4; i++)
        iv[2 + i] ^= (uint8_t)(ssrc >> (24 - 8 * i));
    for (int i = 0; i < 6; i++)
        iv[6 + i] ^= (uint8_t)(index >> (40 - 8 * i));
}

/* Encryption and decryption are the same. */
static int run_counter(const cipher *c, uint32_t ssrc, uint64_t index, uint8_t *data, size_t size)
{
    uint8_t iv[IV];
    counter_iv(c, ssrc, index, iv);
    aes_set_iv(c->aes, iv);
    return size > 0 ? aes_encr(c->aes, data, data, size) : 0;
}

static int gcm_seal(const cipher *c, const uint8_t *iv, const uint8_t *clear, size_t n_clear,
                    uint8_t *data, size_t size)
{
    aes_set_iv(c->aes, iv);
    return aes_encr(c->aes, NULL, clear, n_clear) ||
           (size > 0 && aes_encr(c->aes, data, data, size)) ||
           aes_get_authtag(c->aes, data + size, GCM_TAG);
}

/* size: bytes without the tag, which follows. */
static bool gcm_open(const cipher *c, const uint8_t *iv, const uint8_t *clear, size_t n_clear,
                     uint8_t *data, size_t size)
{
    aes_set_iv(c->aes, iv);
    return aes_decr(c->aes, NULL, clear, n_clear) == 0 &&
           (size == 0 || aes_decr(c->aes, data, data, size) == 0) &&
           aes_authenticate(c->aes, data + size, GCM_TAG) == 0;
}

static bool tag_matches(const cipher *c, const uint8_t *data, size_t size, const uint8_t *tag)
{
    uint8_t right[SHA1_BYTES];
    return hmac_digest(c->hmac, right, sizeof right, data, size) == 0 &&
           mem_seccmp(right, tag, SHA1_TAG) == 0;
}

/* --- Sources and indices -------------------------------------------------------------------- */

static source *find_source(ravel_srtp *srtp, uint32_t ssrc)
{
    for (int i = 0; i < srtp->n_sources; i++)
        if (srtp->sources[i].ssrc == ssrc)
            return &srtp->sources[i];
    return NULL;
}

/* NULL: one too many. None is ever forgotten, or its packets could be replayed. */
static source *add_source(ravel_srtp *srtp, uint32_t ssrc)
{
    if (srtp->n_sources == MAX_SOURCES)
        return NULL;
    source *added = &srtp->sources[srtp->n_sources++];
    *added = (source){.ssrc = ssrc};
    return added;
}

/* The index whose low 16 bits are the sequence number and that lies nearest to the highest one seen
 * (RFC 3711 3.3.1); UINT64_MAX: before the start. */
static uint64_t nearest_index(const window *w, uint16_t sequence)
{
    if (w->seen == 0)
        return sequence;
    int ahead = (int16_t)(uint16_t)(sequence - (uint16_t)w->highest);
    if (ahead < 0 && w->highest < (uint64_t)-ahead)
        return UINT64_MAX;
    return w->highest + (uint64_t)(int64_t)ahead;
}

static bool is_fresh(const window *w, uint64_t index)
{
    if (w->seen == 0 || index > w->highest)
        return true;
    uint64_t age = w->highest - index;
    return age < WINDOW && (w->seen >> age & 1) == 0;
}

static void mark_seen(window *w, uint64_t index)
{
    if (w->seen == 0 || index > w->highest) {
        uint64_t ahead = index - w->highest;
        w->seen = w->seen == 0 || ahead >= WINDOW ? 1 : w->seen << ahead | 1;
        w->highest = index;
    } else {
        w->seen |= (uint64_t)1 << (w->highest - index);
    }
}

/* --- RTP ------------------------------------------------------------------------------------ */

/* The tag covers the roll-over counter too, which is not sent. There is room after the packet. */
static int seal_rtp(const ravel_srtp *srtp, const ravel_rtp_header *header, uint64_t index,
                    uint8_t *packet, size_t *size)
{
    uint8_t *payload = packet + header->size, iv[GCM_IV];
    size_t n = *size - header->size;
    if (srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM) {
        gcm_iv(&srtp->rtp, header->ssrc, index, iv);
        *size += GCM_TAG;
        return gcm_seal(&srtp->rtp, iv, packet, header->size, payload, n);
    }
    uint8_t tag[SHA1_BYTES];
    ravel_put_32(packet + *size, (uint32_t)(index >> 16));
    if (run_counter(&srtp->rtp, header->ssrc, index, payload, n) != 0 ||
        hmac_digest(srtp->rtp.hmac, tag, sizeof tag, packet, *size + 4) != 0)
        return -1;
    memcpy(packet + *size, tag, SHA1_TAG);
    *size += SHA1_TAG;
    return 0;
}

int ravel_srtp_protect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    ravel_rtp_header header;
    if (!ravel_rtp_header_read(&header, packet, *size))
        return RAVEL_ERR_ARGUMENT;
    source *sender = find_source(srtp, header.ssrc);
    if (sender == NULL)
        sender = add_source(srtp, header.ssrc);
    if (sender == NULL)
        return RAVEL_ERR_ARGUMENT;
    uint64_t index = nearest_index(&sender->rtp, header.sequence);
    if (index >> 48 != 0 || !is_fresh(&sender->rtp, index)) /* the same key stream twice */
        return RAVEL_ERR_ARGUMENT;
    mark_seen(&sender->rtp, index);
    return seal_rtp(srtp, &header, index, packet, size) == 0 ? RAVEL_OK : RAVEL_ERR_MEMORY;
}

/* *size: with the tag; becomes that of the packet. */
static bool open_rtp(const ravel_srtp *srtp, const ravel_rtp_header *header, uint64_t index,
                     uint8_t *packet, size_t *size)
{
    uint8_t *payload = packet + header->size, iv[GCM_IV];
    if (srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM) {
        *size -= GCM_TAG;
        gcm_iv(&srtp->rtp, header->ssrc, index, iv);
        return gcm_open(&srtp->rtp, iv, packet, header->size, payload, *size - header->size);
    }
    uint8_t tag[SHA1_TAG];
    *size -= SHA1_TAG;
    memcpy(tag, packet + *size, SHA1_TAG);
    ravel_put_32(packet + *size, (uint32_t)(index >> 16));
    return tag_matches(&srtp->rtp, packet, *size + 4, tag) &&
           run_counter(&srtp->rtp, header->ssrc, index, payload, *size - header->size) == 0;
}

ravel_srtp_verdict ravel_srtp_unprotect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    size_t tag = srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM ? GCM_TAG : SHA1_TAG;
    ravel_rtp_header header;
    if (!ravel_rtp_header_read(&header, packet, *size) || *size - header.size < tag)
        return RAVEL_SRTP_TRUNCATED;
    source *sender = find_source(srtp, header.ssrc);
    const window fresh = {0, 0};
    const window *seen = sender != NULL ? &sender->rtp : &fresh;
    uint64_t index = nearest_index(seen, header.sequence);
    if (index >> 48 != 0 || !is_fresh(seen, index))
        return RAVEL_SRTP_REPLAYED;
    if (!open_rtp(srtp, &header, index, packet, size))
        return RAVEL_SRTP_FORGED;
    if (sender == NULL)
        sender = add_source(srtp, header.ssrc);
    if (sender == NULL)
        return RAVEL_SRTP_REPLAYED;
    mark_seen(&sender->rtp, index);
    return RAVEL_SRTP_GOOD;
}

/* --- RTCP ----------------------------------------------------------------------------------- */

/* What GCM authenticates beside the encrypted part: the header and the index after the packet. */
static void rtcp_clear_part(const uint8_t *packet, uint32_t word, uint8_t *clear)
{
    memcpy(clear, packet, RTCP_HEADER);
    ravel_put_32(clear + RTCP_HEADER, word);
}

static int seal_rtcp(const ravel_srtp *srtp, uint32_t index, uint8_t *packet, size_t *size)
{
    uint32_t ssrc = ravel_get_32(packet + 4), word = index | rtcp_encrypted;
    uint8_t *data = packet + RTCP_HEADER;
    size_t n = *size - RTCP_HEADER;
    if (srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM) {
        uint8_t iv[GCM_IV], clear[RTCP_HEADER + RTCP_INDEX];
        gcm_iv(&srtp->rtcp, ssrc, index, iv);
        rtcp_clear_part(packet, word, clear);
        ravel_put_32(packet + *size + GCM_TAG, word);
        *size += GCM_TAG + RTCP_INDEX;
        return gcm_seal(&srtp->rtcp, iv, clear, sizeof clear, data, n);
    }
    uint8_t tag[SHA1_BYTES];
    if (run_counter(&srtp->rtcp, ssrc, index, data, n) != 0)
        return -1;
    ravel_put_32(packet + *size, word);
    *size += RTCP_INDEX;
    if (hmac_digest(srtp->rtcp.hmac, tag, sizeof tag, packet, *size) != 0)
        return -1;
    memcpy(packet + *size, tag, SHA1_TAG);
    *size += SHA1_TAG;
    return 0;
}

int ravel_srtcp_protect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    if (*size < RTCP_HEADER || srtp->rtcp_index == rtcp_encrypted - 1)
        return RAVEL_ERR_ARGUMENT;
    srtp->rtcp_index++;
    return seal_rtcp(srtp, srtp->rtcp_index, packet, size) == 0 ? RAVEL_OK : RAVEL_ERR_MEMORY;
}

/* The index word stands last with GCM, before the tag otherwise. */
static uint32_t rtcp_word(const ravel_srtp *srtp, const uint8_t *packet, size_t size)
{
    size_t after = srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM ? 0 : SHA1_TAG;
    return ravel_get_32(packet + size - after - RTCP_INDEX);
}

static bool open_rtcp(const ravel_srtp *srtp, uint32_t word, uint8_t *packet, size_t *size)
{
    uint32_t ssrc = ravel_get_32(packet + 4), index = word & ~rtcp_encrypted;
    uint8_t *data = packet + RTCP_HEADER;
    if (srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM) {
        uint8_t iv[GCM_IV], clear[RTCP_HEADER + RTCP_INDEX];
        *size -= GCM_TAG + RTCP_INDEX;
        gcm_iv(&srtp->rtcp, ssrc, index, iv);
        rtcp_clear_part(packet, word, clear);
        return gcm_open(&srtp->rtcp, iv, clear, sizeof clear, data, *size - RTCP_HEADER);
    }
    *size -= SHA1_TAG;
    if (!tag_matches(&srtp->rtcp, packet, *size, packet + *size))
        return false;
    *size -= RTCP_INDEX;
    return run_counter(&srtp->rtcp, ssrc, index, data, *size - RTCP_HEADER) == 0;
}

ravel_srtp_verdict ravel_srtcp_unprotect(ravel_srtp *srtp, uint8_t *packet, size_t *size)
{
    size_t tag = srtp->suite == RAVEL_SRTP_AEAD_AES_128_GCM ? GCM_TAG : SHA1_TAG;
    if (*size < RTCP_HEADER + RTCP_INDEX + tag)
        return RAVEL_SRTP_TRUNCATED;
    uint32_t word = rtcp_word(srtp, packet, *size), ssrc = ravel_get_32(packet + 4);
    source *sender = find_source(srtp, ssrc);
    uint64_t index = word & ~rtcp_encrypted;
    if (sender != NULL && !is_fresh(&sender->rtcp, index))
        return RAVEL_SRTP_REPLAYED;
    /* Reports in the clear are agreed on in the description alone (RFC 4568), and not by us. */
    if ((word & rtcp_encrypted) == 0 || !open_rtcp(srtp, word, packet, size))
        return RAVEL_SRTP_FORGED;
    if (sender == NULL)
        sender = add_source(srtp, ssrc);
    if (sender == NULL)
        return RAVEL_SRTP_REPLAYED;
    mark_seen(&sender->rtcp, index);
    return RAVEL_SRTP_GOOD;
}
