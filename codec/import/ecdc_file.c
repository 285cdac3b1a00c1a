/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * .ecdc, the files of EnCodec's own tool: "ECDC", a version, a length and so much JSON,
 *
 *     {"m": NAME OF THE MODEL, "al": SAMPLES, "nc": CODEBOOKS, "lm": CODED WITH THE LANGUAGE MODEL}
 *
 * then, for each segment (the 24 kHz model has one), its level as a big-endian float32 where the
 * model has levels, and its codes, step after step, codebook after codebook, least significant bit
 * first, filled up to a byte.
 *
 * Codes that went through the language model cannot be read: what it computes in floating point
 * would have to be the same here to the last bit.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "codec/import/code_file.h"
#include "nn/error.h"

enum { HEAD_BYTES = 9, MAX_JSON = 4096, LEVEL_BYTES = 4 };
enum { STEPS, LEVEL_HIGH, LEVEL_LOW, SEGMENT_CODEBOOKS }; /* before the codes of a segment */

/* --- The shape of a model's codes ------------------------------------------------------------- */

/* A frame of Ravel is a segment, of several steps, or one step of the only segment. */
typedef struct {
    int first; /* codebook that is in the file, after those that tell of the segment */
    int steps; /* of a frame */
    int code_bits;
    int64_t hop, length; /* of a frame: samples from one to the next, samples at most */
} ecdc_shape;

/* The models that EnCodec's tool knows. */
static bool is_known(const char *name)
{
    return strcmp(name, "encodec_24khz") == 0 || strcmp(name, "encodec_48khz") == 0;
}

static int find_shape(const ravel_model *model, ecdc_shape *shape, ravel_error *error)
{
    const ravel_layout *layout = &model->layout;
    const int last = layout->n_codebooks - 1;
    shape->steps = layout->steps_per_frame[last];
    shape->first = shape->steps > 1 ? SEGMENT_CODEBOOKS : 0;
    shape->code_bits = ravel_code_bits(layout->codebook_size[last]);
    shape->hop = model->info.hop_samples;
    shape->length = shape->hop + (shape->first ? model->info.encoder_lookahead_samples : 0);
    bool fits = is_known(model->name) && shape->first <= last &&
                (shape->first == 0 || (layout->codebook_size[STEPS] == shape->steps + 1 &&
                                       layout->codebook_size[LEVEL_HIGH] == 65536 &&
                                       layout->codebook_size[LEVEL_LOW] == 65536));
    for (int b = shape->first; fits && b <= last; b++)
        fits = layout->steps_per_frame[b] == shape->steps &&
               layout->codebook_size[b] == 1 << shape->code_bits;
    if (fits)
        return RAVEL_OK;
    return ravel_error_set(
        error, RAVEL_ERR_MODEL,
        "an .ecdc file holds codes of encodec_24khz or encodec_48khz, not of '%s'", model->name);
}

/* Frames that n samples make. */
static int64_t count_frames(const ecdc_shape *shape, int64_t n_samples)
{
    return n_samples / shape->hop + (n_samples % shape->hop != 0);
}

/* Steps of frame f, the last of which may be short. */
static int count_steps(const ecdc_shape *shape, int64_t n_samples, int64_t f)
{
    const int64_t left = n_samples - f * shape->hop;
    const int64_t n = left < shape->length ? left : shape->length;
    return (int)((n * shape->steps + shape->length - 1) / shape->length);
}

/* --- Bits, least significant first ------------------------------------------------------------ */

typedef struct {
    uint8_t *to;         /* of a writer; NULL of one that only counts */
    const uint8_t *from; /* of a reader */
    size_t bit;
} ecdc_bits;

static unsigned get_bits(ecdc_bits *bits, int n)
{
    unsigned value = 0;
    for (int i = 0; i < n; i++, bits->bit++)
        value |= (unsigned)(bits->from[bits->bit / 8] >> bits->bit % 8 & 1) << i;
    return value;
}

static void put_bits(ecdc_bits *bits, unsigned value, int n)
{
    for (int i = 0; i < n; i++, bits->bit++) {
        if (value >> i & 1)
            bits->to[bits->bit / 8] |= (uint8_t)(1 << bits->bit % 8);
    }
}

static void align(ecdc_bits *bits)
{
    bits->bit = (bits->bit + 7) / 8 * 8;
}

/* Two bytes, the greater first. */
static unsigned get_half(ecdc_bits *bits)
{
    const uint8_t *at = bits->from + bits->bit / 8;
    bits->bit += 16;
    return (unsigned)at[0] << 8 | at[1];
}

static void put_half(ecdc_bits *bits, unsigned value)
{
    uint8_t *at = bits->to + bits->bit / 8;
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)(value & 255);
    bits->bit += 16;
}

