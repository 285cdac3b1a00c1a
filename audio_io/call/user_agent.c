/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/user_agent.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "nn/error.h"

enum {
    TABLE = 32, /* of transactions, connections, dialogues */
    MAX_ADDRESSES = 16,
    REGISTER_S = 600,
    FAREWELL_MS = 2000,
    REFUSED_MS = 1000 /* one message about refused calls in that time: strangers make many */
};

struct ravel_user_agent {
    const ravel_phone_config *config;
    ravel_user_agent_handlers handlers;
    struct dnsc *names;
    struct sip *sip;
    struct sip_lsnr *requests, *responses;
    struct sipsess_sock *socket;
    struct sipreg *registration;
    struct sa addresses[MAX_ADDRESSES]; /* that SIP is bound to, as they were asked for */
    int n_addresses;
    ravel_session_identity identity;
    char user[64], uri[RAVEL_URI_TEXT], account_host[RAVEL_URI_TEXT];
    ravel_session *session;
    struct tmr farewell;
    uint64_t refused_at;
    bool leaving;
    bool left; /* libre has given `sip` back to us, to be freed */
};

/* --- Events ----------------------------------------------------------------------------------- */

static void tell(const ravel_user_agent *agent, ravel_phone_event_kind kind, const char *text)
{
    ravel_phone_event event = {.kind = kind};
    (void)snprintf(event.text, sizeof event.text, "%s", text);
    ravel_address_plain(event.text);
    agent->handlers.event(&event, agent->handlers.context);
}

static void tell_refusal(ravel_user_agent *agent, const char *text)
{
    uint64_t now = tmr_jiffies();
    if (agent->refused_at != 0 && now - agent->refused_at < REFUSED_MS)
        return;
    agent->refused_at = now;
    tell(agent, RAVEL_PHONE_REFUSED, text);
}

static void tell_status(const ravel_user_agent *agent, const ravel_call_status *status)
{
    ravel_phone_event event = {.kind = RAVEL_PHONE_CALL, .status = *status};
    agent->handlers.event(&event, agent->handlers.context);
}

/* --- The call --------------------------------------------------------------------------------- */

static void end_sip(ravel_user_agent *agent);

static void call_changed(ravel_session *session, void *context)
{
    ravel_user_agent *agent = context;
    ravel_call_status status;
    ravel_session_get_status(session, &status);
    if (status.state == RAVEL_CALL_OVER) {
        agent->session = NULL;
        ravel_session_free(session);
    }
    tell_status(agent, &status);
    if (agent->leaving && agent->session == NULL)
        end_sip(agent);
}

static void packet_ready(void *context)
{
    const ravel_user_agent *agent = context;
    agent->handlers.ready(agent->handlers.context);
}

static ravel_session_handlers session_handlers(ravel_user_agent *agent)
{
    return (ravel_session_handlers){call_changed, packet_ready, agent};
}

static int credentials(char **user, char **password, const char *realm, void *context)
{
    const ravel_user_agent *agent = context;
    (void)realm;
    int code = str_dup(user, agent->user);
    return code != 0 ? code : str_dup(password, agent->config->password);
}

static void answer_if_automatic(ravel_user_agent *agent, const ravel_call_status *status)
{
    if (agent->config->call.auto_answer && status->pin != RAVEL_PIN_CHANGED)
        ravel_session_answer(agent->session);
}

/* Without a transaction: what strangers send leaves nothing behind. */
static void invite_came(const struct sip_msg *message, void *context)
{
    ravel_user_agent *agent = context;
    const ravel_session_handlers handlers = session_handlers(agent);
    ravel_call_status status;
    ravel_error error = {0};
    if (!agent->config->listen || agent->session != NULL || agent->leaving) {
        (void)sip_reply(agent->sip, message, 486, "Busy Here");
        return;
    }
    agent->identity.credentials = NULL; /* nobody who calls gets anything of the password */
    agent->session =
        ravel_session_receive(&agent->config->call, &agent->identity, &handlers, message, &error);
    if (agent->session == NULL) {
        tell_refusal(agent, error.text);
        return;
    }
    ravel_session_get_status(agent->session, &status);
    tell_status(agent, &status);
    answer_if_automatic(agent, &status);
}

