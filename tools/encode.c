/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel encode: sound -> samples at the model's rate -> codes -> stream, a piece at a time. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio_io/file/source.h"
#include "nn/error.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel encode [OPTION]... [IN [OUT.rvl]]\n"
    "       ravel encode [OPTION]... -d DIR IN...\n"
    "\n"
    "Encodes sound of any format that libsndfile reads. An output file appears when it is\n"
    "whole, and then takes the place of one that was there. With a model of EnCodec or Lyra\n"
    "a name in .ecdc or .lyra makes a file for that codec's own tool.\n"
    "\n"
    "  -b, --bitrate KBPS      never more than so many kilobits a second, each channel kept\n"
    "  -k, --codebooks N       so many codebooks, whatever they take; all of the model's without\n"
    "      --quality N           -b and -k\n"
    "      --target KBPS       as many codebooks from block to block as hold this average, all\n"
    "                          channels together; -b or -k tells the most\n"
    "      --entropy HOW       fewer bits for the same codes: none; static, by tables; prior, by "
    "a\n"
    "                          network; the best that the model has without it\n"
    "  -m, --model FILE        instead of RAVEL_MODEL or the built-in model\n"
    "      --channels HOW      mix: the average of all channels (usual); keep: each for itself\n"
    "      --tag NAME=VALUE    a tag; those of the input are copied\n"
    "      --block SECONDS     sound in one block, 2 by default: what damage can cost\n"
    "      --raw               headerless little-endian samples, described by:\n"
    "      --raw-rate HZ         24000 by default\n"
    "      --raw-channels N      1\n"
    "      --raw-bits BITS       8, 16, 24, 32; f32, f64 for float; 16\n"
    "  -d, --directory DIR     encode each input to DIR/NAME.rvl, going on after a bad one\n"
    "      --progress HOW      none, bar (usual on a terminal) or json, on standard error\n"
    "  -q, --quiet             no bar and no summary\n"
    "  -h, --help              this\n";

enum { MAX_STREAMS = 64, MAX_TAGS = 256 };

typedef struct {
    ravel_tool_options common;
    const ravel_model *model;
    ravel_audio_format raw;
    double kbps; /* 0: not given */
    double target_kbps;
    int n_codebooks;
    int entropy; /* a ravel_entropy; -1: the model's best */
    bool keep;
    double block_s;
    const char *tags[MAX_TAGS];
    int n_tags;
} encode_options;

/* --- One file --------------------------------------------------------------------------------- */

typedef struct {
    const encode_options *options;
    const ravel_model_info *info;
    ravel_source *source;
    ravel_stream_writer *writer;
    ravel_scratch *scratch;
    ravel_encoder *encoders[MAX_STREAMS];
    int n_streams;
    int piece_samples;
    float *pcm;      /* [n_streams][piece_samples][the model's channels] */
    int n_pcm;       /* samples that wait there */
    uint16_t *codes; /* [n_streams][codes_room][codes of a frame] */
    int codes_room;  /* frames */
    int64_t n_samples, n_frames;
    ravel_stream_rates rates;
} encoding;

static int allocate(encoding *e, ravel_error *error)
{
    const ravel_model *model = e->options->model;
    e->n_streams = ravel_source_channels(e->source) / e->info->channels;
    e->scratch = ravel_scratch_new(model, e->n_streams);
    e->piece_samples = ravel_tool_piece_frames(e->info) * e->info->hop_samples;
    e->pcm =
        calloc((size_t)ravel_source_channels(e->source) * (size_t)e->piece_samples, sizeof *e->pcm);
    for (int s = 0; s < e->n_streams; s++) {
        e->encoders[s] = ravel_encoder_new(model, e->options->n_codebooks);
        if (e->encoders[s] == NULL)
            return ravel_error_memory(error);
    }
    return e->scratch != NULL && e->pcm != NULL ? 0 : ravel_error_memory(error);
}

static void release(encoding *e)
{
    for (int s = 0; s < e->n_streams; s++)
        ravel_encoder_free(e->encoders[s]);
    ravel_scratch_free(e->scratch);
    ravel_source_close(e->source);
    free(e->pcm);
    free(e->codes);
}

