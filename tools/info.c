/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel info: what is in a stream or a model, for people or as JSON. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "audio_io/file/whole_file.h"
#include "nn/error.h"
#include "tools/info_layers.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel info [OPTION]... [FILE]\n"
    "\n"
    "Tells what is in a stream (.rvl) or a model (.safetensors); without FILE, in the model\n"
    "that encode and decode use. Of a model, layer by layer: channels, rows that come out, the\n"
    "multiply-adds of a second of sound, bytes of weights that a step reads and of a stream's\n"
    "state, and how far it looks ahead; those that have others inside count what these do. A\n"
    "stream is read to its end: its length, bitrate and damage are exact.\n"
    "\n"
    "      --json              one JSON object on standard output\n"
    "  -m, --model FILE        to read a stream whose header is damaged, or that is coded with\n"
    "                          the model's prior\n"
    "  -b, --bitrate KBPS      of codes in a file that does not tell it (.lyra)\n"
    "  -h, --help              this\n"
    "\n"
    "Exit status 1 where a stream is damaged or a model's weights are not what was written.\n";

enum { PIECE_FRAMES = 64 };

typedef struct {
    ravel_tool_options common;
    bool json;
    double kbps;     /* 0: the file tells how many codebooks it has */
    int n_codebooks; /* by it; 0 likewise */
} info_options;

static const char *const entropy_names[] = {"none", "static", "prior"};

/*
 * Facts are collected once, as JSON; people get the same ones, a line each, those of layers as
 * tables. Numbers that people read with a unit have it in the name: bitrate_bps.
 */
static void print_text(const cJSON *facts)
{
    for (const cJSON *fact = facts->child; fact != NULL; fact = fact->next) {
        if (strcmp(fact->string, "layers") == 0)
            continue;
        char *text = cJSON_IsString(fact) ? NULL : cJSON_PrintUnformatted(fact);
        if (cJSON_IsNumber(fact))
            (void)printf("%-26s %.*f\n", fact->string,
                         fact->valuedouble == floor(fact->valuedouble) ? 0 : 3, fact->valuedouble);
        else
            (void)printf("%-26s %s\n", fact->string, text != NULL ? text : fact->valuestring);
        free(text);
    }
    const cJSON *layers = cJSON_GetObjectItemCaseSensitive(facts, "layers");
    if (layers != NULL)
        ravel_info_print_layers(layers);
}

static void add_hex(cJSON *facts, const char *name, const uint8_t *bytes, int n)
{
    char text[2 * RAVEL_IDENTITY_BYTES + 1] = "";
    for (int i = 0; i < n; i++)
        (void)snprintf(text + 2 * i, 3, "%02x", bytes[i]);
    cJSON_AddStringToObject(facts, name, text);
}

/* Numbers of which two places are enough. */
static cJSON *rounded(double value)
{
    return cJSON_CreateNumber(floor(value * 100.0 + 0.5) / 100.0);
}

static void add_codebooks(cJSON *facts, int n, const int *size, const int *steps)
{
    cJSON_AddNumberToObject(facts, "codebooks", n);
    cJSON_AddItemToObject(facts, "codebook_sizes", cJSON_CreateIntArray(size, n));
    cJSON_AddItemToObject(facts, "steps_per_frame", cJSON_CreateIntArray(steps, n));
}

/* --- A model ---------------------------------------------------------------------------------- */

static void add_costs(cJSON *facts, const ravel_model_info *info)
{
    cJSON_AddNumberToObject(facts, "encoder_mmac_per_s", info->encoder_macs / 1e6);
    cJSON_AddNumberToObject(facts, "quantizer_mmac_per_s", info->quantizer_macs / 1e6);
    cJSON_AddNumberToObject(facts, "decoder_mmac_per_s", info->decoder_macs / 1e6);
    cJSON_AddNumberToObject(facts, "encoder_bytes_per_step", (double)info->encoder_weight_bytes);
    cJSON_AddNumberToObject(facts, "quantizer_bytes_per_step",
                            (double)info->quantizer_weight_bytes);
    cJSON_AddNumberToObject(facts, "decoder_bytes_per_step", (double)info->decoder_weight_bytes);
}

