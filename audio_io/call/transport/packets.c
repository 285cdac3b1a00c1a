/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of a transport: what it sends, and what becomes of all that arrives. */
#include <stdalign.h>
#include <string.h>

#include "audio_io/call/transport/state.h"
#include "audio_io/live/clock.h"

enum { MOVE_AFTER = 5 /* packets from a new address and none from the old one */ };

/* --- Sending -------------------------------------------------------------------------------- */

/* data: with room for the overhead of protection. */
static int send_bytes(const ravel_channel *channel, uint8_t *data, size_t size)
{
    struct mbuf packet = {.buf = data, .size = size, .pos = 0, .end = size};
    return udp_send(channel->socket, &channel->peer, &packet) == 0 ? RAVEL_OK : RAVEL_ERR_IO;
}

int ravel_transport_send(ravel_transport *transport, bool marker, uint32_t timestamp,
                         const uint8_t *payload, size_t size)
{
    alignas(4)
        uint8_t packet[RAVEL_RTP_HEADER + RAVEL_TRANSPORT_MAX_PAYLOAD + RAVEL_SRTP_MAX_OVERHEAD];
    ravel_channel *channel = &transport->media;
    if (!channel->ready || size > RAVEL_TRANSPORT_MAX_PAYLOAD)
        return RAVEL_ERR_ARGUMENT;
    ravel_rtp_header header = {.marker = marker,
                               .payload_type = transport->send_type,
                               .sequence = transport->sequence++,
                               .timestamp = timestamp + transport->timestamp_offset,
                               .ssrc = transport->ssrc};
    ravel_rtp_header_write(&header, packet);
    memcpy(packet + RAVEL_RTP_HEADER, payload, size);
    size_t n = RAVEL_RTP_HEADER + size;
    if (channel->send != NULL && ravel_srtp_protect(channel->send, packet, &n) != RAVEL_OK)
        return RAVEL_ERR_IO;
    ravel_rtcp_note_sent(&transport->rtcp, header.timestamp, size, ravel_clock_now_us());
    transport->status.sent_packets++;
    transport->status.sent_bytes += n;
    return send_bytes(channel, packet, n);
}

void ravel_transport_send_report(ravel_transport *transport, bool bye)
{
    alignas(4) uint8_t packet[RAVEL_RTCP_MAX + RAVEL_SRTP_MAX_OVERHEAD];
    ravel_channel *channel = ravel_transport_report_channel(transport);
    if (!channel->ready)
        return;
    size_t n = ravel_rtcp_write(&transport->rtcp, bye, ravel_clock_now_us(), packet);
    if (channel->send != NULL && ravel_srtcp_protect(channel->send, packet, &n) != RAVEL_OK)
        return;
    transport->status.reports_sent++;
    transport->status.report_bytes_sent += n;
    (void)send_bytes(channel, packet, n); /* the next one makes up for it */
}

/* --- Receiving ------------------------------------------------------------------------------ */

static void drop(ravel_transport *transport, ravel_drop kind)
{
    transport->status.dropped[kind]++;
}

/* Sends to a new address of the peer once packets come from there and none from the old one. Not at
 * the first: who races ahead with a copy of a packet must not draw the call to himself. */
static void follow_peer(ravel_channel *channel, const struct sa *from)
{
    if (sa_cmp(from, &channel->peer, SA_ALL)) {
        channel->n_stirred = 0;
        channel->heard = true;
        return;
    }
    channel->n_stirred = sa_cmp(from, &channel->stirred, SA_ALL) ? channel->n_stirred + 1 : 1;
    channel->stirred = *from;
    if (channel->n_stirred < MOVE_AFTER)
        return;
    channel->peer = *from;
    channel->n_stirred = 0;
    channel->owner->status.peer_moved++;
}

/* In the clear an address is all there is: the described one, or, where it stays silent because it
 * stands behind a translator, the first that speaks. */
static bool is_peer_in_clear(ravel_channel *channel, const struct sa *from)
{
    if (sa_cmp(from, &channel->peer, SA_ALL)) {
        channel->heard = true;
        return true;
    }
    if (channel->heard)
        return false;
    channel->peer = *from;
    channel->heard = true;
    channel->owner->status.peer_moved++;
    return true;
}

/* Counts what is dropped. return    whether the packet is good */
static bool judge(ravel_channel *channel, ravel_srtp_verdict verdict, const struct sa *from)
{
    static const ravel_drop kinds[] = {[RAVEL_SRTP_TRUNCATED] = RAVEL_DROP_TRUNCATED,
                                       [RAVEL_SRTP_REPLAYED] = RAVEL_DROP_REPLAYED,
                                       [RAVEL_SRTP_FORGED] = RAVEL_DROP_UNAUTHENTICATED};
    if (verdict == RAVEL_SRTP_GOOD) {
        ravel_dtls_confirm(channel->dtls);
        follow_peer(channel, from);
        return true;
    }
    /* A copy that came first from elsewhere does not make the peer's own packet count for less. */
    if (verdict == RAVEL_SRTP_REPLAYED && sa_cmp(from, &channel->peer, SA_ALL))
        channel->n_stirred = 0;
    drop(channel->owner, kinds[verdict]);
    return false;
}