static int make_room(encoding *e, int n_frames, ravel_error *error)
{
    if (e->codes != NULL && n_frames <= e->codes_room)
        return 0;
    if (n_frames == 0) /* there must be something to point into */
        n_frames = 1;
    size_t codes = (size_t)ravel_model_codes_per_frame(e->options->model, e->options->n_codebooks);
    size_t room = (size_t)n_frames * (size_t)e->n_streams * codes;
    uint16_t *larger = realloc(e->codes, room * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(error);
    e->codes = larger;
    e->codes_room = n_frames;
    return 0;
}

static float *stream_pcm(const encoding *e, int stream)
{
    return e->pcm + (size_t)stream * (size_t)e->piece_samples * (size_t)e->info->channels;
}

/* Takes n samples [n][all channels] apart, behind those that wait. */
static void take_apart(encoding *e, const float *pcm, int n)
{
    const size_t own = (size_t)e->info->channels, all = own * (size_t)e->n_streams;
    for (int s = 0; s < e->n_streams; s++) {
        float *to = stream_pcm(e, s) + (size_t)e->n_pcm * own;
        for (int i = 0; i < n; i++, to += own)
            memcpy(to, pcm + (size_t)i * all + (size_t)s * own, own * sizeof *to);
    }
    e->n_pcm += n;
}

/* Encodes what waits; the end with finish. */
static int encode_piece(encoding *e, int finish, ravel_error *error)
{
    int n_frames = ravel_encoder_frames(e->encoders[0], e->n_pcm, finish);
    int status = n_frames < 0 ? n_frames : make_room(e, n_frames, error);
    if (status < 0)
        return status;
    ravel_encoder_job jobs[MAX_STREAMS];
    size_t codes = (size_t)ravel_model_codes_per_frame(e->options->model, e->options->n_codebooks);
    for (int s = 0; s < e->n_streams; s++)
        jobs[s] = (ravel_encoder_job){.encoder = e->encoders[s],
                                      .pcm = stream_pcm(e, s),
                                      .n_samples = e->n_pcm,
                                      .finish = finish,
                                      .codes = e->codes + (size_t)s * (size_t)e->codes_room * codes,
                                      .capacity = e->codes_room};
    status = ravel_encoder_push_many(jobs, e->n_streams, e->scratch);
    if (status == 0 && jobs[0].n_frames < 0)
        status = jobs[0].n_frames;
    if (status < 0)
        return ravel_error_set(error, (ravel_status)status, "encoding failed: %s",
                               ravel_strerror(status));
    e->n_samples += e->n_pcm;
    e->n_pcm = 0;
    e->n_frames += jobs[0].n_frames;
    return ravel_stream_writer_write(e->writer, e->codes, e->codes_room, jobs[0].n_frames, error);
}

/* n samples of the source, whole pieces of them at once. */
static int encode_samples(encoding *e, const float *pcm, int n, ravel_error *error)
{
    const int channels = ravel_source_channels(e->source);
    int status = 0;
    for (int at = 0, taken; at < n && status >= 0; at += taken) {
        const int room = e->piece_samples - e->n_pcm;
        taken = n - at < room ? n - at : room;
        take_apart(e, pcm + (size_t)at * (size_t)channels, taken);
        if (e->n_pcm == e->piece_samples)
            status = encode_piece(e, 0, error);
    }
    return status;
}

static int encode_all(encoding *e, ravel_progress *progress, ravel_error *error)
{
    const float *pcm;
    int n;
    while ((n = ravel_source_read(e->source, &pcm, error)) > 0) {
        const int status = encode_samples(e, pcm, n, error);
        if (status < 0)
            return status;
        if (ravel_tool_stopped())
            return ravel_tool_interrupted(error);
        ravel_progress_update(progress, (double)e->n_samples / e->info->sample_rate_hz);
    }
    return n < 0 ? n : encode_piece(e, 1, error);
}

/* --- Tags ------------------------------------------------------------------------------------- */

static bool same_name(const char *a, const char *b)
{
    size_t n = strcspn(a, "=");
    return n == strcspn(b, "=") && strncasecmp(a, b, n) == 0;
}

/* The user's, then those of the file that the user did not give. */
static int collect_tags(const encode_options *options, const ravel_audio_reader *reader,
                        const char **tags)
{
    const char *const *own;
    int n_own = ravel_audio_reader_tags(reader, &own), n = options->n_tags;
    memcpy(tags, options->tags, (size_t)n * sizeof *tags);
    for (int i = 0; i < n_own && n < MAX_TAGS; i++) {
        bool given = false;
        for (int k = 0; k < options->n_tags; k++)
            given = given || same_name(own[i], options->tags[k]);
        if (!given)
            tags[n++] = own[i];
    }
    return n;
}

static int open_writer(encoding *e, const char *out, ravel_error *error)
{
    const char *tags[MAX_TAGS];
    double frame_s = (double)e->info->hop_samples / e->info->sample_rate_hz;
    ravel_stream_format format = {
        .n_streams = e->n_streams,
        .n_codebooks = e->options->n_codebooks,
        .block_frames = (int)ceil(e->options->block_s / frame_s - 1e-9),
        .tags = tags,
        .n_tags = collect_tags(e->options, ravel_source_reader(e->source), tags),
        .entropy = e->options->entropy >= 0 ? (ravel_entropy)e->options->entropy : e->info->entropy,
        .target_bps = 1e3 * e->options->target_kbps};
    e->writer = ravel_stream_writer_open(out, e->options->model, &format, error);
    return e->writer != NULL ? 0 : (int)error->status;
}

/* --- The job ---------------------------------------------------------------------------------- */

static void report(const encoding *e, const char *in, const char *out, double took_s)
{
    char length[RAVEL_TOOL_TEXT], size[RAVEL_TOOL_TEXT];
    double seconds = (double)e->n_samples / e->info->sample_rate_hz;
    int64_t n_bad = ravel_source_bad_values(e->source);
    if (n_bad > 0)
        (void)fprintf(stderr, "ravel: '%s': %lld samples were not finite numbers and became 0\n",
                      in, (long long)n_bad);
    if (e->options->common.quiet)
        return;
    (void)fprintf(stderr, "%s -> %s: %s", in, out, ravel_tool_duration(seconds, length));
    if (e->n_streams > 1)
        (void)fprintf(stderr, ", %d channels", ravel_source_channels(e->source));
    (void)fprintf(stderr, " in %.2f s (%.1f times real time), %s%d codebooks, %s", took_s,
                  seconds / took_s, e->options->target_kbps > 0.0 ? "up to " : "",
                  e->options->n_codebooks, ravel_tool_size((double)e->rates.n_bytes, size));
    if (seconds > 0.0)
        (void)fprintf(stderr, ", %.2f kb/s (average %.2f without header, peak %.2f)",
                      1e-3 * e->rates.file_bps, 1e-3 * e->rates.average_bps,
                      1e-3 * e->rates.peak_bps);
    (void)fputc('\n', stderr);
}

/* Of a codec that drops an incomplete last frame, which may be the first. */
static int tell_too_short(const encoding *e, const char *in, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA,
                           "'%s' is too short for '%s': %d of the %d samples of a frame", in,
                           e->info->name, (int)e->n_samples, e->info->hop_samples);
}

