/* SPDX-License-Identifier: BSD-3-Clause */
/* Audio files: every format there and back, pipes, and an output that is whole or not there. */
#define _XOPEN_SOURCE 700
#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio_io/file/mix.h"
#include "audio_io/file/pcm.h"
#include "audio_io/file/sink.h"
#include "audio_io/file/source.h"
#include "audio_io/file/wav.h"
#include "ravel/io.h"
#include "tests/support/folder.h"

enum { RATE_HZ = 24000, N_SAMPLES = 5000, CHANNELS = 2 };

static char folder[RAVEL_TEST_FOLDER];
static ravel_error error;

static void enter_folder(void)
{
    ravel_test_folder_enter(folder);
}

static int count_files(void)
{
    int n = 0;
    DIR *dir = opendir(".");
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
        n += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return n;
}

static void leave_folder(void)
{
    ravel_test_folder_leave(folder);
}

TestSuite(audio_file, .init = enter_folder, .fini = leave_folder);

/* Two tones on a grid of 2^-15, so that 16 bits hold them exactly. */
static void make_signal(float *pcm)
{
    for (int i = 0; i < N_SAMPLES; i++) {
        double phase = 2.0 * 3.14159265358979 * i / RATE_HZ;
        pcm[2 * i] = (float)(floor(16384.0 * sin(300.0 * phase)) / 32768.0);
        pcm[2 * i + 1] = (float)(floor(8192.0 * sin(440.0 * phase)) / 32768.0);
    }
}

static void write_file(const char *path, int bits, const float *pcm)
{
    ravel_audio_writer *writer = ravel_audio_writer_open(path, RATE_HZ, CHANNELS, bits, &error);
    cr_assert_not_null(writer, "%s", error.text);
    for (int at = 0; at < N_SAMPLES; at += 777) {
        int n = N_SAMPLES - at < 777 ? N_SAMPLES - at : 777;
        cr_assert_eq(ravel_audio_writer_write(writer, pcm + CHANNELS * at, n, &error), n, "%s",
                     error.text);
    }
    cr_assert_eq(ravel_audio_writer_close(writer, &error), 0, "%s", error.text);
}

/* Reads to the end. return    samples of each channel */
static int read_opened(ravel_audio_reader *reader, float *pcm, int capacity)
{
    cr_assert_not_null(reader, "%s", error.text);
    int total = 0, n;
    while ((n = ravel_audio_reader_read(
                reader, pcm + (ptrdiff_t)total * ravel_audio_reader_channels(reader),
                capacity - total < 301 ? capacity - total : 301, &error)) > 0)
        total += n;
    cr_assert_eq(n, 0, "%s", error.text);
    ravel_audio_reader_close(reader);
    return total;
}

static void put_bytes(const char *path, const void *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, n, file), n);
    fclose(file);
}

static size_t get_bytes(const char *path, uint8_t *bytes, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    size_t n = fread(bytes, 1, capacity, file);
    fclose(file);
    return n;
}

/* A pipe as standard input that holds n bytes: less than the kernel's 64 KiB, so it never blocks. */
static void feed_stdin(const void *bytes, size_t n)
{
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    cr_assert_eq(write(ends[1], bytes, n), (ssize_t)n);
    close(ends[1]);
    dup2(ends[0], STDIN_FILENO);
    close(ends[0]);
}

/* --- Samples ---------------------------------------------------------------------------------- */

Test(pcm, every_16_bit_value_returns)
{
    for (int value = -32768; value < 32768; value++) {
        uint8_t in[2] = {(uint8_t)value, (uint8_t)((unsigned)value >> 8)}, out[2];
        float sample;
        ravel_pcm_decode(in, 16, 1, &sample);
        cr_assert_eq(sample, (float)value / 32768.0f);
        ravel_pcm_encode(&sample, 16, 1, out);
        cr_assert_eq(memcmp(in, out, 2), 0);
    }
}

Test(pcm, known_values_in_every_width)
{
    const uint8_t bytes[] = {0xC0, /* 8 unsigned: 64 / 128 */ 0x00,
                             0x00, 0xC0, /* 24: -1/2 */
                             0x00, 0x00,
                             0x00, 0x80 /* 32: -1 */};
    float sample;
    ravel_pcm_decode(bytes, 8, 1, &sample);
    cr_assert_eq(sample, 0.5f);
    ravel_pcm_decode(bytes + 1, 24, 1, &sample);
    cr_assert_eq(sample, -0.5f);
    ravel_pcm_decode(bytes + 4, 32, 1, &sample);
    cr_assert_eq(sample, -1.0f);
    double value = -0.3;
    ravel_pcm_decode((const uint8_t *)&value, -64, 1, &sample);
    cr_assert_eq(sample, -0.3f);
}