static void add_model(cJSON *facts, const ravel_model *model)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    cJSON_AddStringToObject(facts, "name", info->name);
    cJSON_AddStringToObject(facts, "licence", info->licence);
    cJSON_AddNumberToObject(facts, "sample_rate_hz", info->sample_rate_hz);
    cJSON_AddNumberToObject(facts, "channels", info->channels);
    cJSON_AddNumberToObject(facts, "hop_samples", info->hop_samples);
    cJSON_AddNumberToObject(facts, "frames_per_s",
                            (double)info->sample_rate_hz / info->hop_samples);
    add_codebooks(facts, info->n_codebooks, info->codebook_size, info->steps_per_frame);
    cJSON_AddNumberToObject(facts, "least_codebooks", info->least_codebooks);
    cJSON *rates = cJSON_AddArrayToObject(facts, "bitrates_bps");
    for (int k = 1; k <= info->n_codebooks; k++)
        cJSON_AddItemToArray(rates, rounded(ravel_model_bitrate(model, k)));
    cJSON_AddBoolToObject(facts, "decodes_only", info->decodes_only);
    cJSON_AddNumberToObject(facts, "latent_dim", info->latent_dim);
    cJSON_AddNumberToObject(facts, "parameters", (double)info->parameters);
    cJSON_AddNumberToObject(facts, "delay_ms", 1e3 * info->delay_samples / info->sample_rate_hz);
    cJSON_AddNumberToObject(facts, "start_delay_ms",
                            1e3 * info->start_delay_samples / info->sample_rate_hz);
    cJSON_AddNumberToObject(facts, "encoder_lookahead_samples", info->encoder_lookahead_samples);
    cJSON_AddNumberToObject(facts, "decoder_lookahead_samples", info->decoder_lookahead_samples);
    cJSON_AddNumberToObject(facts, "tail_samples", info->tail_samples);
    cJSON_AddNumberToObject(facts, "end_samples", info->end_samples);
    add_costs(facts, info);
    cJSON_AddNumberToObject(facts, "encoder_state_bytes", (double)ravel_encoder_size(model));
    cJSON_AddNumberToObject(facts, "decoder_state_bytes", (double)ravel_decoder_size(model));
    cJSON_AddNumberToObject(facts, "scratch_bytes", (double)ravel_scratch_size(model, 1));
    add_hex(facts, "tokenizer_identity", info->tokenizer_identity, RAVEL_IDENTITY_BYTES);
    add_hex(facts, "decoder_identity", info->decoder_identity, RAVEL_IDENTITY_BYTES);
    cJSON_AddStringToObject(facts, "entropy", entropy_names[info->entropy]);
    if (info->entropy != RAVEL_ENTROPY_NONE)
        add_hex(facts, "prior_identity", info->prior_identity, RAVEL_IDENTITY_BYTES);
    cJSON_AddItemToObject(facts, "layers", ravel_info_layers(model));
}

static int model_file_facts(cJSON *facts, const char *path, ravel_error *error)
{
    size_t size;
    void *data = ravel_whole_file_read(path, &size, error);
    if (data == NULL)
        return (int)error->status;
    ravel_model *model = ravel_model_open_memory(data, size, error);
    int status = model != NULL ? 0 : (int)error->status;
    if (status == 0) {
        add_model(facts, model);
        cJSON_AddNumberToObject(facts, "file_bytes", (double)size);
        status = ravel_model_verify_memory(data, size, error);
        cJSON_AddStringToObject(facts, "sha256", status == 0 ? "ok" : "wrong");
    }
    ravel_model_free(model);
    free(data);
    return status;
}

/* --- A stream --------------------------------------------------------------------------------- */

typedef struct {
    int64_t n_frames; /* good ones */
    int least_codebooks, most_codebooks;
    bool blind;       /* the model that the codes need is not at hand: frames are only counted */
    uint32_t *counts; /* of each code: codebook after codebook, each of its size */
} stream_contents;

static void count_codes(const ravel_stream_info *info, stream_contents *contents,
                        const uint16_t *code, int n_frames, int n_codebooks)
{
    for (int i = 0; i < n_frames; i++) {
        uint32_t *counts = contents->counts;
        for (int k = 0; k < n_codebooks; counts += info->codebook_size[k++])
            for (int step = 0; step < info->steps_per_frame[k]; step++)
                counts[*code++]++;
    }
}

/* codes may be NULL */
static void use_frames(const ravel_stream_info *info, stream_contents *contents,
                       const uint16_t *codes, int n, int n_codebooks)
{
    size_t frame_codes = 0;
    for (int k = 0; k < n_codebooks; k++)
        frame_codes += (size_t)info->steps_per_frame[k];
    contents->n_frames += n;
    if (n_codebooks < contents->least_codebooks)
        contents->least_codebooks = n_codebooks;
    if (n_codebooks > contents->most_codebooks)
        contents->most_codebooks = n_codebooks;
    for (int s = 0; codes != NULL && s < info->n_streams; s++)
        count_codes(info, contents, codes + (size_t)s * PIECE_FRAMES * frame_codes, n, n_codebooks);
}

