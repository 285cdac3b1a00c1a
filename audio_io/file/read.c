/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Audio in, by two ways: libsndfile where it can seek, and plain samples from a descriptor (raw PCM
 * everywhere, WAV from a pipe). A pipe that holds anything else is first written to a temporary
 * file without a name, because decoders of the other formats seek.
 */
#include <errno.h>
#include <fcntl.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio_io/file/pcm.h"
#include "audio_io/file/reader.h"
#include "audio_io/file/wav.h"
#include "nn/error.h"
#include "ravel/io.h"
#include "rvq/tags.h"

enum {
    MAX_CHANNELS = 64, /* both as for ravel_resampler_new */
    MIN_RATE_HZ = 1000,
    MAX_RATE_HZ = 768000,
    MAX_WAV_HEADER = 1 << 20,
    CHUNK_BYTES = 1 << 16,
    SKIP_SAMPLES = 4096,
    MAX_TAGS = SF_STR_LAST - SF_STR_FIRST + 1
};

#define MAX_SPOOL (INT64_C(1) << 32)

struct ravel_audio_reader {
    char *name;
    SNDFILE *file; /* NULL: plain samples from fd */
    int rate_hz, channels;
    int64_t length; /* samples of each channel, or -1 */
    char *tags[MAX_TAGS];
    int n_tags;

    int fd;             /* -1 where libsndfile has its own */
    int bits;           /* as in audio_io/file/pcm.h */
    int64_t bytes_left; /* -1: up to the end */
    uint8_t *bytes;     /* CHUNK_BYTES or, while a header is looked for, more */
    size_t n_bytes;     /* in `bytes`, not yet given out */
};

static int fail_system(const ravel_audio_reader *reader, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_IO, "cannot read '%s': %s", reader->name,
                           strerror(errno));
}

static int check_shape(ravel_audio_reader *reader, ravel_error *error)
{
    if (reader->channels < 1 || reader->channels > MAX_CHANNELS)
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' has %d channels; 1 to %d can be read",
                               reader->name, reader->channels, MAX_CHANNELS);
    if (reader->rate_hz < MIN_RATE_HZ || reader->rate_hz > MAX_RATE_HZ)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "'%s' has a sample rate of %d Hz; %d to %d Hz can be read",
                               reader->name, reader->rate_hz, MIN_RATE_HZ, MAX_RATE_HZ);
    return 0;
}

/* --- Through libsndfile ----------------------------------------------------------------------- */

static int copy_tags(ravel_audio_reader *reader)
{
    static const struct {
        int id;
        const char *name; /* as in Vorbis comments */
    } known[] = {{SF_STR_TITLE, "TITLE"},     {SF_STR_ARTIST, "ARTIST"},
                 {SF_STR_ALBUM, "ALBUM"},     {SF_STR_TRACKNUMBER, "TRACKNUMBER"},
                 {SF_STR_DATE, "DATE"},       {SF_STR_GENRE, "GENRE"},
                 {SF_STR_COMMENT, "COMMENT"}, {SF_STR_COPYRIGHT, "COPYRIGHT"},
                 {SF_STR_LICENSE, "LICENSE"}};
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        const char *value = sf_get_string(reader->file, known[i].id);
        if (value == NULL || value[0] == '\0')
            continue;
        size_t room = strlen(known[i].name) + strlen(value) + 2;
        char *tag = malloc(room);
        if (tag == NULL)
            return RAVEL_ERR_MEMORY;
        (void)snprintf(tag, room, "%s=%s", known[i].name, value);
        if (ravel_tag_valid(tag)) /* old files have other encodings than UTF-8 */
            reader->tags[reader->n_tags++] = tag;
        else
            free(tag);
    }
    return 0;
}