Test(pcm, integers_are_clipped_and_nan_is_silence)
{
    const float in[] = {2.0f, -2.0f, 1.0f, NAN, INFINITY, -INFINITY, 0.6f / 32768.0f};
    const int16_t expected[] = {32767, -32768, 32767, 0, 32767, -32768, 1};
    int16_t out[7];
    ravel_pcm_encode(in, 16, 7, (uint8_t *)out);
    cr_assert_eq(memcmp(out, expected, sizeof expected), 0);
    int32_t wide[7];
    ravel_pcm_to_int32(in, 24, 3, wide);
    cr_assert_eq(wide[0], 0x7FFFFF00);
    cr_assert_eq(wide[1], INT32_MIN);
}

/* --- WAV headers ------------------------------------------------------------------------------ */

Test(wav, header_returns_and_every_truncation_asks_for_more)
{
    const int bits[] = {16, 24, 32, -32};
    for (int i = 0; i < 4; i++) {
        uint8_t header[RAVEL_WAV_HEADER_BYTES];
        size_t n = ravel_wav_header(44100, 2, bits[i], 8000, header);
        ravel_wav_info info;
        for (size_t cut = 0; cut < n; cut++)
            cr_assert_eq(ravel_wav_parse(header, cut, &info), RAVEL_WAV_MORE, "%zu", cut);
        cr_assert_eq(ravel_wav_parse(header, n, &info), RAVEL_WAV_OK);
        cr_assert_eq(info.rate_hz, 44100);
        cr_assert_eq(info.channels, 2);
        cr_assert_eq(info.bits, bits[i]);
        cr_assert_eq(info.data_bytes, 8000);
        cr_assert_eq(info.data_offset, n);
    }
}

Test(wav, unknown_and_great_lengths)
{
    uint8_t header[RAVEL_WAV_HEADER_BYTES];
    const int64_t lengths[] = {-1, INT64_C(5000000000), 0};
    for (int i = 0; i < 3; i++) {
        ravel_wav_info info;
        size_t n = ravel_wav_header(24000, 1, 16, lengths[i], header);
        cr_assert_eq(ravel_wav_parse(header, n, &info), RAVEL_WAV_OK);
        cr_assert_eq(info.data_bytes, -1);
    }
}

Test(wav, rf64_has_its_length_in_ds64)
{
    uint8_t head[100] = "RF64\xFF\xFF\xFF\xFFWAVEds64\x1C";
    head[28] = 0x10; /* data size, after the riff size: 2^32 + 16 */
    head[32] = 1;
    uint8_t plain[RAVEL_WAV_HEADER_BYTES];
    size_t n = ravel_wav_header(48000, 2, 24, -1, plain);
    memcpy(head + 20 + 28, plain + 12, n - 12);
    ravel_wav_info info;
    cr_assert_eq(ravel_wav_parse(head, 48 + n - 12, &info), RAVEL_WAV_OK);
    cr_assert_eq(info.data_bytes, INT64_C(0x100000010));
}

Test(wav, contradictions_are_told)
{
    uint8_t header[RAVEL_WAV_HEADER_BYTES], bad[RAVEL_WAV_HEADER_BYTES];
    size_t n = ravel_wav_header(24000, 2, 16, 400, header);
    const struct {
        int at;
        uint8_t value;
        ravel_wav_status status;
    } cases[] = {{22, 0, RAVEL_WAV_BROKEN},    /* channels */ {22, 3, RAVEL_WAV_BROKEN},
                 {27, 0x80, RAVEL_WAV_BROKEN}, /* rate */ {32, 3, RAVEL_WAV_BROKEN}, /* block */
                 {34, 12, RAVEL_WAV_OTHER},    /* bits */ {20, 7, RAVEL_WAV_OTHER},  /* mu-law */
                 {16, 15, RAVEL_WAV_BROKEN},   {8, 'w', RAVEL_WAV_OTHER}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ravel_wav_info info;
        memcpy(bad, header, n);
        bad[cases[i].at] = cases[i].value;
        cr_assert_eq(ravel_wav_parse(bad, n, &info), cases[i].status, "case %zu", i);
    }
}

