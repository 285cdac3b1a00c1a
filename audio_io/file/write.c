/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Audio out. WAV and raw samples are written here, the same way to files and pipes; the other
 * formats by libsndfile through callbacks, so that a failed write is noticed whatever the encoder
 * makes of it.
 */
#include <sndfile.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "audio_io/file/outfile.h"
#include "audio_io/file/pcm.h"
#include "audio_io/file/wav.h"
#include "nn/error.h"
#include "ravel/io.h"

enum { CHUNK_VALUES = 1 << 14 };

typedef enum { KIND_WAV, KIND_RAW, KIND_SNDFILE } kind;

typedef struct {
    const char *suffix;
    kind kind;
    int format;     /* libsndfile's container, and its coding where that is not integer PCM */
    int usual_bits; /* 0: a lossy coding, which takes floats */
    int most_bits;  /* integer; beyond the usual */
    bool floats;
} file_format;

static const file_format formats[] = {
    {"wav", KIND_WAV, 0, 16, 32, true},
    {"raw", KIND_RAW, 0, 16, 32, true},
    {"pcm", KIND_RAW, 0, 16, 32, true},
    {"flac", KIND_SNDFILE, SF_FORMAT_FLAC, 16, 24, false},
    {"ogg", KIND_SNDFILE, SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0, 0, false},
    {"oga", KIND_SNDFILE, SF_FORMAT_OGG | SF_FORMAT_VORBIS, 0, 0, false},
    {"opus", KIND_SNDFILE, SF_FORMAT_OGG | SF_FORMAT_OPUS, 0, 0, false},
    {"mp3", KIND_SNDFILE, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III, 0, 0, false},
    {"aiff", KIND_SNDFILE, SF_FORMAT_AIFF, 16, 32, true},
    {"aif", KIND_SNDFILE, SF_FORMAT_AIFF, 16, 32, true},
    {"au", KIND_SNDFILE, SF_FORMAT_AU, 16, 32, true},
    {"caf", KIND_SNDFILE, SF_FORMAT_CAF, 16, 32, true},
    {"w64", KIND_SNDFILE, SF_FORMAT_W64, 16, 32, true},
};

struct ravel_audio_writer {
    ravel_outfile *out;
    SNDFILE *file; /* NULL for WAV and raw */
    const file_format *format;
    char *path;
    int rate_hz, channels;
    int bits; /* 16, 24, 32, -32; 0: floats to a lossy coding */
    int64_t data_bytes;
    ravel_error failure; /* of a callback */
    union {
        uint8_t bytes[CHUNK_VALUES * 4];
        int32_t integers[CHUNK_VALUES];
    } chunk;
};

/* --- libsndfile's callbacks ------------------------------------------------------------------- */

static sf_count_t vio_length(void *user)
{
    ravel_outfile *out = ((ravel_audio_writer *)user)->out;
    int64_t here = ravel_outfile_seek(out, 0, SEEK_CUR);
    int64_t end = ravel_outfile_seek(out, 0, SEEK_END);
    ravel_outfile_seek(out, here, SEEK_SET);
    return end;
}

static sf_count_t vio_seek(sf_count_t offset, int whence, void *user)
{
    return ravel_outfile_seek(((ravel_audio_writer *)user)->out, offset, whence);
}

static sf_count_t vio_read(void *data, sf_count_t n, void *user)
{
    (void)data, (void)n, (void)user;
    return 0;
}

static sf_count_t vio_write(const void *data, sf_count_t n, void *user)
{
    ravel_audio_writer *writer = user;
    return ravel_outfile_write(writer->out, data, (size_t)n, &writer->failure) == 0 ? n : 0;
}

static sf_count_t vio_tell(void *user)
{
    return ravel_outfile_seek(((ravel_audio_writer *)user)->out, 0, SEEK_CUR);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static const file_format *find_format(const char *path, ravel_error *error)
{
    if (strcmp(path, "-") == 0)
        return &formats[0];
    const char *slash = strrchr(path, '/');
    const char *dot = strrchr(slash != NULL ? slash : path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof formats / sizeof formats[0]; i++)
        if (strcasecmp(dot + 1, formats[i].suffix) == 0)
            return &formats[i];
    ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                    "'%s': the suffix names no format; known are wav, flac, ogg, oga, opus, mp3, "
                    "aiff, aif, au, caf, w64, raw and pcm",
                    path);
    return NULL;
}

