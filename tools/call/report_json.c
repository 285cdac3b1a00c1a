/* SPDX-License-Identifier: BSD-3-Clause */
/* A call as JSON. */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include "tools/call/report.h"
#include "tools/tool.h"

static void add_call(cJSON *facts, const ravel_call_status *status)
{
    static const char *const pins[] = {"new", "known", "changed"};
    if (status->state == RAVEL_CALL_OVER) {
        cJSON_AddStringToObject(facts, "result", ravel_call_report_result(status->result));
        cJSON_AddStringToObject(facts, "reason", status->reason);
    }
    cJSON_AddStringToObject(facts, "peer", status->peer);
    cJSON_AddBoolToObject(facts, "outgoing", status->outgoing);
    ravel_tool_add_number(facts, "talked_s", status->talked_s);
    if (status->fingerprint[0] != '\0') {
        cJSON_AddStringToObject(facts, "certificate", status->fingerprint);
        cJSON_AddStringToObject(facts, "certificate_is", pins[status->pin]);
    }
}

static void add_codec(cJSON *facts, const ravel_call_status *status)
{
    static const char *const securities[] = {"dtls-srtp", "sdes", "none"};
    const ravel_model *model = status->codec.voice.model;
    if (!status->agreed)
        return;
    cJSON_AddStringToObject(facts, "codec", model != NULL ? "ravel" : "opus");
    if (model != NULL)
        cJSON_AddStringToObject(facts, "model", ravel_model_get_info(model)->name);
    else
        cJSON_AddStringToObject(facts, "why_opus", status->codec.why_opus);
    cJSON_AddStringToObject(facts, "security", securities[status->security]);
    cJSON_AddStringToObject(facts, "suite", status->transport.suite);
}

static void add_sent(cJSON *facts, const ravel_call_status *status)
{
    const ravel_transport_status *transport = &status->transport;
    const ravel_sender_status *sender = &status->sound.sender;
    cJSON *sent = cJSON_AddObjectToObject(facts, "sent");
    ravel_tool_add_number(sent, "packets", (double)transport->sent_packets);
    ravel_tool_add_number(sent, "bytes", (double)transport->sent_bytes);
    ravel_tool_add_number(sent, "frames", (double)sender->frames);
    ravel_tool_add_number(sent, "silent_frames", (double)sender->silent_frames);
    ravel_tool_add_number(sent, "frames_per_packet", sender->frames_per_packet);
    ravel_tool_add_number(sent, "codebooks", sender->codebooks);
    ravel_tool_add_number(sent, "redundant_frames", sender->redundant_frames);
    ravel_tool_add_number(sent, "redundant_codebooks", sender->redundant_codebooks);
    if (transport->last_report.arrival_us == 0)
        return;
    ravel_tool_add_number(sent, "loss", (double)transport->last_report.loss);
    ravel_tool_add_number(sent, "round_trip_ms", 1e-3 * transport->last_report.round_trip_us);
}

static void add_received(cJSON *facts, const ravel_call_status *status)
{
    const ravel_transport_status *transport = &status->transport;
    const ravel_receiver_status *receiver = &status->sound.receiver;
    cJSON *received = cJSON_AddObjectToObject(facts, "received");
    ravel_tool_add_number(received, "packets", (double)transport->received_packets);
    ravel_tool_add_number(received, "bytes", (double)transport->received_bytes);
    ravel_tool_add_number(received, "lost", (double)transport->lost);
    ravel_tool_add_number(received, "late", (double)receiver->late);
    ravel_tool_add_number(received, "duplicates", (double)receiver->duplicates);
    ravel_tool_add_number(received, "frames", (double)receiver->frames);
    ravel_tool_add_number(received, "recovered", (double)receiver->recovered);
    ravel_tool_add_number(received, "concealed", (double)receiver->concealed);
    ravel_tool_add_number(received, "comfort_noise", (double)receiver->silent);
    ravel_tool_add_number(received, "dropped_frames", (double)receiver->dropped);
    ravel_tool_add_number(received, "buffer_ms", receiver->delay_ms);
    ravel_tool_add_number(received, "jitter_ms", 1e-3 * transport->jitter_us);
}

static void add_refused(cJSON *facts, const ravel_transport_status *transport)
{
    cJSON *refused = cJSON_AddObjectToObject(facts, "refused");
    for (int i = 0; i < RAVEL_DROP_KINDS; i++)
        if (transport->dropped[i] > 0)
            ravel_tool_add_number(refused, ravel_drop_name((ravel_drop)i),
                                  (double)transport->dropped[i]);
}

static void add_sound(cJSON *facts, const ravel_sound_status *status)
{
    const ravel_engine_status *engine = &status->engine;
    cJSON *sound = cJSON_AddObjectToObject(facts, "sound");
    ravel_tool_add_number(sound, "load", status->load);
    cJSON_AddBoolToObject(sound, "realtime", status->realtime);
    ravel_tool_add_number(sound, "dropped_packets", (double)status->dropped);
    if (!status->devices)
        return;
    cJSON_AddStringToObject(sound, "input", engine->in.name);
    cJSON_AddStringToObject(sound, "output", engine->out.name);
    ravel_tool_add_number(sound, "overruns", (double)engine->in.xruns);
    ravel_tool_add_number(sound, "underruns", (double)engine->out.xruns);
    ravel_tool_add_number(sound, "drift_ppm", engine->drift_ppm);
    ravel_tool_add_number(sound, "echo_reduction_db", engine->echo_reduction_db);
}

bool ravel_call_report_json(FILE *out, const ravel_call_status *status)
{
    cJSON *facts = cJSON_CreateObject();
    add_call(facts, status);
    add_codec(facts, status);
    if (status->talked_s > 0.0) {
        add_sent(facts, status);
        add_received(facts, status);
        add_refused(facts, &status->transport);
        add_sound(facts, &status->sound);
    }
    char *text = cJSON_PrintUnformatted(facts);
    cJSON_Delete(facts);
    bool there = text != NULL;
    if (there)
        (void)fprintf(out, "%s\n", text);
    (void)fflush(out);
    free(text);
    return there;
}
