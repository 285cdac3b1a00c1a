/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/ice.h"

#include <openssl/rand.h>
#include <string.h>

#include "nn/error.h"

enum {
    COMPONENT = ICE_COMPID_RTP,
    LAYER = 0,          /* of the socket's helpers: before DTLS */
    DEADLINE_MS = 8000, /* of the checks; a pair that works is found in well under a second */
    LOOK_MS = 20,
    SETTLE_MS = 100,     /* after the first pair that works, for a better one */
    STUN_WAIT_MS = 1500, /* then the description goes out without what the server would say */
    UFRAG = 8,           /* letters, RFC 8445 5.3 asks for 24 bits */
    PASSWORD = 24        /* 128 bits */
};

struct ravel_ice {
    ravel_ice_handlers handlers;
    struct icem *icem;
    struct udp_sock *socket;
    struct stun_ctrans *query; /* to the STUN server */
    struct sa stun_server;
    struct tmr timer;
    uint16_t preference; /* of the next address */
    uint16_t port;
    char ufrag[UFRAG + 1], password[PASSWORD + 1];
    bool gathered, done;
    int checked_ms, settled_ms; /* since the checks began, since one succeeded */
};

/* --- Gathering ------------------------------------------------------------------------------ */

static void on_gathered(void *arg)
{
    ravel_ice *ice = arg;
    if (ice->gathered)
        return;
    ice->gathered = true;
    tmr_cancel(&ice->timer);
    (void)icem_comps_set_default_cand(ice->icem);
    ice->handlers.gathered(ice->handlers.context);
}

static void on_stun_answer(int failed, uint16_t code, const char *reason,
                           const struct stun_msg *message, void *arg)
{
    (void)reason;
    ravel_ice *ice = arg;
    struct ice_cand *base = icem_cand_find(icem_lcandl(ice->icem), COMPONENT, NULL);
    struct stun_attr *mapped = NULL;
    if (failed == 0 && code == 0)
        mapped = stun_msg_attr(message, STUN_ATTR_XOR_MAPPED_ADDR);
    if (mapped != NULL && base != NULL && !ice->gathered) {
        (void)icem_lcand_add(ice->icem, base, ICE_CAND_TYPE_SRFLX, &mapped->v.sa);
        icem_cand_redund_elim(ice->icem);
    }
    on_gathered(ice);
}

static bool add_address(const char *interface, const struct sa *address, void *arg)
{
    ravel_ice *ice = arg;
    struct sa local = *address;
    if (sa_is_loopback(address) || sa_is_linklocal(address))
        return false;
    sa_set_port(&local, ice->port);
    (void)icem_cand_add(ice->icem, COMPONENT, ice->preference--, interface, &local);
    return false;
}

/* libre names a host candidate by the socket's port. */
static int add_candidates(ravel_ice *ice, const struct sa *address)
{
    if (sa_is_any(address))
        return net_if_apply(add_address, ice);
    return icem_cand_add(ice->icem, COMPONENT, ice->preference, NULL, address);
}

static int ask_server(ravel_ice *ice, const struct sa *server)
{
    ice->stun_server = *server;
    tmr_start(&ice->timer, STUN_WAIT_MS, on_gathered, ice);
    return stun_request(&ice->query, icem_stun(ice->icem), IPPROTO_UDP, ice->socket,
                        &ice->stun_server, 0, STUN_METHOD_BINDING, NULL, 0, false, on_stun_answer,
                        ice, 0);
}

/* --- Checks --------------------------------------------------------------------------------- */

static void on_unreachable(ravel_ice *ice)
{
    ice->done = true;
    ice->handlers.failed("no way to the peer was found (ICE)", ice->handlers.context);
}

static void on_checked(int failed, bool update, void *arg)
{
    (void)update;
    ravel_ice *ice = arg;
    const struct ice_cand *peer = icem_selected_rcand(ice->icem, COMPONENT);
    if (ice->done)
        return;
    tmr_cancel(&ice->timer);
    if (failed != 0 || peer == NULL) {
        on_unreachable(ice);
        return;
    }
    ice->done = true;
    ice->handlers.connected(icem_lcand_addr(peer), ice->handlers.context);
}

/* libre would wait for every pair, and one that does not work takes 8 s to show it. */
static void look(void *arg)
{
    ravel_ice *ice = arg;
    ice->checked_ms += LOOK_MS;
    if (icem_selected_rcand(ice->icem, COMPONENT) != NULL)
        ice->settled_ms += LOOK_MS;
    if (ice->settled_ms >= SETTLE_MS)
        icem_conncheck_stop(ice->icem, 0); /* calls on_checked */
    else if (ice->checked_ms >= DEADLINE_MS)
        on_unreachable(ice);
    else
        tmr_start(&ice->timer, LOOK_MS, look, ice);
}

