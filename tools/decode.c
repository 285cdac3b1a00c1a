/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel decode: stream -> codes -> samples -> sound, a piece at a time. */
#include <getopt.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/file/sink.h"
#include "nn/error.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel decode [OPTION]... [IN.rvl [OUT]]\n"
    "       ravel decode [OPTION]... -d DIR IN.rvl...\n"
    "\n"
    "The suffix of OUT names its format: wav, flac, ogg, opus, mp3, aiff, au, caf, w64 or raw;\n"
    "standard output is WAV. An output file appears when it is whole, and then takes the\n"
    "place of one that was there. Where the stream is damaged, what is lost is concealed, the\n"
    "damage is told, and the exit status is 1. Files of EnCodec's and Lyra's own tools, .ecdc\n"
    "and .lyra, are read with a model of that codec.\n"
    "\n"
    "  -s, --start TIME        begin there: seconds, or [H:]M:S\n"
    "  -t, --duration TIME     stop so much later\n"
    "  -b, --bitrate KBPS      of codes in a file that does not tell it (.lyra)\n"
    "  -r, --rate HZ           of the output, instead of the model's\n"
    "      --bits BITS         of a sample: 16, 24, 32, f32 for float\n"
    "      --predict-fine N    add N finer codebooks that the model's prior predicts\n"
    "      --seed N            draw them by their probability, instead of the most likely\n"
    "  -m, --model FILE        instead of RAVEL_MODEL or the built-in model\n"
    "  -d, --directory DIR     decode each input to DIR/NAME.wav, going on after a bad one\n"
    "      --progress HOW      none, bar (usual on a terminal) or json, on standard error\n"
    "  -q, --quiet             no bar and no summary\n"
    "  -h, --help              this\n"
    "\n"
    "Decoding from a place in the middle begins a second earlier, so that the decoder has\n"
    "settled: with convolutions that reach back less, the samples are those of the whole\n"
    "stream. A model with a source of pulses and noise gives the same sound, in other samples,\n"
    "and so does one that decodes in pieces, which begin there.\n";

enum { MAX_STREAMS = 64 };

static const double preroll_s = 1.0;

typedef struct {
    ravel_tool_options common;
    const ravel_model *model;
    double start_s, duration_s; /* duration 0: to the end */
    int rate_hz, bits;          /* 0: the model's, the format's usual */
    int n_predicted;            /* codebooks beyond those of the stream */
    double kbps;                /* 0: the stream tells how many codebooks it has */
    int n_codebooks;            /* by it; 0 likewise */
    int seed;                   /* 0: the most likely codes */
} decode_options;

/* --- One file --------------------------------------------------------------------------------- */

typedef struct {
    const decode_options *options;
    const ravel_model_info *info;
    ravel_stream_reader *reader;
    ravel_sink *sink;
    ravel_scratch *scratch;
    ravel_decoder *decoders[MAX_STREAMS];
    ravel_predictor *predictors[MAX_STREAMS]; /* where codes are to be predicted */
    int n_streams;
    int piece_frames;
    uint16_t *codes;     /* [n_streams][piece_frames][codes of a frame of all codebooks] */
    uint16_t *predicted; /* the same with those that the stream does not have */
    float *pcm;          /* [n_streams][pcm_room][the model's channels] */
    float *joined;       /* [pcm_room][all channels] */
    int pcm_room;        /* samples */
    int64_t position;    /* number of the next decoded sample in the sound */
    int64_t begin, end;  /* what is wanted of it; end -1: all */
} decoding;

static int allocate_predictors(decoding *d, size_t n_codes, ravel_error *error)
{
    d->predicted = calloc(n_codes, sizeof *d->predicted);
    for (int s = 0; s < d->n_streams; s++) {
        d->predictors[s] = ravel_predictor_new(d->options->model, (uint64_t)d->options->seed);
        if (d->predictors[s] == NULL)
            return ravel_error_memory(error);
    }
    return d->predicted != NULL ? 0 : ravel_error_memory(error);
}