static int read_contents(ravel_stream_reader *reader, stream_contents *contents, ravel_error *error)
{
    const ravel_stream_info *info = ravel_stream_reader_info(reader);
    size_t codes = 0, codewords = 0;
    int n, n_codebooks, lost;
    for (int i = 0; i < info->n_codebooks; i++) {
        codes += (size_t)info->steps_per_frame[i];
        codewords += (size_t)info->codebook_size[i];
    }
    uint16_t *buffer = malloc(codes * PIECE_FRAMES * (size_t)info->n_streams * sizeof *buffer);
    contents->counts = calloc(codewords, sizeof *contents->counts);
    if (buffer == NULL || contents->counts == NULL) {
        free(buffer);
        return ravel_error_memory(error);
    }
    contents->least_codebooks = info->n_codebooks;
    while ((n = ravel_stream_reader_read(reader, contents->blind ? NULL : buffer, PIECE_FRAMES,
                                         &n_codebooks, &lost, error)) > 0 &&
           !ravel_tool_stopped()) {
        if (!lost)
            use_frames(info, contents, contents->blind ? NULL : buffer, n, n_codebooks);
    }
    free(buffer);
    return n;
}

/* Bits that a code takes which is as frequent as these counts say. */
static double counted_entropy(const uint32_t *counts, int size)
{
    double total = 0.0, bits = 0.0;
    for (int i = 0; i < size; i++)
        total += counts[i];
    for (int i = 0; i < size; i++)
        bits += counts[i] > 0 ? counts[i] * log2(total / counts[i]) : 0.0;
    return total > 0.0 ? bits / total : 0.0;
}

static double percent_saved(double bits, double packed)
{
    return packed > 0.0 ? 100.0 * (1.0 - bits / packed) : 0.0;
}

/* What codes cost, codebook by codebook; where the model is another, only how they are coded. */
static void add_bits(cJSON *facts, const ravel_stream_reader *reader,
                     const stream_contents *contents)
{
    const ravel_stream_info *info = ravel_stream_reader_info(reader);
    const ravel_stream_bits bits = ravel_stream_reader_bits(reader);
    cJSON *blocks = cJSON_AddObjectToObject(facts, "blocks");
    for (int i = 0; i <= RAVEL_ENTROPY_PRIOR; i++)
        cJSON_AddNumberToObject(blocks, i > 0 ? entropy_names[i] : "packed",
                                (double)bits.n_blocks[i]);
    if (contents->blind || contents->n_frames == 0 ||
        bits.n_codes[0] != contents->n_frames * info->n_streams * info->steps_per_frame[0])
        return;
    cJSON *entropy = cJSON_AddArrayToObject(facts, "entropy_bits_per_code");
    cJSON *spent = cJSON_AddArrayToObject(facts, "spent_bits_per_code");
    cJSON *saving = cJSON_AddArrayToObject(facts, "saving_percent");
    const uint32_t *counts = contents->counts;
    double all = 0.0, all_packed = 0.0;
    for (int k = 0; k < contents->most_codebooks; counts += info->codebook_size[k++]) {
        double n = (double)bits.n_codes[k];
        cJSON_AddItemToArray(entropy, rounded(counted_entropy(counts, info->codebook_size[k])));
        cJSON_AddItemToArray(spent, rounded(n > 0.0 ? bits.bits[k] / n : 0.0));
        cJSON_AddItemToArray(saving, rounded(percent_saved(bits.bits[k], bits.packed_bits[k])));
        all += bits.bits[k];
        all_packed += bits.packed_bits[k];
    }
    cJSON_AddItemToObject(facts, "saving_percent_of_all", rounded(percent_saved(all, all_packed)));
}

static void add_header(cJSON *facts, const ravel_stream_info *info)
{
    cJSON_AddStringToObject(facts, "model", info->model_name);
    add_hex(facts, "tokenizer_identity", info->tokenizer_identity, sizeof info->tokenizer_identity);
    add_hex(facts, "prior_identity", info->prior_identity, sizeof info->prior_identity);
    cJSON_AddNumberToObject(facts, "sample_rate_hz", info->sample_rate_hz);
    cJSON_AddNumberToObject(facts, "channels", info->channels);
    cJSON_AddNumberToObject(facts, "streams", info->n_streams);
    cJSON_AddNumberToObject(facts, "hop_samples", info->hop_samples);
    cJSON_AddNumberToObject(facts, "pre_skip_samples", info->pre_skip_samples);
    add_codebooks(facts, info->n_codebooks, info->codebook_size, info->steps_per_frame);
    cJSON *tags = cJSON_AddArrayToObject(facts, "tags");
    for (int i = 0; i < info->n_tags; i++)
        cJSON_AddItemToArray(tags, cJSON_CreateString(info->tags[i]));
}