static bool authenticate(ravel_channel *channel, const struct sa *from, bool report, uint8_t *data,
                         size_t *size)
{
    ravel_transport *transport = channel->owner;
    if (!channel->ready) {
        drop(transport, RAVEL_DROP_EARLY);
        return false;
    }
    if (channel->receive != NULL)
        return judge(channel,
                     report ? ravel_srtcp_unprotect(channel->receive, data, size)
                            : ravel_srtp_unprotect(channel->receive, data, size),
                     from);
    if (is_peer_in_clear(channel, from))
        return true;
    drop(transport, RAVEL_DROP_UNAUTHENTICATED);
    return false;
}

static void receive_media(ravel_channel *channel, const struct sa *from, uint8_t *data, size_t size)
{
    ravel_transport *transport = channel->owner;
    int64_t now_us = ravel_clock_now_us();
    ravel_rtp_header header;
    if (!ravel_rtp_header_read(&header, data, size)) {
        drop(transport, RAVEL_DROP_TRUNCATED);
        return;
    }
    if (channel->ready && header.payload_type != transport->receive_type) {
        drop(transport, RAVEL_DROP_PAYLOAD_TYPE);
        return;
    }
    size_t wire = size;
    if (!authenticate(channel, from, false, data, &size))
        return;
    int n = ravel_rtp_payload_size(&header, data, size);
    if (n < 0) {
        drop(transport, RAVEL_DROP_TRUNCATED);
        return;
    }
    ravel_rtcp_note_received(&transport->rtcp, &header, now_us);
    transport->status.received_packets++;
    transport->status.received_bytes += wire;
    ravel_rtp_packet packet = {.sequence = header.sequence,
                               .timestamp = header.timestamp,
                               .marker = header.marker,
                               .payload = data + header.size,
                               .size = (size_t)n,
                               .arrival_us = now_us};
    transport->handlers.packet(&packet, transport->handlers.context);
}

static void receive_report(ravel_channel *channel, const struct sa *from, uint8_t *data,
                           size_t size)
{
    ravel_transport *transport = channel->owner;
    ravel_network_report report;
    if (!authenticate(channel, from, true, data, &size))
        return;
    int found = ravel_rtcp_read(&transport->rtcp, data, size, ravel_clock_now_us(), &report);
    if (found < 0) {
        drop(transport, RAVEL_DROP_TRUNCATED);
        return;
    }
    transport->status.reports_received++;
    if ((found & RAVEL_RTCP_REPORT) != 0) {
        transport->status.last_report = report;
        transport->handlers.report(&report, transport->handlers.context);
    }
    if ((found & RAVEL_RTCP_BYE) != 0)
        ravel_transport_emit(transport, RAVEL_TRANSPORT_BYE, "the peer has left");
}

/* By RFC 7983's first byte, RTCP by its second (RFC 5761). */
bool ravel_channel_receive(struct sa *from, struct mbuf *datagram, void *arg)
{
    ravel_channel *channel = arg;
    ravel_transport *transport = channel->owner;
    uint8_t *data = mbuf_buf(datagram);
    size_t size = mbuf_get_left(datagram);
    if (size > RAVEL_TRANSPORT_MAX_PACKET) {
        drop(transport, RAVEL_DROP_OVERSIZED);
    } else if (size < 2) {
        drop(transport, RAVEL_DROP_TRUNCATED);
    } else if (data[0] >= 128 && data[0] < 192) {
        bool report = data[1] >= 192 && data[1] < 224;
        if (channel != (report ? ravel_transport_report_channel(transport) : &transport->media))
            drop(transport, RAVEL_DROP_UNKNOWN);
        else
            (report ? receive_report : receive_media)(channel, from, data, size);
    } else if (data[0] >= 20 && data[0] < 64) {
        if (channel->dtls != NULL &&
            ravel_dtls_admits(channel->dtls, from, data, size, ravel_clock_now_us()))
            return false;
        drop(transport, RAVEL_DROP_HANDSHAKE);
    } else if (data[0] < 4 && transport->ice != NULL) {
        return false;
    } else {
        drop(transport, RAVEL_DROP_UNKNOWN);
    }
    return true;
}

void ravel_channel_receive_rest(const struct sa *from, struct mbuf *datagram, void *arg)
{
    (void)from;
    (void)datagram;
    const ravel_channel *channel = arg;
    drop(channel->owner, RAVEL_DROP_UNKNOWN);
}