/* --- Files ------------------------------------------------------------------------------------ */

Test(audio_file, lossless_formats_return_every_sample)
{
    static const struct {
        const char *path;
        int bits;
    } cases[] = {{"a.wav", 0},  {"a.wav", 24},  {"a.wav", 32},  {"a.wav", -32},
                 {"a.flac", 0}, {"a.flac", 24}, {"a.aiff", 16}, {"a.AIF", 32},
                 {"a.au", -32}, {"a.caf", 24},  {"a.w64", 0}};
    static float in[CHANNELS * N_SAMPLES], out[CHANNELS * N_SAMPLES + 2];
    make_signal(in);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_file(cases[i].path, cases[i].bits, in);
        ravel_audio_reader *reader = ravel_audio_reader_open(cases[i].path, NULL, &error);
        cr_assert_not_null(reader, "%s", error.text);
        cr_assert_eq(ravel_audio_reader_rate(reader), RATE_HZ);
        cr_assert_eq(ravel_audio_reader_channels(reader), CHANNELS);
        cr_assert_eq(ravel_audio_reader_length(reader), N_SAMPLES);
        cr_assert_eq(read_opened(reader, out, N_SAMPLES + 1), N_SAMPLES);
        cr_assert_eq(memcmp(in, out, sizeof in), 0, "%s, %d bits", cases[i].path, cases[i].bits);
    }
}

Test(audio_file, lossy_formats_keep_the_sound)
{
    static const char *const paths[] = {"a.ogg", "a.opus", "a.mp3"};
    static float in[CHANNELS * N_SAMPLES], out[CHANNELS * 2 * N_SAMPLES];
    make_signal(in);
    for (size_t i = 0; i < 3; i++) {
        write_file(paths[i], 0, in);
        ravel_audio_reader *reader = ravel_audio_reader_open(paths[i], NULL, &error);
        cr_assert_not_null(reader, "%s", error.text);
        int scale = ravel_audio_reader_rate(reader) / RATE_HZ; /* Opus may decode at 48 kHz */
        int n = read_opened(reader, out, 2 * N_SAMPLES);
        cr_assert_geq(n, N_SAMPLES * scale, "%s", paths[i]);
        double energy = 0.0;
        for (int k = 0; k < N_SAMPLES; k++)
            energy += (double)out[2 * k * scale] * (double)out[2 * k * scale];
        cr_assert_float_eq(energy / N_SAMPLES, 0.125, 0.03, "%s: %g", paths[i], energy / N_SAMPLES);
    }
}

Test(audio_file, raw_samples_are_as_described)
{
    static float in[CHANNELS * N_SAMPLES], out[CHANNELS * N_SAMPLES];
    make_signal(in);
    write_file("a.raw", 24, in);
    ravel_audio_format format = {
        .raw = 1, .raw_rate_hz = RATE_HZ, .raw_channels = CHANNELS, .raw_bits = 24};
    ravel_audio_reader *reader = ravel_audio_reader_open("a.raw", &format, &error);
    cr_assert_eq(ravel_audio_reader_length(reader), N_SAMPLES);
    cr_assert_eq(read_opened(reader, out, N_SAMPLES), N_SAMPLES);
    cr_assert_eq(memcmp(in, out, sizeof in), 0);
    format.raw_bits = 12;
    cr_assert_null(ravel_audio_reader_open("a.raw", &format, &error));
    cr_assert_eq(error.status, RAVEL_ERR_ARGUMENT);
}

/* --- Pipes ------------------------------------------------------------------------------------ */

Test(audio_file, formats_from_a_pipe)
{
    static const char *const paths[] = {"a.wav", "a.flac", "a.au", "a.w64"};
    static float in[CHANNELS * N_SAMPLES], out[CHANNELS * N_SAMPLES + 2];
    static uint8_t bytes[60000];
    make_signal(in);
    for (size_t i = 0; i < 4; i++) {
        write_file(paths[i], 16, in);
        feed_stdin(bytes, get_bytes(paths[i], bytes, sizeof bytes));
        ravel_audio_reader *reader = ravel_audio_reader_open("-", NULL, &error);
        cr_assert_eq(read_opened(reader, out, N_SAMPLES + 1), N_SAMPLES, "%s", paths[i]);
        cr_assert_eq(memcmp(in, out, sizeof in), 0, "%s", paths[i]);
    }
}