/* --- Addresses -------------------------------------------------------------------------------- */

static int bind_address(ravel_user_agent *agent, const struct sa *address, ravel_error *error)
{
    struct sa at = *address;
    sa_set_port(&at, (uint16_t)agent->config->port);
    for (int i = 0; i < agent->n_addresses; i++)
        if (sa_cmp(&agent->addresses[i], &at, SA_ADDR))
            return 0;
    if (agent->n_addresses == MAX_ADDRESSES)
        return 0;
    int code = sip_transp_add(agent->sip, SIP_TRANSP_UDP, &at);
    if (code == 0)
        code = sip_transp_add(agent->sip, SIP_TRANSP_TCP, &at);
    if (code == EADDRNOTAVAIL && agent->config->address == NULL)
        return 0; /* IPv6's are checked for duplicates first; one that is not there yet is left out */
    if (code != 0) {
        char text[80];
        (void)re_snprintf(text, sizeof text, "%J", &at);
        return ravel_error_set(error, RAVEL_ERR_IO, "SIP cannot use %s: %s", text, strerror(code));
    }
    agent->addresses[agent->n_addresses++] = at;
    return 0;
}

typedef struct {
    ravel_user_agent *agent;
    ravel_error *error;
    int status;
} binding;

/* Addresses that only hold for one interface (link-local) cannot be named to others. */
static bool bind_interface(const char *interface, const struct sa *address, void *context)
{
    binding *all = context;
    (void)interface;
    if (!sa_is_linklocal(address) && sa_is_loopback(address) == false)
        all->status = bind_address(all->agent, address, all->error);
    return all->status < 0;
}

static bool bind_loopback(const char *interface, const struct sa *address, void *context)
{
    binding *all = context;
    (void)interface;
    if (sa_is_loopback(address))
        all->status = bind_address(all->agent, address, all->error);
    return all->status < 0;
}

/* libre names the first of a family in what it sends: it is the one that leads out. */
static int bind_all(ravel_user_agent *agent, ravel_error *error)
{
    struct sa first;
    binding all = {agent, error, 0};
    if (agent->config->address != NULL)
        return bind_address(agent, agent->config->address, error);
    if (agent->config->registrar_local != NULL)
        all.status = bind_address(agent, agent->config->registrar_local, error);
    if (all.status == 0 && net_default_source_addr_get(AF_INET, &first) == 0)
        all.status = bind_address(agent, &first, error);
    if (all.status == 0)
        (void)net_if_apply(bind_interface, &all);
    if (all.status == 0)
        (void)net_if_apply(bind_loopback, &all);
    return all.status;
}

static void tell_addresses(const ravel_user_agent *agent)
{
    char text[RAVEL_URI_TEXT];
    for (int i = 0; i < agent->n_addresses; i++) {
        const struct sa *at = &agent->addresses[i];
        bool usual = sa_port(at) == SIP_PORT, six = sa_af(at) == AF_INET6;
        if (usual)
            (void)re_snprintf(text, sizeof text, six ? "sip:%s@[%j]" : "sip:%s@%j", agent->user,
                              at);
        else
            (void)re_snprintf(text, sizeof text, "sip:%s@%J", agent->user, at);
        tell(agent, RAVEL_PHONE_LISTENING, text);
    }
}

/* --- Who the user is -------------------------------------------------------------------------- */

/* Letters that a SIP address can hold without escapes. */
static void own_name(char *name, size_t size)
{
    const char *user = getenv("USER");
    size_t n = 0;
    for (; user != NULL && *user != '\0' && n + 1 < size; user++)
        if (isalnum((unsigned char)*user) || *user == '.' || *user == '-' || *user == '_')
            name[n++] = *user;
    name[n] = '\0';
    if (n == 0)
        (void)snprintf(name, size, "ravel");
}

static int read_account(ravel_user_agent *agent, ravel_error *error)
{
    struct uri uri;
    struct pl all;
    pl_set_str(&all, agent->config->account);
    if (uri_decode(&uri, &all) != 0 || !pl_isset(&uri.user) ||
        pl_strcpy(&uri.user, agent->user, sizeof agent->user) != 0 ||
        pl_strcpy(&uri.host, agent->account_host, sizeof agent->account_host) != 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "'%s' is not an account like sip:alice@example.org",
                               agent->config->account);
    (void)snprintf(agent->uri, sizeof agent->uri, "%s", agent->config->account);
    return 0;
}

