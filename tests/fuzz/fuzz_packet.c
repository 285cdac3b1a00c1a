/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets from the network. What is accepted holds valid codes, and written again it gives the same
 * bytes, but for an extension, which a reader drops, and where packed codes are smaller.
 */
#include <string.h>

#include "ravel/ravel.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/tiny_model.h"

enum { MAX_BYTES = 1024, EXTENSION = 0x40, CODED = 0x80 };

static void check_written(const ravel_model *model, const uint16_t *codes, int n_frames,
                          int n_codebooks, const uint8_t *packet, int size)
{
    uint8_t again[MAX_BYTES];
    int n = packet[0] & CODED
                ? ravel_packet_write_coded(model, codes, n_frames, n_codebooks, again, MAX_BYTES)
                : ravel_packet_write(model, codes, n_frames, n_codebooks, again, MAX_BYTES);
    FUZZ_CHECK(n > 0 && n <= size);
    if (!(packet[0] & EXTENSION) && (packet[0] & CODED) == (again[0] & CODED)) {
        FUZZ_CHECK(n == size && memcmp(packet, again, (size_t)n) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static ravel_model *model;
    uint16_t codes[RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS];
    int n_codebooks = 0;
    if (model == NULL) {
        model = ravel_test_model_open(RAVEL_TINY_PRIOR);
    }
    int n_frames = ravel_packet_read(model, data, (int)size, codes, &n_codebooks);
    if (n_frames > 0) {
        FUZZ_CHECK(n_frames <= RAVEL_PACKET_MAX_FRAMES);
        check_written(model, codes, n_frames, n_codebooks, data, (int)size);
    }
    return 0;
}
