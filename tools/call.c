/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel call: talks to another one, over the network. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/call/transport/certificate.h"
#include "nn/error.h"
#include "tools/call/talk.h"
#include "tools/live/devices.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel call [OPTION]... sip:USER@HOST[:PORT]\n"
    "       ravel call [OPTION]... --listen\n"
    "\n"
    "Calls, or takes calls. Two Ravels with the same model speak Ravel, others Opus. What is said "
    "is\n"
    "encrypted, and the peer's certificate kept: if it is another one next time, you are asked.\n"
    "Keys: y and n to answer, m mute, s figures, q hang up.\n"
    "\n"
    "      --listen            take calls, one after the other\n"
    "      --once              only one\n"
    "      --auto-answer       do not ask before answering\n"
    "      --port PORT         of SIP: where calls are taken (5060); to call: any\n"
    "      --address IP        of this machine, to be used alone\n"
    "      --account URI       sip:USER@HOST: be reached and call as that, by its server\n"
    "      --password-file F   the first line is the account's password\n"
    "      --timeout SECONDS   so long it rings (60)\n"
    "      --duration TIME     hang up after so long: seconds, or [H:]M:S\n"
    "  -b, --bitrate KBPS      of the voice, without the network's headers\n"
    "      --packet MS         20, 40, 60 or 80 in each packet; as the network is\n"
    "      --redundancy HOW    auto (usual), on or off: whether packets repeat earlier ones\n"
    "      --dtx               send next to nothing while you are silent\n"
    "      --opus              speak Opus, with a Ravel too\n"
    "      --sdes              also with phones that only know keys in the signalling\n"
    "      --clear             also with phones that do not encrypt\n"
    "      --ice               find a way through routers\n"
    "      --stun HOST[:PORT]  by help of that server; with --ice\n"
    "      --list-devices      what --input and --output can name\n"
    "      --input DEVICE      a number, a part of a name, or none; the system's default\n"
    "      --output DEVICE     the same\n"
    "      --block MS          of the devices, 1 to 100 (10)\n"
    "      --no-echo-cancel    where the microphone does not hear the loudspeaker\n"
    "      --play FILE         send that, in the place of the microphone\n"
    "      --record FILE       the peer's voice, in the place of the loudspeaker\n"
    "      --json              one JSON object a call on standard output\n"
    "  -v, --verbose           what the libraries say, too\n"
    "  -m, --model FILE        instead of RAVEL_MODEL or the built-in model\n"
    "      --progress HOW      none, bar (a line) or json, on standard error\n"
    "  -q, --quiet             no line and no figures\n"
    "  -h, --help              this\n"
    "\n"
    "Exit status: 0 talked, 1 network, peer or sound at fault, 2 usage, 3 model, 5 busy or "
    "declined,\n"
    "6 no answer, 7 the peer's certificate has changed and was not trusted.\n";

/* What the texts of the options stand for. */
typedef struct {
    char folder[PATH_MAX], password[128];
    struct sa address, stun, registrar_local;
    ravel_address callee;
    ravel_certificate *certificate;
} call_means;

typedef struct {
    ravel_tool_options common;
    ravel_phone_config phone;
    double kbps, duration_s;
    int packet_ms;
    ravel_redundancy redundancy;
    const char *address, *password_file, *stun;
    bool once, dtx, opus, list, json, verbose;
    call_means means;
} call_options;

/* --- Voice ------------------------------------------------------------------------------------ */

/* Of that many milliseconds, or as near as a packet comes. */
static int frames_of(int ms, const ravel_voice_format *format)
{
    const double frame_ms = 1e3 * format->frame_samples / format->rate_hz;
    const int n = (int)(ms / frame_ms + 0.5);
    return n < 1 ? 1 : n > RAVEL_PACKET_MAX_FRAMES ? RAVEL_PACKET_MAX_FRAMES : n;
}

static void set_voice(const call_options *options, ravel_voice *voice)
{
    enum { OPUS_LEAST_BPS = 6000 };
    ravel_voice_format format;
    int bps = (int)(options->kbps * 1000.0);
    if (bps > 0 && (voice->model != NULL || bps >= OPUS_LEAST_BPS))
        voice->bitrate_bps = bps;
    if (options->packet_ms > 0 && ravel_voice_get_format(voice, &format, NULL) == RAVEL_OK)
        voice->min_frames = voice->max_frames = frames_of(options->packet_ms, &format);
    voice->redundancy = options->redundancy;
    voice->dtx = options->dtx;
}