static int allocate(decoding *d, ravel_error *error)
{
    const ravel_model *model = d->options->model;
    int all_codes;
    d->piece_frames = ravel_tool_piece_frames(d->info);
    d->n_streams = ravel_stream_reader_info(d->reader)->n_streams;
    all_codes = ravel_model_codes_per_frame(model, d->info->n_codebooks) * d->n_streams;
    d->codes = calloc((size_t)d->piece_frames * (size_t)all_codes, sizeof *d->codes);
    d->scratch = ravel_scratch_new(model, d->n_streams);
    for (int s = 0; s < d->n_streams; s++) {
        d->decoders[s] = ravel_decoder_new(model);
        if (d->decoders[s] == NULL)
            return ravel_error_memory(error);
    }
    if (d->codes == NULL || d->scratch == NULL)
        return ravel_error_memory(error);
    size_t n_codes = (size_t)d->piece_frames * (size_t)all_codes;
    return d->options->n_predicted > 0 ? allocate_predictors(d, n_codes, error) : 0;
}

static void release(decoding *d)
{
    for (int s = 0; s < d->n_streams; s++) {
        ravel_decoder_free(d->decoders[s]);
        ravel_predictor_free(d->predictors[s]);
    }
    free(d->predicted);
    ravel_scratch_free(d->scratch);
    ravel_stream_reader_close(d->reader);
    free(d->codes);
    free(d->pcm);
    free(d->joined);
}

static int make_room(decoding *d, int n_samples, ravel_error *error)
{
    if (d->pcm != NULL && n_samples <= d->pcm_room)
        return 0;
    if (n_samples < 1) /* there must be something to point into */
        n_samples = 1;
    size_t all = (size_t)n_samples * (size_t)d->n_streams * (size_t)d->info->channels;
    free(d->pcm);
    free(d->joined);
    d->pcm = calloc(all, sizeof *d->pcm);
    d->joined = calloc(all, sizeof *d->joined);
    d->pcm_room = d->pcm != NULL && d->joined != NULL ? n_samples : 0;
    return d->pcm_room > 0 ? 0 : ravel_error_memory(error);
}

/* Interleaves the streams' channels. */
static void join(decoding *d, int n)
{
    size_t own = (size_t)d->info->channels, all = own * (size_t)d->n_streams;
    for (int s = 0; s < d->n_streams; s++) {
        const float *from = d->pcm + (size_t)s * (size_t)d->pcm_room * own;
        for (int i = 0; i < n; i++)
            memcpy(d->joined + (size_t)i * all + (size_t)s * own, from + (size_t)i * own,
                   own * sizeof *from);
    }
}

/*
 * Where what is wanted ends, -1 while that is not known. The exact length may become known only with
 * the last page, so it is asked for each time.
 */
static int64_t wanted_end(const decoding *d)
{
    int64_t length = ravel_stream_reader_info(d->reader)->n_samples;
    return length >= 0 && (d->end < 0 || d->end > length) ? length : d->end;
}

/* Writes what is wanted of the next n samples. */
static int write_samples(decoding *d, int n, ravel_error *error)
{
    int64_t end = wanted_end(d);
    int64_t first = d->begin - d->position, last = end < 0 ? n : end - d->position;
    first = first > 0 ? first : 0;
    last = last < n ? last : n;
    d->position += n;
    if (first >= last)
        return 0;
    join(d, n);
    size_t all = (size_t)d->info->channels * (size_t)d->n_streams;
    return ravel_sink_write(d->sink, d->joined + (size_t)first * all, (int)(last - first), error);
}

static int fail_decoding(int status, ravel_error *error)
{
    return ravel_error_set(error, (ravel_status)status, "decoding failed: %s",
                           ravel_strerror(status));
}

/*
 * Adds finer codebooks to the codes of a piece.
 * codes     set to the place where all of them are
 * return    codebooks, or a negative status
 */
