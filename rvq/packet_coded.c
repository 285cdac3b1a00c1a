/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packets whose codes are range-coded by static tables: these need nothing of other frames, and so
 * nothing of other packets. Codes go one by one, so that the stack suffices as memory.
 */
#include <string.h>

#include "nn/fpenv.h"
#include "rvq/frequencies.h"
#include "rvq/packet.h"

/* Sums of the frequencies of codebook k after codes[0 ... k - 1] of the frame. */
static void find_frequencies(const ravel_code_models *models, int k, const uint16_t *codes,
                             uint32_t *cumulative)
{
    float logits[RAVEL_FREQUENCIES_MAX_SYMBOLS];
    const uint16_t *before = codes + (k > 0 ? k - 1 : 0);
    ravel_tables_logits(models->tables, k, before, 1, 1, logits);
    ravel_frequencies_make(models->kernels, logits, models->layout->codebook_size[k], cumulative);
}

static void encode_codes(const ravel_code_models *models, const uint16_t *codes, int n_frames,
                         int n_codebooks, ravel_range_encoder *range)
{
    uint32_t cumulative[RAVEL_FREQUENCIES_MAX_SYMBOLS + 1];
    const uint64_t control = ravel_fpenv_enter();
    for (int i = 0; i < n_frames * n_codebooks && !range->failed; i++) {
        const int k = i % n_codebooks, size = models->layout->codebook_size[k];
        find_frequencies(models, k, codes + (i - k), cumulative);
        ravel_range_encode(range, ravel_frequencies_interval(cumulative, size, codes[i]));
    }
    ravel_fpenv_leave(control);
}

int ravel_coded_packet_write(const ravel_code_models *models, const uint16_t *codes, int n_frames,
                             int n_codebooks, uint8_t *packet, int capacity)
{
    const int packed =
        ravel_layout_packet_write(models->layout, codes, n_frames, n_codebooks, packet, capacity);
    if (packed < 0 || !models->tables)
        return packed;
    uint8_t bytes[RAVEL_PACKET_MAX_BYTES];
    const int header = ravel_packet_header_bytes(n_codebooks), room = packed - header - 1;
    ravel_range_encoder range;
    ravel_range_encoder_init(&range, bytes, room > 0 ? (size_t)room : 0);
    encode_codes(models, codes, n_frames, n_codebooks, &range);
    const size_t size = ravel_range_encoder_finish(&range);
    if (range.failed)
        return packed;
    packet[0] |= RAVEL_PACKET_CODED;
    memcpy(packet + header, bytes, size);
    return header + (int)size;
}

static void decode_codes(const ravel_code_models *models, int n_frames, int n_codebooks,
                         uint16_t *codes, ravel_range_decoder *range)
{
    uint32_t cumulative[RAVEL_FREQUENCIES_MAX_SYMBOLS + 1];
    const uint64_t control = ravel_fpenv_enter();
    for (int i = 0; i < n_frames * n_codebooks; i++) {
        const int k = i % n_codebooks, size = models->layout->codebook_size[k];
        find_frequencies(models, k, codes + (i - k), cumulative);
        codes[i] =
            (uint16_t)ravel_frequencies_find(cumulative, size, ravel_range_decoder_target(range));
        ravel_range_decode(range, ravel_frequencies_interval(cumulative, size, codes[i]));
    }
    ravel_fpenv_leave(control);
}

int ravel_coded_packet_read(const ravel_code_models *models, const uint8_t *packet, int n_bytes,
                            uint16_t *codes, int *n_codebooks)
{
    if (n_bytes < 1 || !(packet[0] & RAVEL_PACKET_CODED) || !models->tables)
        return ravel_layout_packet_read(models->layout, packet, n_bytes, codes, n_codebooks);
    int count;
    const int n_frames = ravel_packet_read_header(models->layout, packet, n_bytes, &count);
    if (n_frames < 0)
        return n_frames;
    if (packet[0] & RAVEL_PACKET_EXTENDED)
        return RAVEL_ERR_DATA;
    const int header = ravel_packet_header_bytes(count);
    ravel_range_decoder range;
    ravel_range_decoder_init(&range, packet + header, (size_t)(n_bytes - header));
    decode_codes(models, n_frames, count, codes, &range);
    if (!ravel_range_decoder_at_end(&range))
        return RAVEL_ERR_DATA;
    *n_codebooks = count;
    return n_frames;
}