Test(audio_file, wav_of_unknown_length_from_a_pipe)
{
    static float in[CHANNELS * N_SAMPLES], out[CHANNELS * N_SAMPLES + 2];
    static uint8_t bytes[60000];
    make_signal(in);
    write_file("a.wav", 16, in);
    size_t n = get_bytes("a.wav", bytes, sizeof bytes);
    for (int unknown = 0; unknown <= 0xFF; unknown += 0xFF) {
        memset(bytes + 40, unknown, 4);
        feed_stdin(bytes, n);
        ravel_audio_reader *reader = ravel_audio_reader_open("-", NULL, &error);
        cr_assert_eq(ravel_audio_reader_length(reader), -1);
        cr_assert_eq(read_opened(reader, out, N_SAMPLES + 1), N_SAMPLES);
        cr_assert_eq(memcmp(in, out, sizeof in), 0);
    }
}

Test(audio_file, wav_to_a_pipe_says_that_its_length_is_unknown)
{
    static float in[CHANNELS * N_SAMPLES];
    static uint8_t bytes[60000];
    make_signal(in);
    int ends[2], old = dup(STDOUT_FILENO);
    cr_assert_eq(pipe(ends), 0);
    dup2(ends[1], STDOUT_FILENO);
    close(ends[1]);
    write_file("-", 16, in);
    dup2(old, STDOUT_FILENO);
    size_t n = 0;
    for (ssize_t k; (k = read(ends[0], bytes + n, sizeof bytes - n)) > 0;)
        n += (size_t)k;
    ravel_wav_info info;
    cr_assert_eq(n, 44 + sizeof in / 2);
    cr_assert_eq(ravel_wav_parse(bytes, n, &info), RAVEL_WAV_OK);
    cr_assert_eq(info.data_bytes, -1);
}

Test(audio_file, damaged_input_has_a_message)
{
    put_bytes("empty.wav", "", 0);
    put_bytes("text.wav", "Once upon a time there was a text.\n", 35);
    put_bytes("cut.wav", "RIFF\x24\x00\x00\x00WAVE", 12);
    const char *const paths[] = {"empty.wav", "text.wav", "cut.wav", "missing.wav", "."};
    const int statuses[] = {RAVEL_ERR_DATA, RAVEL_ERR_DATA, RAVEL_ERR_DATA, RAVEL_ERR_IO,
                            RAVEL_ERR_IO};
    for (int i = 0; i < 5; i++) {
        memset(&error, 0, sizeof error);
        cr_assert_null(ravel_audio_reader_open(paths[i], NULL, &error));
        cr_assert_eq(error.status, statuses[i], "%s", error.text);
        cr_assert_not_null(strstr(error.text, paths[i]), "%s", error.text);
    }
    feed_stdin("", 0);
    cr_assert_null(ravel_audio_reader_open("-", NULL, &error));
    cr_assert_eq(error.status, RAVEL_ERR_DATA);
    feed_stdin("RIFF\x24\x00\x00\x00WAVEfmt ", 16);
    cr_assert_null(ravel_audio_reader_open("-", NULL, &error));
    cr_assert_eq(error.status, RAVEL_ERR_DATA);
    close(STDIN_FILENO);
    cr_assert_null(ravel_audio_reader_open("-", NULL, &error));
    cr_assert_eq(error.status, RAVEL_ERR_IO);
}

/* --- Whole or not at all ---------------------------------------------------------------------- */

Test(audio_file, nothing_appears_before_the_end)
{
    static const char *const paths[] = {"a.wav", "a.flac", "a.ogg"};
    float pcm[200] = {0};
    for (int i = 0; i < 3; i++) {
        ravel_audio_writer *writer = ravel_audio_writer_open(paths[i], RATE_HZ, 1, 0, &error);
        cr_assert_eq(ravel_audio_writer_write(writer, pcm, 200, &error), 200);
        cr_assert_eq(access(paths[i], F_OK), -1);
        ravel_audio_writer_abort(writer);
        cr_assert_eq(count_files(), 0, "%s", paths[i]);
    }
}

