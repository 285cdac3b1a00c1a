/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     make_seeds DIRECTORY
 *
 * Writes valid inputs for the fuzz targets into DIRECTORY/model, /stream, /block, /packet, /wav,
 * /payload, /description and /import.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio_io/file/wav.h"
#include "codec/import/import.h"
#include "ravel/io.h"
#include "tests/support/coded_blocks.h"
#include "tests/support/small_checkpoints.h"
#include "tests/support/tiny_model.h"

enum { MAX_CODES = 1 << 16, PATH = 1024, SEED_FRAMES = 40, FOLDERS = 8 };

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

/* prefix: bytes before the data, for the targets that want some */
static void save(const char *folder, const char *name, const char *prefix, const void *data,
                 size_t size)
{
    char path[PATH];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (file == NULL || fwrite(prefix, 1, strlen(prefix), file) != strlen(prefix) ||
        fwrite(data, 1, size, file) != size || fclose(file) != 0) {
        fail(path);
    }
}

static void make_models(const char *folder)
{
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        size_t size;
        void *model = ravel_test_model((ravel_tiny_kind)kind, &size);
        save(folder, ravel_tiny_name((ravel_tiny_kind)kind), "", model, size);
        free(model);
    }
}

/* What a checkpoint becomes. */
static void make_import(const char *folder, const char *name, const char *config,
                        const void *checkpoint, size_t size)
{
    ravel_error error;
    ravel_import_source source = {.weights = checkpoint,
                                  .weights_size = size,
                                  .config = config,
                                  .config_size = strlen(config)};
    void *model;
    size_t model_size;
    if (ravel_import(NULL, &source, &model, &model_size, &error)) {
        fprintf(stderr, "make_seeds: %s: %s\n", name, error.text);
        exit(1);
    }
    save(folder, name, "", model, model_size);
    free(model);
}

/* Behind its configuration, and that behind its length. */
static void save_checkpoint(const char *folder, const char *name, const char *config,
                            const void *checkpoint, size_t size)
{
    const size_t n = strlen(config);
    uint8_t *seed = malloc(2 + n + size);
    if (seed == NULL) {
        fail("a checkpoint");
    }
    seed[0] = (uint8_t)(n & 255);
    seed[1] = (uint8_t)(n >> 8);
    memcpy(seed + 2, config, n);
    memcpy(seed + 2 + n, checkpoint, size);
    save(folder, name, "", seed, 2 + n + size);
    free(seed);
}

/* One of each kind, and the models that they become; and of models the one that has all parts. */
static void make_checkpoints(const char *folder, const char *models)
{
    size_t size;
    for (int i = 0; ravel_small_name(i); i++) {
        const char *name = ravel_small_name(i), *config = ravel_small_config(i);
        void *checkpoint = ravel_small_checkpoint(i, &size);
        save_checkpoint(folder, name, config, checkpoint, size);
        make_import(models, name, config, checkpoint, size);
        free(checkpoint);
    }
    void *model = ravel_test_model(RAVEL_TINY_PRIOR, &size);
    save_checkpoint(folder, "ravel", "", model, size);
    free(model);
}

static void *load(const char *path, size_t *size)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (file == NULL || stat(path, &status) != 0) {
        fail(path);
    }
    *size = (size_t)status.st_size;
    void *data = malloc(*size);
    if (data == NULL || fread(data, 1, *size, file) != *size) {
        fail(path);
    }
    fclose(file);
    return data;
}

