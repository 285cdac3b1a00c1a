/* SPDX-License-Identifier: BSD-3-Clause */
/* What a transport writes into the description of a session (SDP), and reads from the peer's. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audio_io/call/transport/certificate.h"
#include "audio_io/call/transport/ice.h"
#include "audio_io/call/transport/sdes.h"
#include "audio_io/call/transport/state.h"
#include "nn/error.h"

enum { OUR_TAG = 1 }; /* of the key that we offer */

/* --- Writing -------------------------------------------------------------------------------- */

static const char *protocol(ravel_media_security security)
{
    return security == RAVEL_MEDIA_DTLS   ? "UDP/TLS/RTP/SAVP"
           : security == RAVEL_MEDIA_SDES ? "RTP/SAVP"
                                          : "RTP/AVP";
}

/* Old phones name DTLS and keys on plain protocols: the attributes decide, not the name. */
int ravel_transport_add_media(ravel_transport *transport, struct sdp_session *session,
                              struct sdp_media **media, ravel_error *error)
{
    struct sa local;
    int failed =
        udp_local_get(transport->media.socket, &local) ||
        sdp_media_add(&transport->line, session, sdp_media_audio, sa_port(&local),
                      protocol(transport->weakest)) ||
        sdp_media_set_alt_protos(transport->line, 6, "UDP/TLS/RTP/SAVP", "UDP/TLS/RTP/SAVPF",
                                 "RTP/SAVP", "RTP/SAVPF", "RTP/AVP", "RTP/AVPF");
    if (failed != 0)
        return ravel_error_memory(error);
    mem_ref(session);
    mem_deref(transport->session);
    transport->session = session;
    *media = transport->line;
    return RAVEL_OK;
}

static int write_fingerprint(ravel_transport *transport, bool offer)
{
    const char *role = offer ? "actpass" : transport->peer.active ? "active" : "passive";
    return sdp_media_set_lattr(transport->line, true, "fingerprint", "sha-256 %s",
                               ravel_certificate_fingerprint(transport->certificate)) ||
           sdp_media_set_lattr(transport->line, true, "setup", "%s", role);
}

static int write_key(ravel_transport *transport, bool offer)
{
    char text[RAVEL_SDES_TEXT];
    ravel_sdes_write(offer ? OUR_TAG : transport->peer.tag, transport->key, text);
    return sdp_media_set_lattr(transport->line, true, "crypto", "%s", text);
}

int ravel_transport_describe(ravel_transport *transport, bool offer, ravel_error *error)
{
    ravel_media_security security = transport->peer.security;
    int failed = security == RAVEL_MEDIA_DTLS   ? write_fingerprint(transport, offer)
                 : security == RAVEL_MEDIA_SDES ? write_key(transport, offer)
                                                : 0;
    if (failed == 0 && (offer || transport->peer.multiplexed))
        failed = sdp_media_set_lattr(transport->line, true, "rtcp-mux", NULL);
    if (failed == 0 && transport->ice != NULL)
        failed = ravel_ice_describe(transport->ice, transport->line, offer);
    return failed == 0 ? RAVEL_OK : ravel_error_memory(error);
}

/* --- Reading -------------------------------------------------------------------------------- */