Test(audio_file, an_existing_file_is_replaced_at_the_end)
{
    float pcm[200] = {0};
    uint8_t bytes[8];
    put_bytes("target.wav", "old", 3);
    chmod("target.wav", 0640);
    cr_assert_eq(symlink("target.wav", "link.wav"), 0);
    ravel_audio_writer *writer = ravel_audio_writer_open("link.wav", RATE_HZ, 1, 0, &error);
    cr_assert_eq(ravel_audio_writer_write(writer, pcm, 200, &error), 200);
    cr_assert_eq(get_bytes("target.wav", bytes, 8), 3);
    cr_assert_eq(ravel_audio_writer_close(writer, &error), 0);
    struct stat status;
    cr_assert_eq(lstat("link.wav", &status), 0);
    cr_assert(S_ISLNK(status.st_mode));
    cr_assert_eq(stat("target.wav", &status), 0);
    cr_assert_eq(status.st_size, 444);
    cr_assert_eq(status.st_mode & 0777, 0640);
    cr_assert_eq(count_files(), 2);
}

/* A limit on the size of files fails as a full disk does, and needs no disk. */
Test(audio_file, a_full_disk_leaves_nothing)
{
    static const char *const paths[] = {"a.wav", "a.flac", "a.ogg", "a.raw", "a.aiff"};
    static float noise[48000];
    for (int i = 0; i < 48000; i++)
        noise[i] = (float)((i * 7919) % 2001 - 1000) / 1001.0f;
    signal(SIGXFSZ, SIG_IGN);
    struct rlimit limit, old;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = 9000;
    for (int i = 0; i < 5; i++) {
        setrlimit(RLIMIT_FSIZE, &limit);
        memset(&error, 0, sizeof error);
        ravel_audio_writer *writer = ravel_audio_writer_open(paths[i], RATE_HZ, 1, 0, &error);
        cr_assert_not_null(writer, "%s", error.text);
        int n = ravel_audio_writer_write(writer, noise, 48000, &error);
        int status = ravel_audio_writer_close(writer, &error);
        setrlimit(RLIMIT_FSIZE, &old);
        cr_assert(n == RAVEL_ERR_IO || n == 48000, "%s: %d", paths[i], n);
        cr_assert_eq(status, RAVEL_ERR_IO, "%s", paths[i]);
        cr_assert_not_null(strstr(error.text, strerror(EFBIG)), "%s", error.text);
        cr_assert_eq(count_files(), 0, "%s", paths[i]);
    }
}

Test(audio_file, a_full_device_is_told)
{
    float pcm[200] = {0};
    cr_assert_eq(symlink("/dev/full", "full.wav"), 0);
    cr_assert_null(ravel_audio_writer_open("full.wav", RATE_HZ, 1, 0, &error));
    cr_assert_eq(error.status, RAVEL_ERR_IO);
    cr_assert_eq(symlink("/dev/full", "full.raw"), 0);
    ravel_audio_writer *writer = ravel_audio_writer_open("full.raw", RATE_HZ, 1, 0, &error);
    cr_assert_eq(ravel_audio_writer_write(writer, pcm, 200, &error), RAVEL_ERR_IO);
    ravel_audio_writer_abort(writer);
}

Test(audio_file, refused_outputs_have_a_message)
{
    static const struct {
        const char *path;
        int rate_hz, bits, status;
    } cases[] = {
        {"a.xyz", 24000, 0, RAVEL_ERR_ARGUMENT},  {"a", 24000, 0, RAVEL_ERR_ARGUMENT},
        {"a.wav", 24000, 12, RAVEL_ERR_ARGUMENT}, {"a.flac", 24000, -32, RAVEL_ERR_ARGUMENT},
        {"a.mp3", 24000, 16, RAVEL_ERR_ARGUMENT}, {"a.opus", 44100, 0, RAVEL_ERR_ARGUMENT},
        {"no/a.wav", 24000, 0, RAVEL_ERR_IO},     {"a.wav", 0, 0, RAVEL_ERR_ARGUMENT}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        memset(&error, 0, sizeof error);
        cr_assert_null(
            ravel_audio_writer_open(cases[i].path, cases[i].rate_hz, 1, cases[i].bits, &error));
        cr_assert_eq(error.status, cases[i].status, "%s", error.text);
        cr_assert_not_null(strstr(error.text, cases[i].path), "%s", error.text);
        cr_assert_eq(count_files(), 0, "%s", cases[i].path);
    }
}

/* --- Sound as a model wants it ---------------------------------------------------------------- */