static int predict_frames(decoding *d, int n_frames, int n_codebooks, const uint16_t **codes)
{
    *codes = d->codes;
    if (d->options->n_predicted == 0 || n_frames == 0)
        return n_codebooks;
    int most = d->info->n_codebooks, wanted = n_codebooks + d->options->n_predicted;
    wanted = wanted < most ? wanted : most;
    for (int s = 0; s < d->n_streams; s++) {
        ptrdiff_t first = (ptrdiff_t)s * d->piece_frames;
        int status =
            ravel_predictor_push(d->predictors[s], d->codes + first * n_codebooks, n_frames,
                                 n_codebooks, wanted, d->predicted + first * wanted);
        if (status < 0)
            return status;
    }
    *codes = d->predicted;
    return wanted;
}

static int decode_frames(decoding *d, int n_frames, int n_codebooks, int finish, ravel_error *error)
{
    const uint16_t *all;
    n_codebooks = predict_frames(d, n_frames, n_codebooks, &all);
    if (n_codebooks < 0)
        return fail_decoding(n_codebooks, error);
    ravel_decoder_job jobs[MAX_STREAMS];
    size_t own = (size_t)d->info->channels;
    int codes = n_frames > 0 ? ravel_model_codes_per_frame(d->options->model, n_codebooks) : 0;
    for (int s = 0; s < d->n_streams; s++)
        jobs[s] =
            (ravel_decoder_job){.decoder = d->decoders[s],
                                .codes = all + (size_t)s * (size_t)d->piece_frames * (size_t)codes,
                                .n_frames = n_frames,
                                .n_codebooks = n_codebooks,
                                .finish = finish,
                                .pcm = d->pcm + (size_t)s * (size_t)d->pcm_room * own,
                                .capacity = d->pcm_room};
    int status = ravel_decoder_push_many(jobs, d->n_streams, d->scratch);
    if (status == 0 && jobs[0].n_samples < 0)
        status = jobs[0].n_samples;
    return status < 0 ? fail_decoding(status, error) : write_samples(d, jobs[0].n_samples, error);
}

static int conceal_frames(decoding *d, int n_frames, ravel_error *error)
{
    int n = 0;
    for (int s = 0; s < d->n_streams; s++) {
        n = ravel_decoder_conceal(
            d->decoders[s], d->scratch, n_frames,
            d->pcm + (size_t)s * (size_t)d->pcm_room * (size_t)d->info->channels, d->pcm_room);
        if (n < 0)
            return fail_decoding(n, error);
        if (d->predictors[s] != NULL) /* which goes on from what it knows */
            ravel_predictor_reset(d->predictors[s]);
    }
    return write_samples(d, n, error);
}

/* return    1 to go on, 0 at the end, or a negative status */
static int decode_piece(decoding *d, ravel_error *error)
{
    int n_codebooks = 0, lost = 0;
    int n =
        ravel_stream_reader_read(d->reader, d->codes, d->piece_frames, &n_codebooks, &lost, error);
    if (n < 0)
        return n;
    int status = make_room(d, ravel_decoder_samples(d->decoders[0], n, n == 0), error);
    if (status == 0 && lost)
        status = conceal_frames(d, n, error);
    else if (status == 0)
        status = decode_frames(d, n, n_codebooks, n == 0, error);
    return status < 0 ? status : n > 0;
}

/* Zeros for samples that the codec does not make: some end before the sound does, by a frame or two. */
static int write_missing(decoding *d, ravel_error *error)
{
    int64_t missing = wanted_end(d) - d->position, most = 2 * (int64_t)d->info->hop_samples;
    if (missing <= 0)
        return 0;
    int n = (int)(missing < most ? missing : most); /* a stranger wrote the length */
    int status = make_room(d, n, error);
    if (status < 0)
        return status;
    memset(d->pcm, 0,
           (size_t)d->pcm_room * (size_t)d->n_streams * (size_t)d->info->channels * sizeof *d->pcm);
    return write_samples(d, n, error);
}

static double done_seconds(const decoding *d)
{
    int64_t done = d->position > d->begin ? d->position - d->begin : 0;
    return (double)done / d->info->sample_rate_hz;
}

static int decode_all(decoding *d, ravel_progress *progress, ravel_error *error)
{
    int status = 1;
    while (status > 0 && (d->end < 0 || d->position < d->end)) {
        status = decode_piece(d, error);
        if (ravel_tool_stopped())
            return ravel_tool_interrupted(error);
        ravel_progress_update(progress, done_seconds(d));
    }
    return status < 0 ? status : write_missing(d, error);
}

