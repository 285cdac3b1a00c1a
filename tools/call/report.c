/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/call/report.h"

#include <stdio.h>
#include <string.h>

#include "tools/tool.h"

static const char *const security_names[] = {"DTLS-SRTP", "SDES", "none: anybody can listen"};

static bool is_ravel(const ravel_call_status *status)
{
    return status->codec.voice.model != NULL;
}

/* Share of the peer's packets that did not come. */
static double lost_percent(const ravel_call_status *status)
{
    double lost = (double)status->transport.lost;
    double all = lost + (double)status->transport.received_packets;
    return all > 0.0 ? 100.0 * lost / all : 0.0;
}

/* Of what a packet holds now; frames need not be of 20 ms. */
static double packet_ms(const ravel_call_status *status)
{
    ravel_voice_format format;
    if (ravel_voice_get_format(&status->codec.voice, &format, NULL) < 0)
        return 0.0; /* cannot be: such a call was refused */
    return 1e3 * status->sound.sender.frames_per_packet * format.frame_samples / format.rate_hz;
}

/* Of a stream of RTP packets, with IP and UDP around them. */
static double kbps(uint64_t bytes, uint64_t packets, double seconds)
{
    enum { HEADERS = 28 };
    return seconds > 0.0 ? 8e-3 * (double)(bytes + HEADERS * packets) / seconds : 0.0;
}

void ravel_call_report_line(const ravel_call_status *status, char *text, size_t size)
{
    const ravel_receiver_status *receiver = &status->sound.receiver;
    const ravel_network_report *report = &status->transport.last_report;
    char length[RAVEL_TOOL_TEXT], trip[24] = "";
    if (report->arrival_us != 0 && report->round_trip_us >= 0)
        (void)snprintf(trip, sizeof trip, "  trip %.0f ms", 1e-3 * report->round_trip_us);
    (void)snprintf(
        text, size,
        "%s  %s%s  in %3.0f out %3.0f dB  %.0f ms packets  buffer %.0f ms%s  lost %.1f %%  "
        "made up %lld  load %.0f %%",
        ravel_tool_duration(status->talked_s, length), is_ravel(status) ? "Ravel" : "Opus",
        status->sound.muted ? "  MUTED" : "", status->sound.in_dbfs, status->sound.out_dbfs,
        packet_ms(status), receiver->delay_ms, trip, lost_percent(status),
        (long long)receiver->concealed, 100.0 * status->sound.load);
}

static const char *describe_pin(const ravel_call_status *status)
{
    switch (status->pin) {
    case RAVEL_PIN_SAME:
        return "known";
    case RAVEL_PIN_NEW:
        return status->forgotten ? "new, and NOT kept: known_peers cannot be written"
                                 : "new, and kept: compare it with your peer";
    default:
        return "CHANGED, and trusted by you";
    }
}

void ravel_call_report_begin(ravel_call_terminal *terminal, const ravel_call_status *status)
{
    if (is_ravel(status))
        ravel_call_terminal_say(terminal, "codec        Ravel, %s",
                                ravel_model_get_info(status->codec.voice.model)->name);
    else
        ravel_call_terminal_say(terminal, "codec        Opus: %s", status->codec.why_opus);
    ravel_call_terminal_say(terminal, "protection   %s%s%s", security_names[status->security],
                            status->transport.suite[0] != '\0' ? ", " : "",
                            status->transport.suite);
    if (status->fingerprint[0] == '\0')
        return;
    ravel_call_terminal_say(terminal, "certificate  %s (%s)", status->fingerprint,
                            describe_pin(status));
    ravel_call_terminal_say(terminal, "yours        %s", status->own_fingerprint);
}

static void say_sent(ravel_call_terminal *terminal, const ravel_call_status *status)
{
    const ravel_transport_status *transport = &status->transport;
    const ravel_sender_status *sender = &status->sound.sender;
    ravel_call_terminal_say(
        terminal, "sent         %llu packets, %.2f kb/s on the wire; now %.0f ms a packet",
        (unsigned long long)transport->sent_packets,
        kbps(transport->sent_bytes, transport->sent_packets, status->talked_s), packet_ms(status));
    if (is_ravel(status) && sender->redundant_frames > 0)
        ravel_call_terminal_say(
            terminal, "             %d codebooks, and %d of the %d frames before again",
            sender->codebooks, sender->redundant_codebooks, sender->redundant_frames);
    else if (is_ravel(status))
        ravel_call_terminal_say(terminal, "             %d codebooks", sender->codebooks);
    if (transport->last_report.arrival_us != 0)
        ravel_call_terminal_say(terminal,
                                "             the peer lately missed %.1f %%, round trip "
                                "%.0f ms",
                                100.0 * (double)transport->last_report.loss,
                                1e-3 * transport->last_report.round_trip_us);
}

static void say_received(ravel_call_terminal *terminal, const ravel_call_status *status)
{
    const ravel_transport_status *transport = &status->transport;
    const ravel_receiver_status *receiver = &status->sound.receiver;
    ravel_call_terminal_say(
        terminal, "received     %llu packets, %.2f kb/s on the wire; %.1f %% lost, %lld late",
        (unsigned long long)transport->received_packets,
        kbps(transport->received_bytes, transport->received_packets, status->talked_s),
        lost_percent(status), (long long)receiver->late);
    ravel_call_terminal_say(
        terminal, "             %lld frames: %lld recovered, %lld made up, %lld comfort noise",
        (long long)receiver->frames, (long long)receiver->recovered, (long long)receiver->concealed,
        (long long)receiver->silent);
    ravel_call_terminal_say(terminal, "             buffer %.0f ms, to be %.0f ms; jitter %.1f ms",
                            receiver->delay_ms, receiver->target_ms, 1e-3 * transport->jitter_us);
}

static void say_dropped(ravel_call_terminal *terminal, const ravel_transport_status *transport)
{
    for (int i = 0; i < RAVEL_DROP_KINDS; i++)
        if (transport->dropped[i] > 0)
            ravel_call_terminal_say(terminal, "refused      %llu packets: %s",
                                    (unsigned long long)transport->dropped[i],
                                    ravel_drop_name((ravel_drop)i));
}

static void say_devices(ravel_call_terminal *terminal, const ravel_sound_status *sound)
{
    const ravel_engine_status *engine = &sound->engine;
    if (!sound->devices)
        return;
    ravel_call_terminal_say(terminal, "devices      %s, %s", engine->in.name, engine->out.name);
    ravel_call_terminal_say(
        terminal, "             delay %.0f and %.0f ms; %lld overruns, %lld underruns; %.0f ppm",
        engine->in.device_ms + engine->in.ring_ms + engine->in.resample_ms,
        engine->out.device_ms + engine->out.ring_ms + engine->out.resample_ms,
        (long long)engine->in.xruns, (long long)engine->out.xruns, engine->drift_ppm);
}

void ravel_call_report_figures(ravel_call_terminal *terminal, const ravel_call_status *status)
{
    if (!status->agreed)
        return;
    say_sent(terminal, status);
    say_received(terminal, status);
    say_dropped(terminal, &status->transport);
    say_devices(terminal, &status->sound);
}

const char *ravel_call_report_result(ravel_call_result result)
{
    static const char *const names[] = {"ended", "failed", "busy", "no answer", "key"};
    return names[result];
}