static void make_stream(const char *folder, const ravel_model *model, const uint16_t *codes,
                        int n_frames, ravel_entropy entropy)
{
    static const char *const tags[] = {"TITLE=a seed"};
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_stream_format format = {.n_streams = 1,
                                  .n_codebooks = info->n_codebooks,
                                  .block_frames = 7,
                                  .tags = tags,
                                  .n_tags = 1,
                                  .entropy = entropy};
    char path[PATH], name[32];
    ravel_error error;
    snprintf(path, sizeof path, "%s/seed.rvl", folder);
    ravel_stream_writer *writer = ravel_stream_writer_open(path, model, &format, &error);
    if (writer == NULL ||
        ravel_stream_writer_write(writer, codes, n_frames, n_frames, &error) < 0 ||
        ravel_stream_writer_close(writer, (int64_t)n_frames * info->hop_samples, NULL, &error) <
            0) {
        fprintf(stderr, "make_seeds: %s\n", error.text);
        exit(1);
    }
    size_t size;
    void *stream = load(path, &size);
    remove(path);
    snprintf(name, sizeof name, "plain-%d", (int)entropy);
    save(folder, name, "0", stream, size);
    snprintf(name, sizeof name, "with-model-%d", (int)entropy);
    save(folder, name, "1", stream, size);
    snprintf(name, sizeof name, "with-seek-%d", (int)entropy);
    save(folder, name, "3", stream, size);
    free(stream);
}

/* Codes that the coders expect, so that blocks are coded. */
static void make_streams(const char *folder, const ravel_model *model)
{
    static uint16_t codes[MAX_CODES];
    const ravel_code_models models = ravel_model_code_models(model);
    for (int entropy = RAVEL_ENTROPY_NONE; entropy <= RAVEL_ENTROPY_PRIOR; entropy++) {
        const int kind =
            entropy == RAVEL_ENTROPY_PRIOR ? RAVEL_PAYLOAD_PRIOR : RAVEL_PAYLOAD_STATIC;
        uint64_t seed = 1;
        ravel_test_told_codes(&models, (ravel_payload)kind, 1, &seed, SEED_FRAMES,
                              model->info.n_codebooks, codes);
        make_stream(folder, model, codes, SEED_FRAMES, (ravel_entropy)entropy);
    }
}

/* One block of each kind, and all of them in one input, each behind its length. */
static void make_blocks(const char *folder, const ravel_model *model)
{
    static uint16_t codes[MAX_CODES];
    const ravel_code_models models = ravel_model_code_models(model);
    ravel_block_coder *coder = ravel_block_coder_new(&models, 1);
    uint8_t all[8192];
    size_t n_all = 0;
    for (int kind = RAVEL_PAYLOAD_PACKED; kind < RAVEL_PAYLOADS; kind++) {
        const int n_codebooks = model->info.n_codebooks, n_frames = 20 + kind;
        const ravel_block_info info = {
            .kind = kind, .n_codebooks = n_codebooks, .n_frames = n_frames};
        uint8_t *block = all + n_all;
        char name[16];
        uint64_t seed = 1;
        ravel_test_told_codes(&models, (ravel_payload)kind, 1, &seed, n_frames, n_codebooks, codes);
        const int size = ravel_block_coder_write(coder, &info, codes, block + 2, 2048);
        if (size < 0)
            fail("a block");
        block[0] = (uint8_t)(size & 255);
        block[1] = (uint8_t)(size >> 8);
        n_all += (size_t)size + 2;
        snprintf(name, sizeof name, "kind-%d", kind);
        save(folder, name, "", block, (size_t)size + 2);
    }
    save(folder, "all", "", all, n_all);
    ravel_block_coder_free(coder);
}