static int encode_opened(encoding *e, const char *in, const char *out, ravel_error *error)
{
    int64_t length = ravel_source_length(e->source);
    int status = allocate(e, error);
    if (status == 0)
        status = open_writer(e, out, error);
    if (status < 0)
        return status;
    double total_s = length > 0 ? (double)length / e->info->sample_rate_hz : 0.0;
    ravel_progress progress = ravel_progress_begin(e->options->common.progress, in, total_s);
    status = encode_all(e, &progress, error);
    if (status >= 0 && e->n_frames == 0 && e->n_samples > 0)
        status = tell_too_short(e, in, error);
    double took_s = ravel_progress_end(&progress, (double)e->n_samples / e->info->sample_rate_hz);
    if (status < 0) {
        ravel_stream_writer_abort(e->writer);
        return status;
    }
    status = ravel_stream_writer_close(e->writer, e->n_samples, &e->rates, error);
    if (status == 0)
        report(e, in, out, took_s);
    return status;
}

static int encode_file(void *context, const char *in, const char *out, ravel_error *error)
{
    const encode_options *options = context;
    encoding e = {.options = options, .info = ravel_model_get_info(options->model)};
    e.source = ravel_source_open(in, &options->raw, e.info->sample_rate_hz, e.info->channels,
                                 options->keep, error);
    int status = e.source != NULL ? encode_opened(&e, in, out, error) : (int)error->status;
    release(&e);
    return status;
}

/* --- Options ---------------------------------------------------------------------------------- */

enum {
    OPT_CHANNELS = RAVEL_TOOL_OWN,
    OPT_TARGET,
    OPT_ENTROPY,
    OPT_TAG,
    OPT_BLOCK,
    OPT_RAW,
    OPT_RAW_RATE,
    OPT_RAW_CHANNELS,
    OPT_RAW_BITS
};

static const struct option long_options[] = {
    {"bitrate", required_argument, NULL, 'b'},
    {"codebooks", required_argument, NULL, 'k'},
    {"quality", required_argument, NULL, 'k'},
    {"target", required_argument, NULL, OPT_TARGET},
    {"entropy", required_argument, NULL, OPT_ENTROPY},
    {"channels", required_argument, NULL, OPT_CHANNELS},
    {"tag", required_argument, NULL, OPT_TAG},
    {"block", required_argument, NULL, OPT_BLOCK},
    {"raw", no_argument, NULL, OPT_RAW},
    {"raw-rate", required_argument, NULL, OPT_RAW_RATE},
    {"raw-channels", required_argument, NULL, OPT_RAW_CHANNELS},
    {"raw-bits", required_argument, NULL, OPT_RAW_BITS},
    RAVEL_TOOL_LONG,
    {NULL, 0, NULL, 0}};