/* --- A stretch -------------------------------------------------------------------------------- */

static int find_stretch(decoding *d, ravel_error *error)
{
    const ravel_stream_info *stream = ravel_stream_reader_info(d->reader);
    double rate_hz = stream->sample_rate_hz;
    d->begin = (int64_t)floor(d->options->start_s * rate_hz + 0.5);
    d->end = -1;
    if (d->options->duration_s > 0.0)
        d->end = d->begin + (int64_t)floor(d->options->duration_s * rate_hz + 0.5);
    d->position = -stream->pre_skip_samples;
    if (d->begin == 0)
        return 0;
    if (stream->n_samples >= 0 && d->begin >= stream->n_samples)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "--start %g s lies behind the end of the sound, %g s",
                               d->options->start_s, (double)stream->n_samples / rate_hz);
    int preroll = (int)ceil(preroll_s * rate_hz / stream->hop_samples);
    int64_t frame = ravel_stream_reader_seek(d->reader, d->begin, preroll, error);
    if (frame < 0)
        return (int)frame;
    d->position += frame * stream->hop_samples;
    return 0;
}

/* --- The job ---------------------------------------------------------------------------------- */

/* return    0, or RAVEL_ERR_DATA with *error where something was lost */
static int tell_damage(const decoding *d, const char *in, ravel_error *error)
{
    ravel_stream_damage damage = ravel_stream_reader_damage(d->reader);
    const ravel_stream_info *stream = ravel_stream_reader_info(d->reader);
    if (damage.foreign_pages > 0)
        (void)fprintf(stderr, "ravel: '%s': %lld pages of other streams were left out\n", in,
                      (long long)damage.foreign_pages);
    if (damage.damaged_blocks == 0 && damage.skipped_bytes == 0 && !damage.truncated &&
        !stream->header_damaged)
        return 0;
    double lost_s = (double)damage.lost_frames * stream->hop_samples / stream->sample_rate_hz;
    return ravel_error_set(
        error, RAVEL_ERR_DATA,
        "'%s' is damaged: %lld blocks, %.2f s concealed, %lld bytes passed over%s%s", in,
        (long long)damage.damaged_blocks, lost_s, (long long)damage.skipped_bytes,
        stream->header_damaged ? ", no header" : "",
        damage.truncated ? ", the end is missing" : "");
}

static void report(const decoding *d, const char *in, const char *out, double took_s)
{
    char text[RAVEL_TOOL_TEXT];
    int rate_hz = d->options->rate_hz > 0 ? d->options->rate_hz : d->info->sample_rate_hz;
    double seconds = (double)ravel_sink_samples(d->sink) / rate_hz;
    if (!d->options->common.quiet)
        (void)fprintf(stderr, "%s -> %s: %s in %.2f s (%.1f times real time)\n", in, out,
                      ravel_tool_duration(seconds, text), took_s, seconds / took_s);
}

static double expected_seconds(const decoding *d)
{
    int64_t end = wanted_end(d);
    return end > d->begin ? (double)(end - d->begin) / d->info->sample_rate_hz : 0.0;
}

static int open_sink(decoding *d, const char *out, ravel_error *error)
{
    const decode_options *options = d->options;
    ravel_sink_format format = {.rate_hz = d->info->sample_rate_hz,
                                .channels = d->info->channels * d->n_streams,
                                .out_rate_hz = options->rate_hz > 0 ? options->rate_hz
                                                                    : d->info->sample_rate_hz,
                                .bits = options->bits};
    d->sink = ravel_sink_open(out, &format, error);
    return d->sink != NULL ? 0 : (int)error->status;
}