/* Bytes of all frames; n_samples below 2^53. */
static uint64_t body_bytes(const ecdc_shape *shape, int64_t n_samples, int n_codebooks)
{
    const int64_t n_frames = count_frames(shape, n_samples);
    const uint64_t step_bits = (uint64_t)n_codebooks * (uint64_t)shape->code_bits;
    if (shape->first == 0)
        return ((uint64_t)n_frames * step_bits + 7) / 8;
    const uint64_t whole = LEVEL_BYTES + ((uint64_t)shape->steps * step_bits + 7) / 8;
    uint64_t sum = 0;
    for (int64_t f = n_frames - 1; f >= 0; f--) { /* the last ones may be short */
        const int steps = count_steps(shape, n_samples, f);
        if (steps == shape->steps)
            return sum + (uint64_t)(f + 1) * whole;
        sum += LEVEL_BYTES + ((uint64_t)steps * step_bits + 7) / 8;
    }
    return sum;
}

/* --- Header ----------------------------------------------------------------------------------- */

typedef struct {
    int64_t n_samples;
    int n_codebooks;
    size_t size; /* bytes before the body */
} ecdc_header;

static int bad_header(const char *what, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA, "the .ecdc header %s", what);
}

static int use_json(const ravel_model *model, const cJSON *json, ecdc_header *header,
                    ravel_error *error)
{
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, "m"));
    const cJSON *length = cJSON_GetObjectItemCaseSensitive(json, "al");
    const cJSON *count = cJSON_GetObjectItemCaseSensitive(json, "nc");
    const cJSON *coded = cJSON_GetObjectItemCaseSensitive(json, "lm");
    if (!name || !cJSON_IsNumber(length) || !cJSON_IsNumber(count) || !cJSON_IsBool(coded))
        return bad_header("does not tell model, length, codebooks and coding", error);
    if (!(length->valuedouble >= 0.0 && length->valuedouble <= 0x1p52) ||
        !(count->valuedouble >= 1.0 && count->valuedouble <= RAVEL_MAX_CODEBOOKS))
        return bad_header("tells an impossible length, or number of codebooks", error);
    if (strcmp(name, model->name) != 0)
        return ravel_error_set(error, RAVEL_ERR_MODEL, "made with the model '%.60s', not with '%s'",
                               name, model->name);
    if (cJSON_IsTrue(coded))
        return ravel_error_set(
            error, RAVEL_ERR_DATA,
            "coded with EnCodec's language model, whose arithmetic is that of the "
            "machine that wrote it: only .ecdc files without it can be read");
    header->n_samples = (int64_t)length->valuedouble;
    header->n_codebooks = (int)count->valuedouble;
    return RAVEL_OK;
}

static int read_header(const ravel_model *model, const uint8_t *bytes, size_t size,
                       ecdc_header *header, ravel_error *error)
{
    char text[MAX_JSON + 1];
    if (size < HEAD_BYTES || memcmp(bytes, "ECDC", 4) != 0)
        return ravel_error_set(error, RAVEL_ERR_DATA, "not an .ecdc file");
    if (bytes[4] != 0)
        return ravel_error_set(error, RAVEL_ERR_VERSION, "version %d of .ecdc is not known",
                               bytes[4]);
    const uint32_t n =
        (uint32_t)bytes[5] << 24 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 8 | bytes[8];
    if (n > MAX_JSON || n > size - HEAD_BYTES)
        return bad_header("is longer than the file, or absurdly long", error);
    memcpy(text, bytes + HEAD_BYTES, n);
    text[n] = '\0';
    header->size = HEAD_BYTES + n;
    cJSON *json = cJSON_ParseWithOpts(text, NULL, 1);
    int status = cJSON_IsObject(json) ? use_json(model, json, header, error)
                                      : bad_header("is not a JSON object", error);
    cJSON_Delete(json);
    return status;
}

/* The header's bytes as EnCodec writes them, to the last space. */
static size_t write_header(const ravel_model *model, int64_t n_samples, int n_codebooks,
                           uint8_t head[HEAD_BYTES + MAX_JSON])
{
    char *text = (char *)head + HEAD_BYTES;
    const int n =
        snprintf(text, MAX_JSON, "{\"m\": \"%s\", \"al\": %lld, \"nc\": %d, \"lm\": false}",
                 model->name, (long long)n_samples, n_codebooks);
    memcpy(head, "ECDC", 4);
    head[4] = 0;
    for (int i = 0; i < 4; i++)
        head[5 + i] = (uint8_t)((unsigned)n >> (24 - 8 * i) & 255);
    return HEAD_BYTES + (size_t)n;
}

/* --- Body ------------------------------------------------------------------------------------- */

