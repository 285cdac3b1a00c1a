/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/address.h"

#include <ctype.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "nn/error.h"

void ravel_address_plain(char *text)
{
    for (; *text != '\0'; text++)
        if (*text < ' ' || *text > '~')
            *text = '?';
}

static int resolve(const char *host, uint16_t port, struct sa *address, ravel_error *error)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM}, *found = NULL;
    if (sa_set_str(address, host, port) == 0)
        return 0;
    int code = getaddrinfo(host, NULL, &hints, &found);
    if (code != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", host, gai_strerror(code));
    int failed = sa_set_sa(address, found->ai_addr);
    freeaddrinfo(found);
    if (failed != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: not an internet address", host);
    sa_set_port(address, port);
    return 0;
}

int ravel_address_resolve(const char *text, uint16_t default_port, struct sa *address,
                          ravel_error *error)
{
    struct pl all, host, port;
    char name[RAVEL_URI_TEXT];
    pl_set_str(&all, text);
    if (uri_decode_hostport(&all, &host, &port) != 0 || pl_strcpy(&host, name, sizeof name) != 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s' is not a host", text);
    uint32_t number = pl_isset(&port) ? pl_u32(&port) : default_port;
    if (number > UINT16_MAX)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s': no such port", text);
    return resolve(name, (uint16_t)number, address, error);
}

/* A socket that is connected knows its own address; nothing is sent. */
int ravel_address_local(const struct sa *to, struct sa *local, ravel_error *error)
{
    struct sockaddr_storage name;
    socklen_t size = sizeof name;
    struct sa there = *to;
    sa_set_port(&there, 9);
    int fd = socket(sa_af(to), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known = fd >= 0 && connect(fd, &there.u.sa, there.len) == 0 &&
                 getsockname(fd, (struct sockaddr *)&name, &size) == 0 &&
                 sa_set_sa(local, (struct sockaddr *)&name) == 0;
    int status = 0;
    if (!known)
        status = ravel_error_set(error, RAVEL_ERR_IO, "there is no way to that address: %s",
                                 strerror(errno));
    if (fd >= 0)
        (void)close(fd);
    sa_set_port(local, 0);
    return status;
}

/* The host's letters are the same in both cases, the user's are not. */
bool ravel_address_peer(const struct uri *uri, char peer[RAVEL_PEER_TEXT])
{
    const char *open = uri->af == AF_INET6 ? "[" : "", *shut = uri->af == AF_INET6 ? "]" : "";
    char port[8] = "";
    if (uri->port != 0 && uri->port != SIP_PORT)
        (void)snprintf(port, sizeof port, ":%u", uri->port);
    if (!pl_isset(&uri->host) ||
        re_snprintf(peer, RAVEL_PEER_TEXT, "%r%s%s%r%s%s", &uri->user,
                    pl_isset(&uri->user) ? "@" : "", open, &uri->host, shut, port) < 0)
        return false;
    for (char *c = peer; *c != '\0'; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    for (char *c = peer + uri->user.l; *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return true;
}

/* Only letters that a request line can hold. */
static int decode(const char *text, char *full, size_t size, struct uri *uri, ravel_error *error)
{
    bool scheme = strncasecmp(text, "sip:", 4) == 0;
    int n = snprintf(full, size, "%s%s", scheme ? "" : "sip:", text);
    struct pl all = {.p = full, .l = n > 0 ? (size_t)n : 0};
    bool plain = n > 0 && (size_t)n < size;
    for (const char *c = text; *c != '\0'; c++)
        plain = plain && *c > ' ' && *c <= '~' && *c != '<' && *c != '>' && *c != '"';
    if (!plain || uri_decode(uri, &all) != 0 || !pl_isset(&uri->host))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "'%s' is not an address like sip:alice@example.org", text);
    return 0;
}

/* Whether the domain's own records (SRV) may say where its calls go. */
static bool has_records(const struct uri *uri, const char *host)
{
    return uri->af == AF_UNSPEC && uri->port == 0 && strchr(host, '.') != NULL;
}

static int write_uri(const struct uri *uri, const struct sa *at, ravel_address *address,
                     ravel_error *error)
{
    struct uri full = *uri;
    char host[NET_ADDRSTRLEN + 1];
    if (at != NULL) {
        (void)re_snprintf(host, sizeof host, "%j", at);
        pl_set_str(&full.host, host);
        full.af = sa_af(at);
    }
    if (re_snprintf(address->uri, sizeof address->uri, "%H", uri_encode, &full) < 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "the address is too long");
    return 0;
}

int ravel_address_find(const char *text, ravel_address *address, ravel_error *error)
{
    struct uri uri = {.af = AF_UNSPEC};
    struct sa at;
    char full[RAVEL_URI_TEXT];
    int status = decode(text, full, sizeof full, &uri, error);
    if (status < 0)
        return status;
    if (pl_strcpy(&uri.host, address->host, sizeof address->host) != 0 ||
        !ravel_address_peer(&uri, address->peer))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s' is too long", text);
    status = resolve(address->host, SIP_PORT, &at, error);
    if (has_records(&uri, address->host)) {
        if (status < 0 && net_default_source_addr_get(AF_INET, &address->local) == 0)
            return write_uri(&uri, NULL, address, error);
        if (status == 0)
            status = ravel_address_local(&at, &address->local, error);
        return status < 0 ? status : write_uri(&uri, NULL, address, error);
    }
    if (status == 0)
        status = ravel_address_local(&at, &address->local, error);
    return status < 0 ? status : write_uri(&uri, &at, address, error);
}