static int choose_bits(ravel_audio_writer *writer, int bits, ravel_error *error)
{
    const file_format *format = writer->format;
    bool integer = (bits == 16 || bits == 24 || bits == 32) && bits <= format->most_bits;
    if (bits != 0 && !integer && !(bits == -32 && format->floats))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "'%s': a .%s file cannot have %d-bit%s samples", writer->path,
                               format->suffix, abs(bits), bits < 0 ? " float" : "");
    writer->bits = bits != 0 ? bits : format->usual_bits;
    return 0;
}

static int subtype(int bits)
{
    switch (bits) {
    case 16:
        return SF_FORMAT_PCM_16;
    case 24:
        return SF_FORMAT_PCM_24;
    case 32:
        return SF_FORMAT_PCM_32;
    case -32:
        return SF_FORMAT_FLOAT;
    default:
        return 0; /* the format's own coding */
    }
}

static int open_sndfile(ravel_audio_writer *writer, ravel_error *error)
{
    SF_VIRTUAL_IO callbacks = {vio_length, vio_seek, vio_read, vio_write, vio_tell};
    SF_INFO info = {.samplerate = writer->rate_hz,
                    .channels = writer->channels,
                    .format = writer->format->format | subtype(writer->bits)};
    if (!ravel_outfile_seekable(writer->out))
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "'%s': a .%s file cannot be written to a pipe or device",
                               writer->path, writer->format->suffix);
    writer->file = sf_open_virtual(&callbacks, SFM_WRITE, &info, writer);
    if (writer->failure.status != RAVEL_OK) {
        *error = writer->failure;
        return error->status;
    }
    if (writer->file == NULL)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                               "'%s': a .%s file of %d Hz and %d channels cannot be written: %s",
                               writer->path, writer->format->suffix, writer->rate_hz,
                               writer->channels, sf_strerror(NULL));
    return 0;
}

static int write_header(ravel_audio_writer *writer, int64_t data_bytes, ravel_error *error)
{
    uint8_t header[RAVEL_WAV_HEADER_BYTES];
    size_t n =
        ravel_wav_header(writer->rate_hz, writer->channels, writer->bits, data_bytes, header);
    return ravel_outfile_write(writer->out, header, n, error);
}

static int open_any(ravel_audio_writer *writer, const char *path, int bits, ravel_error *error)
{
    writer->format = find_format(path, error);
    if (writer->format == NULL)
        return RAVEL_ERR_ARGUMENT;
    int status = choose_bits(writer, bits, error);
    if (status < 0)
        return status;
    writer->out = ravel_outfile_open(path, error);
    if (writer->out == NULL)
        return RAVEL_ERR_IO;
    if (writer->format->kind == KIND_SNDFILE)
        return open_sndfile(writer, error);
    return writer->format->kind == KIND_WAV ? write_header(writer, -1, error) : 0;
}

ravel_audio_writer *ravel_audio_writer_open(const char *path, int rate_hz, int channels, int bits,
                                            ravel_error *error)
{
    ravel_error unwanted;
    if (error == NULL)
        error = &unwanted;
    ravel_audio_writer *writer = calloc(1, sizeof *writer);
    if (writer != NULL)
        writer->path = strdup(path);
    if (writer == NULL || writer->path == NULL) {
        free(writer);
        ravel_error_memory(error);
        return NULL;
    }
    writer->rate_hz = rate_hz;
    writer->channels = channels;
    int status = rate_hz < 1 || channels < 1 || channels > 1024
                     ? ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                                       "'%s': %d Hz with %d channels cannot be written", path,
                                       rate_hz, channels)
                     : open_any(writer, path, bits, error);
    if (status < 0) {
        ravel_audio_writer_abort(writer);
        return NULL;
    }
    return writer;
}