static void add_contents(cJSON *facts, const ravel_stream_reader *reader,
                         const stream_contents *contents)
{
    const ravel_stream_info *info = ravel_stream_reader_info(reader);
    double seconds = (double)info->n_samples / info->sample_rate_hz;
    double frame_s = (double)info->hop_samples / info->sample_rate_hz;
    int64_t blocks, file;
    ravel_stream_reader_bytes(reader, &blocks, &file);
    cJSON_AddNumberToObject(facts, "samples", (double)info->n_samples);
    cJSON_AddNumberToObject(facts, "duration_s", seconds);
    cJSON_AddNumberToObject(facts, "frames", (double)contents->n_frames);
    cJSON_AddNumberToObject(facts, "least_codebooks_used", contents->least_codebooks);
    cJSON_AddNumberToObject(facts, "most_codebooks_used", contents->most_codebooks);
    cJSON_AddNumberToObject(facts, "block_bytes", (double)blocks);
    cJSON_AddNumberToObject(facts, "file_bytes", (double)file);
    if (contents->n_frames > 0)
        cJSON_AddNumberToObject(facts, "block_bitrate_bps",
                                8.0 * (double)blocks / (frame_s * (double)contents->n_frames));
    if (seconds > 0.0)
        cJSON_AddNumberToObject(facts, "file_bitrate_bps", 8.0 * (double)file / seconds);
}

static bool add_damage(cJSON *facts, const ravel_stream_reader *reader)
{
    ravel_stream_damage damage = ravel_stream_reader_damage(reader);
    bool header = ravel_stream_reader_info(reader)->header_damaged != 0;
    cJSON_AddNumberToObject(facts, "damaged_blocks", (double)damage.damaged_blocks);
    cJSON_AddNumberToObject(facts, "lost_frames", (double)damage.lost_frames);
    cJSON_AddNumberToObject(facts, "skipped_bytes", (double)damage.skipped_bytes);
    cJSON_AddNumberToObject(facts, "foreign_pages", (double)damage.foreign_pages);
    cJSON_AddBoolToObject(facts, "header_damaged", header);
    cJSON_AddBoolToObject(facts, "truncated", damage.truncated != 0);
    return damage.damaged_blocks > 0 || damage.skipped_bytes > 0 || header || damage.truncated;
}

/* The delay is the model's; it is told where the model at hand is the stream's. */
static void add_delay(cJSON *facts, const ravel_stream_info *stream, ravel_tool_options *options)
{
    ravel_error error;
    const ravel_model *model = ravel_tool_model(options, &error);
    const ravel_model_info *info = model != NULL ? ravel_model_get_info(model) : NULL;
    if (info != NULL && memcmp(info->tokenizer_identity, stream->tokenizer_identity,
                               sizeof stream->tokenizer_identity) == 0)
        cJSON_AddNumberToObject(facts, "delay_ms",
                                1e3 * info->delay_samples / info->sample_rate_hz);
}

static bool names_prior(const ravel_stream_info *stream)
{
    static const uint8_t none[sizeof stream->prior_identity];
    return memcmp(stream->prior_identity, none, sizeof none) != 0;
}

/* Whether the blocks of a stream can be told only by this model's prior, and it has it. */
static bool needs_prior_of(const ravel_stream_info *stream, const ravel_model *model)
{
    const ravel_model_info *info = model != NULL ? ravel_model_get_info(model) : NULL;
    return info != NULL && names_prior(stream) &&
           memcmp(stream->prior_identity, info->prior_identity, sizeof stream->prior_identity) ==
               0 &&
           memcmp(stream->tokenizer_identity, info->tokenizer_identity,
                  sizeof stream->tokenizer_identity) == 0;
}

/*
 * Any stream. The model at hand is asked where it helps: where the header is lost, or codes are
 * coded with its prior. A pipe cannot be opened twice.
 */