static void make_packets(const char *folder, const ravel_model *model)
{
    const ravel_code_models models = ravel_model_code_models(model);
    const int n_codebooks = model->info.n_codebooks;
    for (int n_frames = 1; n_frames <= RAVEL_PACKET_MAX_FRAMES; n_frames++) {
        uint16_t codes[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
        uint8_t packet[1024];
        char name[16];
        uint64_t seed = 1;
        ravel_test_told_codes(&models, RAVEL_PAYLOAD_STATIC, 1, &seed, n_frames, n_codebooks,
                              codes);
        int size = ravel_packet_write(model, codes, n_frames, n_codebooks, packet, sizeof packet);
        snprintf(name, sizeof name, "%d-frames", n_frames);
        save(folder, name, "", packet, (size_t)size);
        size = ravel_packet_write_coded(model, codes, n_frames, n_codebooks, packet, sizeof packet);
        snprintf(name, sizeof name, "%d-coded", n_frames);
        save(folder, name, "", packet, (size_t)size);
    }
}

/* A packet alone, behind one of an earlier frame, and of silence; each as a payload (prefix 0), and
 * as what a receiver gets in a packet (prefix 1, numbers, length). */
static void make_payloads(const char *folder, const ravel_model *model)
{
    static const uint8_t first[3][2] = {{0}, {0xc1}, {0xc0}};
    static const int n_first[3] = {0, 1, 1};
    const uint16_t codes[RAVEL_MAX_CODEBOOKS] = {0};
    for (int kind = 0; kind < 3; kind++) {
        uint8_t data[256] = {1, 1, 5, 100, 8, 0}, *payload = data + 6;
        char name[16];
        int n = n_first[kind];
        memcpy(payload, first[kind], sizeof first[kind]);
        if (kind == 1)
            n += ravel_packet_write(model, codes, 1, 1, payload + n, 64);
        n += ravel_packet_write(model, codes, 1, model->info.n_codebooks, payload + n, 64);
        data[5] = (uint8_t)n;
        snprintf(name, sizeof name, "payload-%d", kind);
        save(folder, name, "0", payload, (size_t)n);
        snprintf(name, sizeof name, "received-%d", kind);
        save(folder, name, "1", data, (size_t)n + 6);
    }
}

static void make_wavs(const char *folder)
{
    static const int bits[] = {16, 24, 32, -32};
    for (size_t i = 0; i < sizeof bits / sizeof *bits; i++) {
        char name[16];
        uint8_t header[RAVEL_WAV_HEADER_BYTES];
        size_t size = ravel_wav_header(44100, 2, bits[i], 4000, header);
        snprintf(name, sizeof name, "%d-bits", bits[i]);
        save(folder, name, "", header, size);
    }
}

/* As a call offers itself, with keys of each kind; the first letter is what is allowed. */
static void make_descriptions(const char *folder)
{
    static const char head[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\n"
                               "t=0 0\r\nm=audio 4000 ";
    static const char rest[] = " 96 97\r\na=rtpmap:96 ravel/24000\r\na=rtpmap:97 opus/48000/2\r\n"
                               "a=fmtp:96 version=1;tokenizer=0123456789abcdef\r\n"
                               "a=rtcp-mux\r\na=sendrecv\r\n";
    static const char *const keys[3][2] = {
        {"UDP/TLS/RTP/SAVP",
         "a=setup:actpass\r\na=fingerprint:sha-256 00:11:22:33:44:55:66:77:88:99:"
         "AA:BB:CC:DD:EE:FF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF\r\n"},
        {"RTP/SAVP", "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
                     "inline:MTIzNDU2Nzg5MDEyMzQ1Njc4OTAxMjM0NTY3ODkw\r\n"},
        {"RTP/AVP", ""}};
    for (int i = 0; i < 3; i++) {
        char text[1024], name[2] = {(char)('0' + i)};
        int n = snprintf(text, sizeof text, "%s%s%s%s", head, keys[i][0], rest, keys[i][1]);
        save(folder, name, name, (const uint8_t *)text, (size_t)n);
    }
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"model", "stream",  "packet",      "wav",
                                        "block", "payload", "description", "import"};
    char folders[FOLDERS][PATH];
    if (argc != 2) {
        fputs("usage: make_seeds DIRECTORY\n", stderr);
        return 2;
    }
    mkdir(argv[1], 0777);
    for (int i = 0; i < FOLDERS; i++) {
        snprintf(folders[i], PATH, "%s/%s", argv[1], names[i]);
        mkdir(folders[i], 0777);
    }
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    make_models(folders[0]);
    make_streams(folders[1], model);
    make_blocks(folders[4], model);
    make_packets(folders[2], model);
    make_wavs(folders[3]);
    make_payloads(folders[5], model);
    make_descriptions(folders[6]);
    make_checkpoints(folders[7], folders[0]);
    ravel_model_free(model);
    return 0;
}
