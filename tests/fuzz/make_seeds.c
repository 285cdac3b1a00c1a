/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     make_seeds DIRECTORY
 *
 * Writes valid inputs for the fuzz targets into DIRECTORY/model, /stream, /packet and /wav.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio_io/wav.h"
#include "ravel/io.h"
#include "tests/support/sound.h"
#include "tests/support/tiny_model.h"

enum { N_SAMPLES = 16000, MAX_CODES = 1 << 16, PATH = 1024 };

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

/* Codes of a second of sound. return: frames */
static int make_codes(const ravel_model *model, uint16_t *codes)
{
    static float pcm[N_SAMPLES];
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    ravel_encoder *encoder = ravel_encoder_new(model, info->n_codebooks);
    int per_frame = ravel_model_codes_per_frame(model, info->n_codebooks);
    ravel_test_speech(pcm, N_SAMPLES, info->sample_rate_hz, 9);
    int n = ravel_encoder_push(encoder, scratch, pcm, N_SAMPLES / info->channels, codes,
                               MAX_CODES / per_frame);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    return n;
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

static void make_streams(const char *folder, const ravel_model *model, const uint16_t *codes,
                         int n_frames)
{
    static const char *const tags[] = {"TITLE=a seed"};
    const ravel_model_info *info = ravel_model_get_info(model);
    ravel_stream_format format = {.n_streams = 1,
                                  .n_codebooks = info->n_codebooks,
                                  .block_frames = 7,
                                  .tags = tags,
                                  .n_tags = 1};
    char path[PATH];
    ravel_error error;
    snprintf(path, sizeof path, "%s/plain", folder);
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
    save(folder, "plain", "0", stream, size);
    save(folder, "with-model", "1", stream, size);
    save(folder, "with-seek", "3", stream, size);
    free(stream);
}

static void make_packets(const char *folder, const ravel_model *model, const uint16_t *codes)
{
    int n_codebooks = ravel_model_get_info(model)->n_codebooks;
    for (int n_frames = 1; n_frames <= RAVEL_PACKET_MAX_FRAMES; n_frames++) {
        char name[16];
        uint8_t packet[1024];
        int size = ravel_packet_write(model, codes, n_frames, n_codebooks, packet, sizeof packet);
        if (size > 0) {
            snprintf(name, sizeof name, "%d-frames", n_frames);
            save(folder, name, "", packet, (size_t)size);
        }
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

int main(int argc, char **argv)
{
    static const char *const names[] = {"model", "stream", "packet", "wav"};
    static uint16_t codes[MAX_CODES];
    char folders[4][PATH];
    if (argc != 2) {
        fputs("usage: make_seeds DIRECTORY\n", stderr);
        return 2;
    }
    mkdir(argv[1], 0777);
    for (int i = 0; i < 4; i++) {
        snprintf(folders[i], PATH, "%s/%s", argv[1], names[i]);
        mkdir(folders[i], 0777);
    }
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    int n_frames = make_codes(model, codes);
    make_models(folders[0]);
    make_streams(folders[1], model, codes, n_frames);
    make_packets(folders[2], model, codes);
    make_wavs(folders[3]);
    ravel_model_free(model);
    return 0;
}