/* Takes over the descriptor; closes it unless it is standard input. */
static int open_sndfile(ravel_audio_reader *reader, int fd, ravel_error *error)
{
    struct stat status;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_size == 0) {
        close(fd);
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' is empty", reader->name);
    }
    SF_INFO info = {0};
    reader->file = sf_open_fd(fd, SFM_READ, &info, fd != STDIN_FILENO);
    if (reader->file == NULL) /* libsndfile has closed the descriptor */
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' is not audio that can be read: %s",
                               reader->name, sf_strerror(NULL));
    reader->rate_hz = info.samplerate;
    reader->channels = info.channels;
    reader->length = info.frames >= 0 && info.frames < SF_COUNT_MAX ? info.frames : -1;
    if (copy_tags(reader) != 0)
        return ravel_error_set(error, RAVEL_ERR_MEMORY, "no memory to open '%s'", reader->name);
    return check_shape(reader, error);
}

static int read_sndfile(ravel_audio_reader *reader, float *pcm, int n_samples, ravel_error *error)
{
    sf_count_t n = sf_readf_float(reader->file, pcm, n_samples);
    if (n <= 0 && sf_error(reader->file) != SF_ERR_NO_ERROR)
        return ravel_error_set(error, RAVEL_ERR_DATA, "cannot read '%s': %s", reader->name,
                               sf_strerror(reader->file));
    return n > 0 ? (int)n : 0;
}

/* --- Plain samples ---------------------------------------------------------------------------- */

/* Fills `bytes` up to n_wanted or the end. */
static int fill(ravel_audio_reader *reader, size_t n_wanted, ravel_error *error)
{
    while (reader->n_bytes < n_wanted) {
        ssize_t n = read(reader->fd, reader->bytes + reader->n_bytes, n_wanted - reader->n_bytes);
        if (n < 0)
            return fail_system(reader, error);
        if (n == 0)
            break;
        reader->n_bytes += (size_t)n;
    }
    return 0;
}

static void drop(ravel_audio_reader *reader, size_t n)
{
    reader->n_bytes -= n;
    memmove(reader->bytes, reader->bytes + n, reader->n_bytes);
}

/* What a header that was read ahead left over comes first; a last partial sample is dropped. */
static int read_plain(ravel_audio_reader *reader, float *pcm, int n_samples, ravel_error *error)
{
    size_t sample_bytes = (size_t)reader->channels * (size_t)ravel_pcm_bytes(reader->bits);
    size_t wanted = (size_t)n_samples * sample_bytes;
    size_t most = CHUNK_BYTES - CHUNK_BYTES % sample_bytes;
    if (wanted > most)
        wanted = most;
    if (reader->bytes_left >= 0 && wanted > (uint64_t)reader->bytes_left)
        wanted = (size_t)reader->bytes_left;
    int status = fill(reader, wanted, error);
    if (status < 0)
        return status;
    size_t n = (reader->n_bytes < wanted ? reader->n_bytes : wanted) / sample_bytes;
    ravel_pcm_decode(reader->bytes, reader->bits, n * (size_t)reader->channels, pcm);
    drop(reader, n * sample_bytes);
    if (reader->bytes_left >= 0)
        reader->bytes_left -= (int64_t)(n * sample_bytes);
    return (int)n;
}

static int open_raw(ravel_audio_reader *reader, const ravel_audio_format *format,
                    ravel_error *error)
{
    reader->bits = format->raw_bits;
    reader->channels = format->raw_channels;
    reader->rate_hz = format->raw_rate_hz;
    if (!ravel_pcm_known(reader->bits))
        return ravel_error_set(
            error, RAVEL_ERR_ARGUMENT,
            "raw samples of %d bits; known are 8, 16, 24, 32 and -32, -64 for float", reader->bits);
    int status = check_shape(reader, error);
    struct stat file;
    if (status == 0 && fstat(reader->fd, &file) == 0 && S_ISREG(file.st_mode)) {
        off_t at = lseek(reader->fd, 0, SEEK_CUR);
        int64_t left = file.st_size - (at > 0 ? at : 0);
        reader->length = left > 0 ? left / (reader->channels * ravel_pcm_bytes(reader->bits)) : 0;
    }
    return status;
}

/* --- Standard input --------------------------------------------------------------------------- */

static int write_all(int fd, const uint8_t *bytes, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, bytes, n);
        if (done <= 0)
            return -1;
        bytes += done;
        n -= (size_t)done;
    }
    return 0;
}