/* --- Interface ------------------------------------------------------------------------------ */

/* Letters and digits, evenly drawn. */
static int random_text(char *text, size_t n)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    unsigned char bytes[PASSWORD];
    if (RAND_bytes(bytes, (int)n) != 1)
        return -1;
    for (size_t i = 0; i < n; i++)
        text[i] = letters[bytes[i] & 63];
    text[n] = '\0';
    return 0;
}

static int set_up(ravel_ice *ice, const struct sa *address, const struct sa *stun_server)
{
    struct sa local;
    uint64_t tie_breaker;
    int failed = RAND_bytes((unsigned char *)&tie_breaker, sizeof tie_breaker) != 1 ||
                 random_text(ice->ufrag, UFRAG) || random_text(ice->password, PASSWORD) ||
                 udp_local_get(ice->socket, &local);
    if (failed != 0)
        return failed;
    ice->port = sa_port(&local);
    local = *address;
    sa_set_port(&local, ice->port);
    failed = icem_alloc(&ice->icem, ICE_MODE_FULL, ICE_ROLE_CONTROLLED, IPPROTO_UDP, LAYER,
                        tie_breaker, ice->ufrag, ice->password, on_checked, ice) ||
             icem_comp_add(ice->icem, COMPONENT, ice->socket) || add_candidates(ice, &local);
    if (failed != 0)
        return failed;
    if (stun_server != NULL)
        return ask_server(ice, stun_server);
    tmr_start(&ice->timer, 0, on_gathered, ice);
    return 0;
}

ravel_ice *ravel_ice_new(struct udp_sock *socket, const struct sa *address,
                         const struct sa *stun_server, const ravel_ice_handlers *handlers,
                         ravel_error *error)
{
    ravel_ice *ice = mem_zalloc(sizeof *ice, NULL);
    if (ice == NULL) {
        ravel_error_memory(error);
        return NULL;
    }
    ice->handlers = *handlers;
    ice->socket = mem_ref(socket);
    ice->preference = UINT16_MAX;
    if (set_up(ice, address, stun_server) == 0)
        return ice;
    ravel_error_set(error, RAVEL_ERR_IO, "ICE cannot be set up");
    ravel_ice_free(ice);
    return NULL;
}

void ravel_ice_free(ravel_ice *ice)
{
    if (ice == NULL)
        return;
    tmr_cancel(&ice->timer);
    mem_deref(ice->query);
    mem_deref(ice->icem);
    mem_deref(ice->socket);
    mem_deref(ice);
}

static bool write_candidate(struct le *item, void *arg)
{
    return sdp_media_set_lattr(arg, false, ice_attr_cand, "%H", ice_cand_encode, item->data) != 0;
}

int ravel_ice_describe(ravel_ice *ice, struct sdp_media *line, bool offerer)
{
    const struct sa *best = icem_cand_default(ice->icem, COMPONENT);
    if (offerer)
        icem_set_role(ice->icem, ICE_ROLE_CONTROLLING);
    if (best != NULL)
        sdp_media_set_laddr(line, best);
    sdp_media_del_lattr(line, ice_attr_cand);
    bool failed = list_apply(icem_lcandl(ice->icem), true, write_candidate, line) != NULL;
    return failed || sdp_media_set_lattr(line, true, ice_attr_ufrag, "%s", ice->ufrag) ||
           sdp_media_set_lattr(line, true, ice_attr_pwd, "%s", ice->password);
}

static bool read_attribute(const char *name, const char *value, void *arg)
{
    (void)icem_sdp_decode(arg, name, value); /* candidates that we do not know are passed over */
    return false;
}

bool ravel_ice_apply(ravel_ice *ice, const struct sdp_session *session,
                     const struct sdp_media *line, bool offerer)
{
    static const char *const names[] = {"ice-ufrag", "ice-pwd", "ice-lite"};
    icem_set_role(ice->icem, offerer ? ICE_ROLE_CONTROLLING : ICE_ROLE_CONTROLLED);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)sdp_session_rattr_apply(session, names[i], read_attribute, ice->icem);
        (void)sdp_media_rattr_apply(line, names[i], read_attribute, ice->icem);
    }
    (void)sdp_media_rattr_apply(line, ice_attr_cand, read_attribute, ice->icem);
    return sdp_media_session_rattr(line, session, ice_attr_ufrag) != NULL &&
           sdp_media_session_rattr(line, session, ice_attr_pwd) != NULL &&
           !list_isempty(icem_rcandl(ice->icem));
}

int ravel_ice_start(ravel_ice *ice, ravel_error *error)
{
    tmr_start(&ice->timer, LOOK_MS, look, ice);
    if (icem_conncheck_start(ice->icem) == 0)
        return RAVEL_OK;
    return ravel_error_set(error, RAVEL_ERR_IO, "the checks of ICE cannot begin");
}