static int decode_opened(decoding *d, const char *in, const char *out, ravel_error *error)
{
    int status = allocate(d, error);
    if (status == 0)
        status = find_stretch(d, error);
    if (status == 0)
        status = open_sink(d, out, error);
    if (status < 0)
        return status;
    ravel_progress progress =
        ravel_progress_begin(d->options->common.progress, in, expected_seconds(d));
    status = decode_all(d, &progress, error);
    double took_s = ravel_progress_end(&progress, done_seconds(d));
    if (status < 0) {
        ravel_sink_abort(d->sink);
        return status;
    }
    report(d, in, out, took_s);
    status = ravel_sink_close(d->sink, error);
    return status < 0 ? status : tell_damage(d, in, error);
}

static int decode_file(void *context, const char *in, const char *out, ravel_error *error)
{
    const decode_options *options = context;
    decoding d = {.options = options, .info = ravel_model_get_info(options->model)};
    d.reader = ravel_stream_reader_open_codebooks(in, options->model, options->n_codebooks, error);
    int status = d.reader != NULL ? decode_opened(&d, in, out, error) : (int)error->status;
    release(&d);
    return status;
}

/* --- Options ---------------------------------------------------------------------------------- */

enum { OPT_BITS = RAVEL_TOOL_OWN, OPT_PREDICT, OPT_SEED };

static const struct option long_options[] = {{"start", required_argument, NULL, 's'},
                                             {"duration", required_argument, NULL, 't'},
                                             {"bitrate", required_argument, NULL, 'b'},
                                             {"rate", required_argument, NULL, 'r'},
                                             {"bits", required_argument, NULL, OPT_BITS},
                                             {"predict-fine", required_argument, NULL, OPT_PREDICT},
                                             {"seed", required_argument, NULL, OPT_SEED},
                                             RAVEL_TOOL_LONG,
                                             {NULL, 0, NULL, 0}};

/* return    1 taken, 0 not one of these, -1 a bad value */
static int own_option(void *context, int letter, const char *value)
{
    decode_options *options = context;
    switch (letter) {
    case 's':
        return ravel_tool_time(value, &options->start_s) ? 1 : -1;
    case 't':
        return ravel_tool_time(value, &options->duration_s) && options->duration_s > 0.0 ? 1 : -1;
    case 'b':
        return ravel_tool_double(value, 1e-3, 1e6, &options->kbps) ? 1 : -1;
    case 'r':
        return ravel_tool_int(value, 1000, 768000, &options->rate_hz) ? 1 : -1;
    case OPT_BITS:
        return ravel_tool_bits(value, &options->bits) ? 1 : -1;
    case OPT_PREDICT:
        return ravel_tool_int(value, 1, RAVEL_MAX_CODEBOOKS, &options->n_predicted) ? 1 : -1;
    case OPT_SEED:
        return ravel_tool_int(value, 1, INT_MAX, &options->seed) ? 1 : -1;
    default:
        return 0;
    }
}

static const ravel_tool_own_options own_options = {RAVEL_TOOL_LETTERS "s:t:b:r:", long_options,
                                                   usage, own_option};

/* What the options ask of the model. return    an exit status */
static int use_model(decode_options *options)
{
    options->model = ravel_tool_need_model(&options->common);
    if (options->model == NULL)
        return RAVEL_EXIT_MODEL;
    if (options->n_predicted > 0 &&
        ravel_model_get_info(options->model)->entropy != RAVEL_ENTROPY_PRIOR) {
        (void)fprintf(stderr, "ravel: --predict-fine needs a model with a prior, unlike '%s'\n",
                      ravel_model_get_info(options->model)->name);
        return RAVEL_EXIT_MODEL;
    }
    if (options->kbps > 0.0)
        return ravel_tool_codebooks("decode", options->model, options->kbps, &options->n_codebooks);
    return RAVEL_EXIT_DONE;
}

int ravel_tool_decode(int argc, char **argv)
{
    decode_options options = {.common = ravel_tool_options_new()};
    int code = ravel_tool_read_options(&options.common, &own_options, &options, argc, argv);
    if (code >= 0)
        return code;
    code = use_model(&options);
    if (code == RAVEL_EXIT_DONE)
        code = ravel_tool_run(&options.common, "decode", ".wav", argc - optind, argv + optind,
                              decode_file, &options);
    ravel_tool_options_free(&options.common);
    return code;
}