/* Without an account the user is who he is on this machine. */
static void name_user(ravel_user_agent *agent, const struct sa *local)
{
    const bool six = sa_af(local) == AF_INET6, usual = agent->config->port == SIP_PORT;
    if (agent->config->account != NULL)
        return;
    (void)re_snprintf(agent->uri, sizeof agent->uri, six ? "sip:%s@[%j]" : "sip:%s@%j", agent->user,
                      local);
    if (agent->config->listen && !usual && agent->config->port != 0) {
        size_t n = strlen(agent->uri);
        (void)snprintf(agent->uri + n, sizeof agent->uri - n, ":%d", agent->config->port);
    }
}

/* --- The account's server --------------------------------------------------------------------- */

static void registered(int code, const struct sip_msg *message, void *context)
{
    const ravel_user_agent *agent = context;
    char text[280];
    if (code == 0 && message != NULL && message->scode >= 200 && message->scode < 300) {
        tell(agent, RAVEL_PHONE_REGISTERED, agent->uri);
        return;
    }
    if (code != 0 || message == NULL)
        (void)snprintf(text, sizeof text, "%.150s: %s", agent->uri,
                       code == ETIMEDOUT ? "the server does not answer" : strerror(code));
    else
        (void)snprintf(text, sizeof text, "%.150s: the server says %u%s", agent->uri,
                       message->scode,
                       message->scode == 401 || message->scode == 403 || message->scode == 407
                           ? ", which means a wrong name or password"
                           : "");
    tell(agent, RAVEL_PHONE_UNREGISTERED, text);
}