static ravel_stream_reader *open_stream(const char *path, info_options *options, bool *blind,
                                        ravel_error *error)
{
    ravel_stream_reader *reader = ravel_stream_reader_open(path, NULL, error);
    ravel_error ignored;
    *blind = reader != NULL && names_prior(ravel_stream_reader_info(reader));
    if (strcmp(path, "-") == 0 || (reader == NULL && error->status != RAVEL_ERR_DATA))
        return reader;
    const ravel_model *model = ravel_tool_model(&options->common, &ignored);
    if (reader != NULL && !needs_prior_of(ravel_stream_reader_info(reader), model))
        return reader;
    ravel_stream_reader_close(reader);
    *blind = false;
    if (model == NULL)
        return NULL;
    /* Where it was asked for, what it says of the file is what matters. */
    ravel_error *told = options->common.model_path != NULL ? error : &ignored;
    return ravel_stream_reader_open_codebooks(path, model, options->n_codebooks, told);
}

static int stream_facts(cJSON *facts, const char *path, info_options *options, ravel_error *error)
{
    stream_contents contents = {0};
    ravel_stream_reader *reader = open_stream(path, options, &contents.blind, error);
    if (reader == NULL)
        return (int)error->status;
    int status = read_contents(reader, &contents, error);
    if (status == 0) {
        const ravel_stream_info *info = ravel_stream_reader_info(reader);
        add_header(facts, info);
        add_contents(facts, reader, &contents);
        add_bits(facts, reader, &contents);
        add_delay(facts, info, &options->common);
        if (add_damage(facts, reader))
            status = ravel_error_set(error, RAVEL_ERR_DATA, "'%s' is damaged", path);
    }
    free(contents.counts);
    ravel_stream_reader_close(reader);
    return status;
}

/* --- The verb --------------------------------------------------------------------------------- */

/* A model begins with the length of its JSON header, which begins with a brace. */
static bool looks_like_model(const char *path)
{
    char head[9] = "";
    FILE *file = strcmp(path, "-") == 0 ? NULL : fopen(path, "rb");
    if (file == NULL)
        return false;
    size_t n = fread(head, 1, sizeof head, file);
    fclose(file);
    return n == sizeof head && head[8] == '{';
}

static int collect(cJSON *facts, const char *path, info_options *options, ravel_error *error)
{
    if (path != NULL && looks_like_model(path))
        return model_file_facts(facts, path, error);
    if (path != NULL)
        return stream_facts(facts, path, options, error);
    const ravel_model *model = ravel_tool_model(&options->common, error);
    if (model == NULL)
        return RAVEL_ERR_MODEL;
    add_model(facts, model);
    return 0;
}

static int run(const char *path, info_options *options)
{
    ravel_error error = {0};
    cJSON *facts = cJSON_CreateObject();
    int status = collect(facts, path, options, &error);
    const bool found = facts != NULL && facts->child != NULL;
    if (found && !options->json)
        print_text(facts);
    else if (found && ravel_tool_print_json(facts) < 0 && status == 0)
        status = ravel_error_memory(&error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    cJSON_Delete(facts);
    return ravel_tool_exit_code(status);
}

enum { OPT_JSON = RAVEL_TOOL_OWN };

/* return    1 taken, 0 not one of these, -1 a bad value */
static int own_option(void *context, int letter, const char *value)
{
    info_options *options = context;
    switch (letter) {
    case 'b':
        return ravel_tool_double(value, 1e-3, 1e6, &options->kbps) ? 1 : -1;
    case OPT_JSON:
        options->json = true;
        return 1;
    default:
        return 0;
    }
}

/* return    an exit code */
static int find_codebooks(info_options *options)
{
    if (options->kbps <= 0.0)
        return RAVEL_EXIT_DONE;
    const ravel_model *model = ravel_tool_need_model(&options->common);
    return model != NULL ? ravel_tool_codebooks("info", model, options->kbps, &options->n_codebooks)
                         : RAVEL_EXIT_MODEL;
}

int ravel_tool_info(int argc, char **argv)
{
    static const struct option long_options[] = {{"json", no_argument, NULL, OPT_JSON},
                                                 {"bitrate", required_argument, NULL, 'b'},
                                                 {"model", required_argument, NULL, 'm'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    static const ravel_tool_own_options own = {"b:m:h", long_options, usage, own_option};
    info_options options = {.common = ravel_tool_options_new()};
    int code = ravel_tool_read_options(&options.common, &own, &options, argc, argv);
    if (code >= 0)
        return code;
    if (argc - optind > 1)
        return ravel_tool_usage_error("info", "one file at a time");
    code = find_codebooks(&options);
    if (code == RAVEL_EXIT_DONE)
        code = run(optind < argc ? argv[optind] : NULL, &options);
    ravel_tool_options_free(&options.common);
    return code;
}