/* Copies what was read ahead and the rest of the pipe, which may never end. */
static int copy_pipe(ravel_audio_reader *reader, int fd, ravel_error *error)
{
    int64_t total = 0;
    do {
        total += (int64_t)reader->n_bytes;
        if (total > MAX_SPOOL)
            return ravel_error_set(
                error, RAVEL_ERR_DATA,
                "'%s' goes on for more than %lld bytes; only WAV and raw samples "
                "are read from a pipe at any length",
                reader->name, (long long)MAX_SPOOL);
        if (write_all(fd, reader->bytes, reader->n_bytes) != 0)
            return ravel_error_set(error, RAVEL_ERR_IO,
                                   "cannot write a temporary file for '%s': %s", reader->name,
                                   strerror(errno));
        reader->n_bytes = 0;
        int status = fill(reader, CHUNK_BYTES, error);
        if (status < 0)
            return status;
    } while (reader->n_bytes > 0);
    return lseek(fd, 0, SEEK_SET) == 0 ? 0 : fail_system(reader, error);
}

static int temporary_file(void)
{
    const char *directory = getenv("TMPDIR");
    char path[1024];
    int n = snprintf(path, sizeof path, "%s/ravel-XXXXXX", directory != NULL ? directory : "/tmp");
    if (n < 0 || (size_t)n >= sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    int fd = mkstemp(path);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static int open_spooled(ravel_audio_reader *reader, ravel_error *error)
{
    int fd = temporary_file();
    if (fd < 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "cannot make a temporary file for '%s': %s",
                               reader->name, strerror(errno));
    int status = copy_pipe(reader, fd, error);
    if (status < 0) {
        close(fd);
        return status;
    }
    return open_sndfile(reader, fd, error);
}

/* Reads on until the header is complete. return    a ravel_wav_status, or a negative status */
static int read_wav_header(ravel_audio_reader *reader, ravel_wav_info *info, ravel_error *error)
{
    for (size_t wanted = 512; wanted <= MAX_WAV_HEADER; wanted *= 2) {
        if (wanted > CHUNK_BYTES) {
            uint8_t *larger = realloc(reader->bytes, wanted);
            if (larger == NULL)
                return ravel_error_set(error, RAVEL_ERR_MEMORY, "no memory to open '%s'",
                                       reader->name);
            reader->bytes = larger;
        }
        int status = fill(reader, wanted, error);
        if (status < 0)
            return status;
        ravel_wav_status wav = ravel_wav_parse(reader->bytes, reader->n_bytes, info);
        if (wav != RAVEL_WAV_MORE)
            return (int)wav;
        if (reader->n_bytes < wanted)
            break;
    }
    return RAVEL_WAV_MORE;
}

static int open_pipe(ravel_audio_reader *reader, ravel_error *error)
{
    ravel_wav_info info = {0};
    int status = read_wav_header(reader, &info, error);
    if (status < 0)
        return status;
    if (reader->n_bytes == 0)
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' is empty", reader->name);
    if (status == RAVEL_WAV_OTHER)
        return open_spooled(reader, error);
    if (status != RAVEL_WAV_OK)
        return ravel_error_set(error, RAVEL_ERR_DATA, "'%s' has a damaged WAV header",
                               reader->name);
    reader->rate_hz = info.rate_hz;
    reader->channels = info.channels;
    reader->bits = info.bits;
    reader->bytes_left = info.data_bytes;
    drop(reader, info.data_offset);
    if (info.data_bytes >= 0)
        reader->length = info.data_bytes / (info.channels * ravel_pcm_bytes(info.bits));
    return check_shape(reader, error);
}

/* Bytes of a shell's "< file" can be sought in; those of a pipe cannot. */
static bool is_whole_file(int fd)
{
    struct stat status;
    return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && lseek(fd, 0, SEEK_CUR) == 0;
}

/* --- The reader ------------------------------------------------------------------------------- */

static int open_descriptor(ravel_audio_reader *reader, const char *path, ravel_error *error)
{
    if (strcmp(path, "-") == 0) {
        reader->fd = STDIN_FILENO;
        return fcntl(reader->fd, F_GETFD) >= 0 ? 0 : fail_system(reader, error);
    }
    reader->fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reader->fd < 0)
        return fail_system(reader, error);
    struct stat status;
    if (fstat(reader->fd, &status) == 0 && S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return fail_system(reader, error);
    }
    return 0;
}

static int open_any(ravel_audio_reader *reader, const char *path, const ravel_audio_format *format,
                    ravel_error *error)
{
    int status = open_descriptor(reader, path, error);
    if (status < 0)
        return status;
    if (format != NULL && format->raw)
        return open_raw(reader, format, error);
    if (!is_whole_file(reader->fd))
        return open_pipe(reader, error);
    int fd = reader->fd;
    reader->fd = -1;
    return open_sndfile(reader, fd, error);
}

/* NULL with *error filled. */
static ravel_audio_reader *new_reader(const char *name, ravel_error *error)
{
    ravel_audio_reader *reader = calloc(1, sizeof *reader);
    if (reader != NULL) {
        reader->fd = -1;
        reader->length = reader->bytes_left = -1;
        reader->name = strdup(name);
        reader->bytes = malloc(CHUNK_BYTES);
        if (reader->name != NULL && reader->bytes != NULL)
            return reader;
    }
    ravel_error_set(error, RAVEL_ERR_MEMORY, "no memory to open '%s'", name);
    ravel_audio_reader_close(reader);
    return NULL;
}

ravel_audio_reader *ravel_audio_reader_open(const char *path, const ravel_audio_format *format,
                                            ravel_error *error)
{
    ravel_audio_reader *reader =
        new_reader(strcmp(path, "-") == 0 ? "standard input" : path, error);
    if (reader == NULL || open_any(reader, path, format, error) == 0)
        return reader;
    ravel_audio_reader_close(reader);
    return NULL;
}

ravel_audio_reader *ravel_audio_reader_open_descriptor(int fd, const char *name, ravel_error *error)
{
    ravel_audio_reader *reader = new_reader(name, error);
    if (reader == NULL)
        close(fd);
    else if (open_sndfile(reader, fd, error) == 0)
        return reader;
    ravel_audio_reader_close(reader);
    return NULL;
}

void ravel_audio_reader_close(ravel_audio_reader *reader)
{
    if (reader == NULL)
        return;
    if (reader->file != NULL)
        sf_close(reader->file);
    if (reader->fd > STDERR_FILENO)
        close(reader->fd);
    for (int i = 0; i < reader->n_tags; i++)
        free(reader->tags[i]);
    free(reader->bytes);
    free(reader->name);
    free(reader);
}

int ravel_audio_reader_rate(const ravel_audio_reader *reader)
{
    return reader->rate_hz;
}

int ravel_audio_reader_channels(const ravel_audio_reader *reader)
{
    return reader->channels;
}

int64_t ravel_audio_reader_length(const ravel_audio_reader *reader)
{
    return reader->length;
}

int ravel_audio_reader_tags(const ravel_audio_reader *reader, const char *const **tags)
{
    *tags = (const char *const *)reader->tags;
    return reader->n_tags;
}

int ravel_audio_reader_read(ravel_audio_reader *reader, float *pcm, int n_samples,
                            ravel_error *error)
{
    if (n_samples <= 0)
        return 0;
    return reader->file != NULL ? read_sndfile(reader, pcm, n_samples, error)
                                : read_plain(reader, pcm, n_samples, error);
}

int64_t ravel_audio_reader_skip(ravel_audio_reader *reader, int64_t n_samples, ravel_error *error)
{
    if (n_samples < 0)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%lld samples cannot be passed over",
                               (long long)n_samples);
    if (reader->file != NULL && n_samples <= reader->length &&
        sf_seek(reader->file, n_samples, SEEK_CUR) >= 0)
        return n_samples;
    float *passed = malloc((size_t)reader->channels * SKIP_SAMPLES * sizeof *passed);
    int64_t done = 0;
    int n = passed != NULL ? 1 : ravel_error_memory(error);
    while (n > 0 && done < n_samples) {
        n = n_samples - done < SKIP_SAMPLES ? (int)(n_samples - done) : SKIP_SAMPLES;
        n = ravel_audio_reader_read(reader, passed, n, error);
        done += n > 0 ? n : 0;
    }
    free(passed);
    return n < 0 ? n : done;
}