/* return    -1, or the exit code */
static int choose_voices(call_options *options)
{
    ravel_offer *offer = &options->phone.call.offer;
    ravel_error error = {0};
    const ravel_model *model =
        options->opus ? NULL : ravel_tool_need_encoding_model(&options->common);
    if (model == NULL && !options->opus)
        return RAVEL_EXIT_MODEL;
    offer->opus = ravel_voice_default(NULL);
    set_voice(options, &offer->opus);
    if (model == NULL)
        return -1;
    ravel_voice_format format;
    offer->ravel = ravel_voice_default(model);
    set_voice(options, &offer->ravel);
    if (ravel_voice_get_format(&offer->ravel, &format, &error) == RAVEL_OK)
        return -1;
    (void)fprintf(stderr, "ravel: %s\n", error.text);
    return RAVEL_EXIT_MODEL;
}

/* --- Means ------------------------------------------------------------------------------------ */

static int read_password(const char *path, char *password, size_t size, ravel_error *error)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    bool there = fgets(password, (int)size, file) != NULL;
    (void)fclose(file);
    password[strcspn(password, "\r\n")] = '\0';
    if (!there || password[0] == '\0')
        return ravel_error_set(error, RAVEL_ERR_DATA, "%s: there is no password", path);
    return 0;
}

static int find_account(call_options *options, ravel_error *error)
{
    call_means *means = &options->means;
    ravel_phone_config *phone = &options->phone;
    ravel_address server;
    if (options->password_file != NULL) {
        if (read_password(options->password_file, means->password, sizeof means->password, error) <
            0)
            return (int)error->status;
        phone->password = means->password;
    }
    if (phone->account == NULL || !phone->listen)
        return 0;
    if (ravel_address_find(phone->account, &server, error) < 0)
        return (int)error->status;
    means->registrar_local = server.local;
    phone->registrar_local = &means->registrar_local;
    return 0;
}

static int find_addresses(call_options *options, const char *callee, ravel_error *error)
{
    call_means *means = &options->means;
    int status = 0;
    if (options->address != NULL) {
        if (sa_set_str(&means->address, options->address, 0) != 0)
            return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "'%s' is not an IP address",
                                   options->address);
        options->phone.address = &means->address;
    }
    if (options->stun != NULL) {
        status = ravel_address_resolve(options->stun, STUN_PORT, &means->stun, error);
        options->phone.call.stun_server = &means->stun;
    }
    if (status == 0 && callee != NULL)
        status = ravel_address_find(callee, &means->callee, error);
    return status < 0 ? status : find_account(options, error);
}

/* A file that cannot be sent is better known before somebody answers. */
static int try_file(const char *play, ravel_error *error)
{
    ravel_audio_reader *reader = ravel_audio_reader_open(play, NULL, error);
    ravel_audio_reader_close(reader);
    return reader != NULL ? 0 : (int)error->status;
}

static int find_means(call_options *options, const char *callee, ravel_error *error)
{
    call_means *means = &options->means;
    const char *play = options->phone.call.line.play;
    int status = ravel_config_folder(means->folder, sizeof means->folder, error);
    if (status == 0 && play != NULL)
        status = try_file(play, error);
    if (status < 0)
        return status;
    means->certificate = ravel_certificate_open(means->folder, error);
    if (means->certificate == NULL)
        return (int)error->status;
    options->phone.call.certificate = means->certificate;
    options->phone.call.folder = means->folder;
    return find_addresses(options, callee, error);
}

/* return    an exit code, or a negative status */
static int talk(call_options *options, const char *callee, ravel_error *error)
{
    ravel_call_terminal terminal = {.saved_error = -1};
    int code = find_means(options, callee, error);
    if (code == 0 && !ravel_call_terminal_open(&terminal, options->verbose))
        code = ravel_error_memory(error);
    if (code < 0)
        return code;
    options->phone.call.ask = terminal.keys;
    const ravel_talk_options how = {.phone = &options->phone,
                                    .callee = callee != NULL ? &options->means.callee : NULL,
                                    .once = options->once,
                                    .json = options->json,
                                    .quiet = options->common.quiet,
                                    .progress = options->common.progress};
    if (!terminal.keys && options->phone.listen && !options->phone.call.auto_answer)
        code = ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "there is no terminal to ask: give --auto-answer");
    else
        code = ravel_talk(&how, &terminal, error);
    ravel_call_terminal_close(&terminal);
    return code;
}

/* --- Options ---------------------------------------------------------------------------------- */

