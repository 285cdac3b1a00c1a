/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * `.rvl` streams, damaged or forged. The first byte says how the rest is read: bit 0 with a model,
 * bit 1 with a seek on the way.
 *
 * The mutator puts the checksums of all pages right again, in seven of eight cases: behind them lies
 * what is to be tested.
 */
#define _GNU_SOURCE
#include <ogg/ogg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ravel/io.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/tiny_model.h"

enum { CAPACITY = 16, MAX_CODES = 1 << 20, MAX_READS = 4096, PAGE_HEAD = 27 };

/* The input as a file: a name that can be opened. */
static const char *as_file(const uint8_t *data, size_t size)
{
    static char path[32];
    static int file = -1;
    if (file < 0) {
        file = memfd_create("stream", 0);
        snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    }
    FUZZ_CHECK(ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size);
    return path;
}

static size_t codes_per_frame(const ravel_stream_info *info)
{
    size_t n = 0;
    for (int i = 0; i < info->n_codebooks; i++) {
        n += (size_t)info->steps_per_frame[i];
    }
    return n;
}

static void check_codes(const ravel_stream_info *info, const uint16_t *codes, int n_frames,
                        int n_codebooks)
{
    FUZZ_CHECK(n_frames <= CAPACITY && n_codebooks > 0 && n_codebooks <= info->n_codebooks);
    if (n_frames > 0 && info->steps_per_frame[0] > 0) {
        FUZZ_CHECK(codes[0] < info->codebook_size[0]);
    }
}

static void read_all(ravel_stream_reader *reader, int seek)
{
    const ravel_stream_info *info = ravel_stream_reader_info(reader);
    size_t n_codes = (size_t)info->n_streams * CAPACITY * codes_per_frame(info);
    if (n_codes > MAX_CODES) {
        return;
    }
    uint16_t *codes = malloc((n_codes + 1) * sizeof *codes);
    for (int i = 0; i < MAX_READS; i++) {
        ravel_error error = {0};
        int n_codebooks = 0, lost = 0;
        int n = ravel_stream_reader_read(reader, codes, CAPACITY, &n_codebooks, &lost, &error);
        if (n <= 0) {
            break;
        }
        if (!lost) {
            check_codes(info, codes, n, n_codebooks);
        }
        if (seek && i == 2) {
            ravel_stream_reader_seek(reader, info->n_samples / 2, 1, &error);
        }
    }
    free(codes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ravel_model *model;
    if (model == NULL) {
        model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    }
    if (size == 0) {
        return 0;
    }
    ravel_error error = {0};
    const char *path = as_file(data + 1, size - 1);
    ravel_stream_reader *reader =
        ravel_stream_reader_open(path, data[0] & 1 ? model : NULL, &error);
    if (reader == NULL) {
        FUZZ_CHECK(error.status != RAVEL_OK && error.text[0] != '\0');
        return 0;
    }
    read_all(reader, data[0] & 2);
    ravel_stream_reader_close(reader);
    return 0;
}

/* Bytes of the page at data, or 0 where there is none. */
static size_t page_bytes(const uint8_t *data, size_t size)
{
    if (size < PAGE_HEAD || memcmp(data, "OggS", 4) != 0 || size < PAGE_HEAD + (size_t)data[26]) {
        return 0;
    }
    size_t n = PAGE_HEAD + (size_t)data[26];
    for (int i = 0; i < data[26]; i++) {
        n += data[PAGE_HEAD + i];
    }
    return n <= size ? n : 0;
}

static void repair_checksums(uint8_t *data, size_t size)
{
    for (size_t at = 0; at < size;) {
        size_t n = page_bytes(data + at, size - at);
        if (n > 0) {
            long head = PAGE_HEAD + data[at + 26];
            ogg_page page = {.header = data + at,
                             .header_len = head,
                             .body = data + at + head,
                             .body_len = (long)n - head};
            ogg_page_checksum_set(&page);
        }
        at += n > 0 ? n : 1;
    }
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    size_t mutated = LLVMFuzzerMutate(data, size, max_size);
    if (seed % 8 != 0 && mutated > 1) {
        repair_checksums(data + 1, mutated - 1);
    }
    return mutated;
}