/* codes of a frame stand codebook after codebook, those of the file step after step. */
static void read_frame(const ecdc_shape *shape, ecdc_bits *bits, int n_codebooks, int n_steps,
                       uint16_t *codes)
{
    if (shape->first) {
        codes[STEPS] = (uint16_t)n_steps;
        codes[LEVEL_HIGH] = (uint16_t)get_half(bits);
        codes[LEVEL_LOW] = (uint16_t)get_half(bits);
        codes += shape->first;
    }
    for (int t = 0; t < n_steps; t++) {
        for (int b = 0; b < n_codebooks; b++)
            codes[b * shape->steps + t] = (uint16_t)get_bits(bits, shape->code_bits);
    }
    if (shape->first)
        align(bits);
}

static void write_frame(const ecdc_shape *shape, ecdc_bits *bits, int n_codebooks, int n_steps,
                        const uint16_t *codes)
{
    if (shape->first) {
        put_half(bits, codes[LEVEL_HIGH]);
        put_half(bits, codes[LEVEL_LOW]);
        codes += shape->first;
    }
    for (int t = 0; t < n_steps; t++) {
        for (int b = 0; b < n_codebooks; b++)
            put_bits(bits, codes[b * shape->steps + t], shape->code_bits);
    }
    if (shape->first)
        align(bits);
}

static int check_size(const ecdc_shape *shape, const ecdc_header *header, size_t size,
                      ravel_error *error)
{
    const uint64_t body = body_bytes(shape, header->n_samples, header->n_codebooks);
    if (body == size - header->size)
        return RAVEL_OK;
    return ravel_error_set(
        error, RAVEL_ERR_DATA, "%zu bytes of codes, where %llu make up %lld samples",
        size - header->size, (unsigned long long)body, (long long)header->n_samples);
}

static int ecdc_read(const ravel_model *model, const uint8_t *bytes, size_t size,
                     ravel_code_list *list, ravel_error *error)
{
    ecdc_shape shape;
    ecdc_header header = {0};
    int status = find_shape(model, &shape, error);
    if (status == 0)
        status = read_header(model, bytes, size, &header, error);
    if (status == 0 && header.n_codebooks > model->layout.n_codebooks - shape.first)
        status = bad_header("tells more codebooks than the model has", error);
    if (status == 0)
        status = check_size(&shape, &header, size, error); /* so memory is bounded by the file */
    if (status)
        return status;
    const int64_t n_frames = count_frames(&shape, header.n_samples);
    const size_t frame = (size_t)shape.first + (size_t)header.n_codebooks * (size_t)shape.steps;
    if (n_frames > INT_MAX)
        return bad_header("tells more frames than there can be", error);
    list->codes = calloc((size_t)n_frames + 1, frame * sizeof *list->codes);
    if (!list->codes)
        return ravel_error_memory(error);
    ecdc_bits bits = {.from = bytes + header.size};
    for (int64_t f = 0; f < n_frames; f++)
        read_frame(&shape, &bits, header.n_codebooks, count_steps(&shape, header.n_samples, f),
                   list->codes + (size_t)f * frame);
    list->n_codebooks = shape.first + header.n_codebooks;
    list->n_frames = (int)n_frames;
    list->n_samples = header.n_samples;
    return RAVEL_OK;
}

static int ecdc_check(const ravel_model *model, int n_codebooks, ravel_error *error)
{
    ecdc_shape shape;
    int status = find_shape(model, &shape, error);
    if (status)
        return status;
    if (n_codebooks > shape.first)
        return RAVEL_OK;
    return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%d codebooks hold no sound; %d at least",
                           n_codebooks, shape.first + 1);
}

static int ecdc_write(const ravel_model *model, const ravel_code_list *list, uint8_t **bytes,
                      size_t *size, ravel_error *error)
{
    ecdc_shape shape;
    uint8_t head[HEAD_BYTES + MAX_JSON];
    int status = find_shape(model, &shape, error);
    if (status)
        return status;
    const int n_codebooks = list->n_codebooks - shape.first;
    const size_t n_head = write_header(model, list->n_samples, n_codebooks, head);
    *size = n_head + (size_t)body_bytes(&shape, list->n_samples, n_codebooks);
    *bytes = calloc(*size, 1);
    if (!*bytes)
        return ravel_error_memory(error);
    memcpy(*bytes, head, n_head);
    ecdc_bits bits = {.to = *bytes + n_head};
    const size_t frame = (size_t)shape.first + (size_t)n_codebooks * (size_t)shape.steps;
    for (int f = 0; f < list->n_frames; f++)
        write_frame(&shape, &bits, n_codebooks, count_steps(&shape, list->n_samples, f),
                    list->codes + (size_t)f * frame);
    return RAVEL_OK;
}

const ravel_code_file ravel_ecdc_file = {".ecdc", ecdc_read, ecdc_check, ecdc_write};