enum {
    OPT_LISTEN = RAVEL_TOOL_OWN,
    OPT_ONCE,
    OPT_AUTO_ANSWER,
    OPT_PORT,
    OPT_ADDRESS,
    OPT_ACCOUNT,
    OPT_PASSWORD_FILE,
    OPT_TIMEOUT,
    OPT_DURATION,
    OPT_PACKET,
    OPT_REDUNDANCY,
    OPT_DTX,
    OPT_OPUS,
    OPT_SDES,
    OPT_CLEAR,
    OPT_ICE,
    OPT_STUN,
    OPT_LIST,
    OPT_INPUT,
    OPT_OUTPUT,
    OPT_BLOCK,
    OPT_NO_ECHO_CANCEL,
    OPT_PLAY,
    OPT_RECORD,
    OPT_JSON
};

static const struct option long_options[] = {
    {"listen", no_argument, NULL, OPT_LISTEN},
    {"once", no_argument, NULL, OPT_ONCE},
    {"auto-answer", no_argument, NULL, OPT_AUTO_ANSWER},
    {"port", required_argument, NULL, OPT_PORT},
    {"address", required_argument, NULL, OPT_ADDRESS},
    {"account", required_argument, NULL, OPT_ACCOUNT},
    {"password-file", required_argument, NULL, OPT_PASSWORD_FILE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"duration", required_argument, NULL, OPT_DURATION},
    {"bitrate", required_argument, NULL, 'b'},
    {"packet", required_argument, NULL, OPT_PACKET},
    {"redundancy", required_argument, NULL, OPT_REDUNDANCY},
    {"dtx", no_argument, NULL, OPT_DTX},
    {"opus", no_argument, NULL, OPT_OPUS},
    {"sdes", no_argument, NULL, OPT_SDES},
    {"clear", no_argument, NULL, OPT_CLEAR},
    {"ice", no_argument, NULL, OPT_ICE},
    {"stun", required_argument, NULL, OPT_STUN},
    {"list-devices", no_argument, NULL, OPT_LIST},
    {"input", required_argument, NULL, OPT_INPUT},
    {"output", required_argument, NULL, OPT_OUTPUT},
    {"block", required_argument, NULL, OPT_BLOCK},
    {"no-echo-cancel", no_argument, NULL, OPT_NO_ECHO_CANCEL},
    {"play", required_argument, NULL, OPT_PLAY},
    {"record", required_argument, NULL, OPT_RECORD},
    {"json", no_argument, NULL, OPT_JSON},
    {"verbose", no_argument, NULL, 'v'},
    {"model", required_argument, NULL, 'm'},
    {"progress", required_argument, NULL, RAVEL_TOOL_PROGRESS},
    {"quiet", no_argument, NULL, 'q'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0}};

static bool set_packet(const char *value, int *packet_ms)
{
    return ravel_tool_int(value, 20, 80, packet_ms) && *packet_ms % 20 == 0;
}

static bool set_redundancy(const char *value, ravel_redundancy *redundancy)
{
    static const char *const names[] = {"auto", "off", "on"};
    for (int i = 0; i < 3; i++) {
        if (strcmp(value, names[i]) == 0) {
            *redundancy = (ravel_redundancy)i;
            return true;
        }
    }
    return false;
}

static void weaken(ravel_media_security *weakest, ravel_media_security to)
{
    if (*weakest < to)
        *weakest = to;
}

/* Those without a value. return    whether it is one */
static bool take_switch(call_options *options, int letter)
{
    ravel_call_config *call = &options->phone.call;
    switch (letter) {
    case OPT_LISTEN:
        options->phone.listen = true;
        return true;
    case OPT_ONCE:
        options->once = true;
        return true;
    case OPT_AUTO_ANSWER:
        call->auto_answer = true;
        return true;
    case OPT_DTX:
        options->dtx = true;
        return true;
    case OPT_OPUS:
        options->opus = true;
        return true;
    case OPT_SDES:
        weaken(&call->weakest, RAVEL_MEDIA_SDES);
        return true;
    case OPT_CLEAR:
        weaken(&call->weakest, RAVEL_MEDIA_CLEAR);
        return true;
    case OPT_ICE:
        call->ice = true;
        return true;
    case OPT_LIST:
        options->list = true;
        return true;
    case OPT_NO_ECHO_CANCEL:
        call->line.echo_cancel = false;
        return true;
    case OPT_JSON:
        options->json = true;
        return true;
    case 'v':
        options->verbose = true;
        return true;
    default:
        return false;
    }
}