static bool set_raw_bits(const char *value, int *bits)
{
    static const struct {
        const char *name;
        int bits;
    } known[] = {{"8", 8}, {"16", 16}, {"24", 24}, {"32", 32}, {"f32", -32}, {"f64", -64}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(value, known[i].name) == 0) {
            *bits = known[i].bits;
            return true;
        }
    }
    return false;
}

static bool set_entropy(const char *value, int *entropy)
{
    static const char *const names[] = {"none", "static", "prior"};
    for (int i = 0; i <= RAVEL_ENTROPY_PRIOR; i++) {
        if (strcmp(value, names[i]) == 0) {
            *entropy = i;
            return true;
        }
    }
    return false;
}

static bool set_channels(const char *value, bool *keep)
{
    *keep = strcmp(value, "keep") == 0;
    return *keep || strcmp(value, "mix") == 0;
}

static bool add_tag(encode_options *options, const char *value)
{
    if (options->n_tags == MAX_TAGS || strchr(value, '=') == NULL)
        return false;
    options->tags[options->n_tags++] = value;
    return true;
}

/* return    1 taken, 0 not one of these, -1 a bad value */
static int own_option(void *context, int letter, const char *value)
{
    encode_options *options = context;
    switch (letter) {
    case 'b':
        return ravel_tool_double(value, 1e-3, 1e6, &options->kbps) ? 1 : -1;
    case 'k':
        return ravel_tool_int(value, 1, RAVEL_MAX_CODEBOOKS, &options->n_codebooks) ? 1 : -1;
    case OPT_TARGET:
        return ravel_tool_double(value, 1e-3, 1e6, &options->target_kbps) ? 1 : -1;
    case OPT_ENTROPY:
        return set_entropy(value, &options->entropy) ? 1 : -1;
    case OPT_CHANNELS:
        return set_channels(value, &options->keep) ? 1 : -1;
    case OPT_TAG:
        return add_tag(options, value) ? 1 : -1;
    case OPT_BLOCK:
        return ravel_tool_double(value, 1e-3, 3600.0, &options->block_s) ? 1 : -1;
    case OPT_RAW:
        options->raw.raw = 1;
        return 1;
    case OPT_RAW_RATE:
        return ravel_tool_int(value, 1000, 768000, &options->raw.raw_rate_hz) ? 1 : -1;
    case OPT_RAW_CHANNELS:
        return ravel_tool_int(value, 1, 64, &options->raw.raw_channels) ? 1 : -1;
    case OPT_RAW_BITS:
        return set_raw_bits(value, &options->raw.raw_bits) ? 1 : -1;
    default:
        return 0;
    }
}

/* -k, or the most codebooks that -b allows, or all. */
static int choose_codebooks(encode_options *options)
{
    const ravel_model_info *info = ravel_model_get_info(options->model);
    if (options->n_codebooks > 0 && options->kbps > 0.0)
        return ravel_tool_usage_error("encode", "-b and -k say the same thing: give one");
    if (options->n_codebooks > info->n_codebooks)
        return ravel_tool_usage_error("encode", "-k %d: the model '%s' has %d codebooks",
                                      options->n_codebooks, info->name, info->n_codebooks);
    if (options->n_codebooks > 0 && options->n_codebooks < info->least_codebooks)
        return ravel_tool_usage_error("encode",
                                      "-k %d: of the model '%s' that holds no sound; %d at least",
                                      options->n_codebooks, info->name, info->least_codebooks);
    if (options->n_codebooks > 0)
        return RAVEL_EXIT_DONE;
    return ravel_tool_codebooks("encode", options->model, options->kbps, &options->n_codebooks);
}

static int run(encode_options *options, int n_names, char **names)
{
    options->model = ravel_tool_need_encoding_model(&options->common);
    if (options->model == NULL)
        return RAVEL_EXIT_MODEL;
    int code = choose_codebooks(options);
    if (code != RAVEL_EXIT_DONE)
        return code;
    return ravel_tool_run(&options->common, "encode", ".rvl", n_names, names, encode_file, options);
}

static const ravel_tool_own_options own_options = {RAVEL_TOOL_LETTERS "b:k:", long_options, usage,
                                                   own_option};

int ravel_tool_encode(int argc, char **argv)
{
    encode_options options = {.common = ravel_tool_options_new(),
                              .entropy = -1,
                              .raw = {.raw_rate_hz = 24000, .raw_channels = 1, .raw_bits = 16}};
    int code = ravel_tool_read_options(&options.common, &own_options, &options, argc, argv);
    if (code < 0)
        code = run(&options, argc - optind, argv + optind);
    ravel_tool_options_free(&options.common);
    return code;
}