static int begin_registration(ravel_user_agent *agent, ravel_error *error)
{
    struct uri uri;
    struct pl all;
    char server[RAVEL_URI_TEXT];
    pl_set_str(&all, agent->uri);
    if (uri_decode(&uri, &all) != 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s' is not an account", agent->uri);
    uri.user = uri.password = pl_null;
    (void)re_snprintf(server, sizeof server, "%H", uri_encode, &uri);
    int code = sipreg_register(&agent->registration, agent->sip, server, agent->uri, NULL,
                               agent->uri, REGISTER_S, agent->user, NULL, 0, 0,
                               agent->config->password != NULL ? credentials : NULL, agent, false,
                               registered, agent, NULL, NULL);
    if (code != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s cannot be registered: %s", agent->uri,
                               strerror(code));
    return 0;
}

/* --- Other messages --------------------------------------------------------------------------- */

/* What nothing else has taken; libre would print it. */
static bool request_came(const struct sip_msg *message, void *context)
{
    const ravel_user_agent *agent = context;
    if (pl_strcmp(&message->met, "OPTIONS") == 0)
        (void)sip_replyf(agent->sip, message, 200, "OK",
                         "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS\r\n"
                         "Accept: application/sdp\r\nContent-Length: 0\r\n\r\n");
    else if (pl_strcmp(&message->met, "CANCEL") == 0)
        (void)sip_reply(agent->sip, message, 481, "Transaction Does Not Exist");
    else
        (void)sip_reply(agent->sip, message, 405, "Method Not Allowed");
    return true;
}

static bool response_came(const struct sip_msg *message, void *context)
{
    (void)message;
    (void)context;
    return true;
}

/* --- Begin and end ---------------------------------------------------------------------------- */

static void sip_left(void *context)
{
    ravel_user_agent *agent = context;
    tmr_cancel(&agent->farewell);
    agent->left = true;
    agent->handlers.gone(agent->handlers.context);
}

static int begin_sip(ravel_user_agent *agent, ravel_error *error)
{
    struct sa servers[8];
    uint32_t n_servers = ARRAY_SIZE(servers);
    char domain[64], software[32];
    (void)snprintf(software, sizeof software, "ravel/%s", ravel_version());
    if (dns_srv_get(domain, sizeof domain, servers, &n_servers) == 0)
        (void)dnsc_alloc(&agent->names, NULL, servers, n_servers); /* without it: addresses only */
    int code = sip_alloc(&agent->sip, agent->names, TABLE, TABLE, TABLE, software, sip_left, agent);
    if (code == 0)
        code = sipsess_listen(&agent->socket, agent->sip, TABLE, invite_came, agent);
    if (code == 0)
        code = sip_listen(&agent->requests, agent->sip, true, request_came, agent);
    if (code == 0)
        code = sip_listen(&agent->responses, agent->sip, false, response_came, agent);
    return code != 0 ? ravel_error_memory(error) : 0;
}

static int begin(ravel_user_agent *agent, ravel_error *error)
{
    const ravel_phone_config *config = agent->config;
    own_name(agent->user, sizeof agent->user);
    if (config->account != NULL && read_account(agent, error) < 0)
        return (int)error->status;
    int status = begin_sip(agent, error);
    if (status < 0 || !config->listen)
        return status;
    status = bind_all(agent, error);
    if (status < 0)
        return status;
    tell_addresses(agent);
    return config->account != NULL ? begin_registration(agent, error) : 0;
}

ravel_user_agent *ravel_user_agent_new(const ravel_phone_config *config,
                                       const ravel_user_agent_handlers *handlers,
                                       ravel_error *error)
{
    ravel_user_agent *agent = calloc(1, sizeof *agent);
    if (agent == NULL) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    agent->config = config;
    agent->handlers = *handlers;
    tmr_init(&agent->farewell);
    if (begin(agent, error) < 0) {
        ravel_user_agent_free(agent);
        return NULL;
    }
    agent->identity = (ravel_session_identity){.sip = agent->sip,
                                               .socket = agent->socket,
                                               .uri = agent->uri,
                                               .user = agent->user,
                                               .context = agent};
    return agent;
}

void ravel_user_agent_call(ravel_user_agent *agent, const ravel_address *address)
{
    const ravel_session_handlers handlers = session_handlers(agent);
    const struct sa *local =
        agent->config->address != NULL ? agent->config->address : &address->local;
    ravel_error error = {0};
    ravel_address from = *address;
    if (agent->session != NULL || agent->leaving)
        return;
    from.local = *local;
    name_user(agent, local);
    agent->identity.credentials =
        agent->config->password != NULL && strcasecmp(address->host, agent->account_host) == 0
            ? credentials
            : NULL;
    if (bind_address(agent, local, &error) == 0)
        agent->session =
            ravel_session_call(&agent->config->call, &agent->identity, &handlers, &from, &error);
    ravel_call_status status = {.outgoing = true};
    (void)snprintf(status.peer, sizeof status.peer, "%s", address->peer);
    if (agent->session == NULL) {
        status.state = RAVEL_CALL_OVER;
        status.result = RAVEL_CALL_FAILED;
        (void)snprintf(status.reason, sizeof status.reason, "%s", error.text);
    }
    tell_status(agent, &status);
}

static void farewell_over(void *context)
{
    const ravel_user_agent *agent = context;
    agent->handlers.gone(agent->handlers.context);
}

/* libre holds the stack as long as requests wait for their answers. */
static void end_sip(ravel_user_agent *agent)
{
    agent->registration = mem_deref(agent->registration);
    agent->socket = mem_deref(agent->socket);
    tmr_start(&agent->farewell, FAREWELL_MS, farewell_over, agent);
    sip_close(agent->sip, false);
}

void ravel_user_agent_leave(ravel_user_agent *agent)
{
    if (agent->leaving)
        return;
    agent->leaving = true;
    if (agent->session != NULL)
        ravel_session_hang_up(agent->session);
    else
        end_sip(agent);
}

void ravel_user_agent_free(ravel_user_agent *agent)
{
    if (agent == NULL)
        return;
    tmr_cancel(&agent->farewell);
    ravel_session_free(agent->session);
    mem_deref(agent->registration);
    mem_deref(agent->socket);
    sip_close(agent->sip, true);
    if (!agent->leaving || agent->left)
        mem_deref(agent->sip);
    mem_deref(agent->names);
    free(agent);
}

ravel_session *ravel_user_agent_session(const ravel_user_agent *agent)
{
    return agent->session;
}

void ravel_user_agent_send(ravel_user_agent *agent)
{
    if (agent->session != NULL)
        ravel_session_send(agent->session);
}