Test(mix, to_one_is_the_average_and_from_one_is_the_same)
{
    float three[] = {0.3f, 0.6f, 0.0f, -1.0f, 1.0f, 0.75f}, one[2], two[4] = {0.5f, -0.25f};
    ravel_mix(three, 3, 2, one, 1);
    cr_assert_eq(one[0], (0.3f + 0.6f + 0.0f) / 3.0f);
    cr_assert_eq(one[1], 0.25f);
    ravel_mix(two, 1, 2, two, 2); /* in place */
    const float expected[] = {0.5f, 0.5f, -0.25f, -0.25f};
    cr_assert_eq(memcmp(two, expected, sizeof two), 0);
    cr_assert(ravel_mix_possible(7, 1) && ravel_mix_possible(1, 2) && ravel_mix_possible(2, 2));
    cr_assert_not(ravel_mix_possible(3, 2));
}

Test(mix, what_is_no_number_becomes_silence)
{
    float pcm[] = {NAN, 0.5f, -INFINITY, INFINITY};
    const float expected[] = {0.0f, 0.5f, 0.0f, 0.0f};
    cr_assert_eq(ravel_mix_clean(pcm, 4), 3);
    cr_assert_eq(memcmp(pcm, expected, sizeof pcm), 0);
}

/* Reads a source to its end. return    samples */
static int64_t drain(ravel_source *source, float *out)
{
    const float *pcm;
    int64_t total = 0;
    int n;
    cr_assert_not_null(source, "%s", error.text);
    size_t channels = (size_t)ravel_source_channels(source);
    while ((n = ravel_source_read(source, &pcm, &error)) > 0) {
        memcpy(out + (size_t)total * channels, pcm, (size_t)n * channels * sizeof *pcm);
        total += n;
    }
    cr_assert_eq(n, 0, "%s", error.text);
    return total;
}

Test(audio_file, a_source_has_the_exact_length_at_any_rate)
{
    static const int rates[] = {1000, 8000, 16000, 24000, 44100, 48000, 767999};
    static float in[CHANNELS * N_SAMPLES], out[33 * CHANNELS * N_SAMPLES];
    make_signal(in);
    write_file("a.wav", 0, in);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        ravel_source *source = ravel_source_open("a.wav", NULL, rates[i], 1, i % 2 == 0, &error);
        int64_t n = ((int64_t)N_SAMPLES * rates[i] + RATE_HZ - 1) / RATE_HZ;
        cr_assert_eq(ravel_source_length(source), n);
        cr_assert_eq(ravel_source_channels(source), i % 2 == 0 ? CHANNELS : 1);
        cr_assert_eq(drain(source, out), n, "%d Hz", rates[i]);
        ravel_source_close(source);
    }
}

Test(audio_file, a_source_keeps_or_mixes_channels)
{
    static float in[CHANNELS * N_SAMPLES], out[CHANNELS * N_SAMPLES];
    make_signal(in);
    write_file("a.wav", -32, in);
    ravel_source *source = ravel_source_open("a.wav", NULL, RATE_HZ, 1, true, &error);
    cr_assert_eq(drain(source, out), N_SAMPLES);
    cr_assert_eq(memcmp(in, out, sizeof in), 0);
    ravel_source_close(source);
    source = ravel_source_open("a.wav", NULL, RATE_HZ, 1, false, &error);
    cr_assert_eq(drain(source, out), N_SAMPLES);
    for (int i = 0; i < N_SAMPLES; i++)
        cr_assert_eq(out[i], (in[2 * i] + in[2 * i + 1]) / 2.0f);
    ravel_source_close(source);
    cr_assert_null(ravel_source_open("a.wav", NULL, RATE_HZ, 4, true, &error));
    cr_assert_eq(error.status, RAVEL_ERR_DATA);
}

Test(audio_file, a_sink_writes_the_exact_length_at_any_rate)
{
    static const int rates[] = {8000, 24000, 44100, 192000};
    static float in[CHANNELS * N_SAMPLES];
    make_signal(in);
    for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
        ravel_sink_format format = {RATE_HZ, CHANNELS, rates[i], 16};
        ravel_sink *sink = ravel_sink_open("a.wav", &format, &error);
        cr_assert_not_null(sink, "%s", error.text);
        for (int at = 0; at < N_SAMPLES; at += 1000)
            cr_assert_eq(ravel_sink_write(sink, in + CHANNELS * at, 1000, &error), 0);
        cr_assert_eq(ravel_sink_close(sink, &error), 0);
        ravel_audio_reader *reader = ravel_audio_reader_open("a.wav", NULL, &error);
        int64_t n = ((int64_t)N_SAMPLES * rates[i] + RATE_HZ - 1) / RATE_HZ;
        cr_assert_eq(ravel_audio_reader_length(reader), n, "%d Hz", rates[i]);
        ravel_audio_reader_close(reader);
    }
}