/* return    1 taken, 0 not one of these, -1 a bad value */
static int take_value(call_options *options, int letter, const char *value)
{
    ravel_call_config *call = &options->phone.call;
    switch (letter) {
    case OPT_PORT:
        return ravel_tool_int(value, 1, 65535, &options->phone.port) ? 1 : -1;
    case OPT_TIMEOUT:
        return ravel_tool_int(value, 1, 3600, &call->ring_s) ? 1 : -1;
    case OPT_DURATION:
        return ravel_tool_time(value, &options->duration_s) && options->duration_s >= 1.0 ? 1 : -1;
    case 'b':
        return ravel_tool_double(value, 0.1, 510.0, &options->kbps) ? 1 : -1;
    case OPT_PACKET:
        return set_packet(value, &options->packet_ms) ? 1 : -1;
    case OPT_REDUNDANCY:
        return set_redundancy(value, &options->redundancy) ? 1 : -1;
    case OPT_BLOCK:
        return ravel_tool_int(value, 1, 100, &call->line.block_ms) ? 1 : -1;
    default:
        return 0;
    }
}

/* Those whose value is kept as it is. return    where, or NULL */
static const char **text_of(call_options *options, int letter)
{
    ravel_line_config *line = &options->phone.call.line;
    switch (letter) {
    case OPT_ADDRESS:
        return &options->address;
    case OPT_ACCOUNT:
        return &options->phone.account;
    case OPT_PASSWORD_FILE:
        return &options->password_file;
    case OPT_STUN:
        return &options->stun;
    case OPT_INPUT:
        return &line->input;
    case OPT_OUTPUT:
        return &line->output;
    case OPT_PLAY:
        return &line->play;
    case OPT_RECORD:
        return &line->record;
    default:
        return NULL;
    }
}

static int own_option(void *context, int letter, const char *value)
{
    call_options *options = context;
    const char **text = text_of(options, letter);
    if (text != NULL)
        *text = value;
    return text != NULL || take_switch(options, letter) ? 1 : take_value(options, letter, value);
}

/* return    -1, or the exit code */
static int check_options(call_options *options, int n_names)
{
    const ravel_phone_config *phone = &options->phone;
    const ravel_line_config *line = &phone->call.line;
    if (phone->listen ? n_names != 0 : n_names != 1)
        return ravel_tool_usage_error("call", "give one address to call, or --listen");
    if (options->once && !phone->listen)
        return ravel_tool_usage_error("call", "--once is for --listen");
    if (options->password_file != NULL && phone->account == NULL)
        return ravel_tool_usage_error("call", "--password-file is for --account");
    if (options->stun != NULL && !phone->call.ice)
        return ravel_tool_usage_error("call", "--stun is for --ice");
    if ((line->play != NULL && strcmp(line->play, "-") == 0) ||
        (line->record != NULL && strcmp(line->record, "-") == 0))
        return ravel_tool_usage_error("call", "--play and --record take files");
    return -1;
}

static int list_devices(bool json)
{
    ravel_error error = {0};
    int status = ravel_live_list_devices(json, &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}

static int run(call_options *options, int n_names, char **names)
{
    ravel_error error = {0};
    if (options->list)
        return list_devices(options->json);
    int code = check_options(options, n_names);
    if (code < 0)
        code = choose_voices(options);
    if (code >= 0)
        return code;
    options->phone.call.talk_s = (int)options->duration_s;
    options->phone.call.line.record_new = options->phone.listen && !options->once;
    if (options->phone.listen && options->phone.port == 0)
        options->phone.port = SIP_PORT;
    code = talk(options, n_names > 0 ? names[0] : NULL, &error);
    ravel_certificate_free(options->means.certificate);
    if (code < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return code < 0 ? ravel_tool_exit_code(code) : code;
}

int ravel_tool_call(int argc, char **argv)
{
    enum { RING_S = 60, BLOCK_MS = 10 };
    call_options options = {
        .common = ravel_tool_options_new(),
        .phone.call = {.ring_s = RING_S, .line = {.block_ms = BLOCK_MS, .echo_cancel = true}}};
    const ravel_tool_own_options own = {"b:m:qhv", long_options, usage, own_option};
    int code = ravel_tool_read_options(&options.common, &own, &options, argc, argv);
    if (code < 0)
        code = run(&options, argc - optind, argv + optind);
    ravel_tool_options_free(&options.common);
    return code;
}