/* --- Writing ---------------------------------------------------------------------------------- */

static int write_plain(ravel_audio_writer *writer, const float *pcm, size_t n, ravel_error *error)
{
    size_t n_bytes = n * (size_t)ravel_pcm_bytes(writer->bits);
    ravel_pcm_encode(pcm, writer->bits, n, writer->chunk.bytes);
    writer->data_bytes += (int64_t)n_bytes;
    return ravel_outfile_write(writer->out, writer->chunk.bytes, n_bytes, error);
}

static int write_sndfile(ravel_audio_writer *writer, const float *pcm, size_t n, ravel_error *error)
{
    sf_count_t done;
    if (writer->bits > 0) {
        ravel_pcm_to_int32(pcm, writer->bits, n, writer->chunk.integers);
        done = sf_write_int(writer->file, writer->chunk.integers, (sf_count_t)n);
    } else {
        done = sf_write_float(writer->file, pcm, (sf_count_t)n);
    }
    if (writer->failure.status != RAVEL_OK) {
        *error = writer->failure;
        return error->status;
    }
    if (done != (sf_count_t)n)
        return ravel_error_set(error, RAVEL_ERR_IO, "cannot write '%s': %s", writer->path,
                               sf_strerror(writer->file));
    return 0;
}

int ravel_audio_writer_write(ravel_audio_writer *writer, const float *pcm, int n_samples,
                             ravel_error *error)
{
    ravel_error unwanted;
    if (error == NULL)
        error = &unwanted;
    size_t left = n_samples > 0 ? (size_t)n_samples * (size_t)writer->channels : 0;
    size_t most = CHUNK_VALUES - CHUNK_VALUES % (size_t)writer->channels;
    while (left > 0) {
        size_t n = left < most ? left : most;
        int status = writer->file != NULL ? write_sndfile(writer, pcm, n, error)
                                          : write_plain(writer, pcm, n, error);
        if (status < 0)
            return status;
        pcm += n;
        left -= n;
    }
    return n_samples;
}

/* --- Closing ---------------------------------------------------------------------------------- */

/* RIFF chunks are padded to even lengths; where seeking is possible the header learns the length. */
static int finish_wav(ravel_audio_writer *writer, ravel_error *error)
{
    int status = 0;
    if (writer->data_bytes % 2 != 0)
        status = ravel_outfile_write(writer->out, "", 1, error);
    if (status == 0 && ravel_outfile_seekable(writer->out)) {
        ravel_outfile_seek(writer->out, 0, SEEK_SET);
        status = write_header(writer, writer->data_bytes, error);
        ravel_outfile_seek(writer->out, 0, SEEK_END);
    }
    return status;
}

static int finish_sndfile(ravel_audio_writer *writer, ravel_error *error)
{
    int failed = sf_close(writer->file);
    writer->file = NULL;
    if (writer->failure.status != RAVEL_OK) {
        *error = writer->failure;
        return error->status;
    }
    if (failed != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "cannot write '%s': %s", writer->path,
                               sf_error_number(failed));
    return 0;
}

static void writer_free(ravel_audio_writer *writer)
{
    free(writer->path);
    free(writer);
}

int ravel_audio_writer_close(ravel_audio_writer *writer, ravel_error *error)
{
    ravel_error unwanted;
    if (error == NULL)
        error = &unwanted;
    int status = 0;
    if (writer->file != NULL)
        status = finish_sndfile(writer, error);
    else if (writer->format->kind == KIND_WAV)
        status = finish_wav(writer, error);
    if (status < 0) {
        ravel_audio_writer_abort(writer);
        return status;
    }
    status = ravel_outfile_commit(writer->out, error);
    writer_free(writer);
    return status;
}

void ravel_audio_writer_abort(ravel_audio_writer *writer)
{
    if (writer == NULL)
        return;
    if (writer->file != NULL)
        sf_close(writer->file);
    ravel_outfile_abort(writer->out);
    writer_free(writer);
}