static int hex(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* "sha-256 AB:CD:..." */
static bool read_fingerprint(const char *text, ravel_peer_description *peer)
{
    static const char hash[] = "sha-256 ";
    if (strncasecmp(text, hash, sizeof hash - 1) != 0)
        return false;
    text += sizeof hash - 1;
    if (strlen(text) != 3 * RAVEL_DTLS_DIGEST - 1)
        return false;
    for (size_t i = 0; i < RAVEL_DTLS_DIGEST; i++) {
        int high = hex(text[3 * i]), low = hex(text[3 * i + 1]);
        if (high < 0 || low < 0 || (i + 1 < RAVEL_DTLS_DIGEST && text[3 * i + 2] != ':'))
            return false;
        peer->digest[i] = (uint8_t)(16 * high + low);
        (void)snprintf(peer->fingerprint + 3 * i, 4, "%02X%s", peer->digest[i],
                       i + 1 < RAVEL_DTLS_DIGEST ? ":" : "");
    }
    return true;
}

static bool try_fingerprint(const char *name, const char *value, void *arg)
{
    (void)name;
    return value != NULL && read_fingerprint(value, arg);
}

/* Of the line, or of the whole session. */
static bool find_fingerprint(const ravel_transport *transport, ravel_peer_description *peer)
{
    return sdp_media_rattr_apply(transport->line, "fingerprint", try_fingerprint, peer) != NULL ||
           sdp_session_rattr_apply(transport->session, "fingerprint", try_fingerprint, peer) !=
               NULL;
}

static bool try_key(const char *name, const char *value, void *arg)
{
    (void)name;
    ravel_peer_description *peer = arg;
    return value != NULL && ravel_sdes_read(value, &peer->tag, peer->key);
}

static bool find_key(const ravel_transport *transport, bool offer, ravel_peer_description *peer)
{
    return sdp_media_rattr_apply(transport->line, "crypto", try_key, peer) != NULL &&
           (offer || peer->tag == OUR_TAG);
}

/* RFC 4145 and 5763: to "actpass" this side answers "active"; who says nothing is active. */
static bool read_role(const ravel_transport *transport, bool offer, bool *active)
{
    const char *role = sdp_media_session_rattr(transport->line, transport->session, "setup");
    *active = role != NULL ? strcasecmp(role, "active") != 0 : offer;
    return role == NULL || strcasecmp(role, "active") == 0 || strcasecmp(role, "passive") == 0 ||
           (offer && strcasecmp(role, "actpass") == 0);
}

static int choose_security(const ravel_transport *transport, bool offer,
                           ravel_peer_description *peer, ravel_error *error)
{
    ravel_media_security weakest = transport->weakest;
    bool clear = strstr(sdp_media_proto(transport->line), "SAVP") == NULL;
    if (find_fingerprint(transport, peer) && (offer || weakest == RAVEL_MEDIA_DTLS)) {
        peer->security = RAVEL_MEDIA_DTLS;
        if (!read_role(transport, offer, &peer->active))
            return ravel_error_set(error, RAVEL_ERR_DATA,
                                   "the peer's description has a role (a=setup) that cannot be");
        return RAVEL_OK;
    }
    peer->fingerprint[0] = '\0';
    if (weakest >= RAVEL_MEDIA_SDES && find_key(transport, offer, peer) &&
        (offer || weakest == RAVEL_MEDIA_SDES)) {
        peer->security = RAVEL_MEDIA_SDES;
        return RAVEL_OK;
    }
    if (weakest == RAVEL_MEDIA_CLEAR && clear) {
        peer->security = RAVEL_MEDIA_CLEAR;
        return RAVEL_OK;
    }
    return ravel_error_set(error, RAVEL_ERR_DATA,
                           "the peer offers no encryption that is accepted here: its media is %s",
                           find_key(transport, true, peer) ? "keyed in the description (SDES)"
                           : clear                         ? "in the clear"
                                                           : "encrypted in another way");
}

static bool is_reachable(const struct sa *address)
{
    if (!sa_isset(address, SA_ALL) || sa_port(address) == 0 || sa_is_any(address))
        return false;
    if (sa_af(address) == AF_INET)
        return sa_in(address) >> 28 < 0xe; /* neither multicast nor broadcast */
    return address->u.in6.sin6_addr.s6_addr[0] != 0xff;
}

static int read_description(ravel_transport *transport, bool offer, ravel_peer_description *peer,
                            ravel_error *error)
{
    peer->media = *sdp_media_raddr(transport->line);
    sdp_media_raddr_rtcp(transport->line, &peer->reports);
    if (!is_reachable(&peer->media))
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "the peer's description has no address for audio");
    int status = choose_security(transport, offer, peer, error);
    if (status != RAVEL_OK)
        return status;
    peer->multiplexed = sdp_media_rattr(transport->line, "rtcp-mux") != NULL;
    if (!peer->multiplexed && !is_reachable(&peer->reports))
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "the peer's description has no address for reports");
    return RAVEL_OK;
}

static bool same_peer(const ravel_peer_description *a, const ravel_peer_description *b)
{
    return a->security == b->security && a->multiplexed == b->multiplexed &&
           memcmp(a->digest, b->digest, sizeof a->digest) == 0 &&
           memcmp(a->key, b->key, sizeof a->key) == 0;
}

int ravel_transport_apply(ravel_transport *transport, bool offer, ravel_error *error)
{
    ravel_peer_description peer = {0};
    int status = read_description(transport, offer, &peer, error);
    if (status != RAVEL_OK)
        return status;
    if (transport->started) {
        if (!same_peer(&peer, &transport->peer))
            return ravel_error_set(error, RAVEL_ERR_DATA,
                                   "the peer wants other keys in the middle of the call");
        return RAVEL_OK; /* where its packets come from tells better where it is now */
    }
    if (transport->ice != NULL &&
        (!peer.multiplexed ||
         !ravel_ice_apply(transport->ice, transport->session, transport->line, !offer)))
        ravel_transport_drop_ice(transport);
    transport->peer = peer;
    transport->described = true;
    return RAVEL_OK;
}
