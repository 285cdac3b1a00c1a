/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/codes.h"

void ravel_codes_pack(ravel_bit_writer *writer, const ravel_layout *layout, int n_codebooks,
                      const uint16_t *codes, int n_frames)
{
    for (int f = 0; f < n_frames; f++) {
        for (int b = 0; b < n_codebooks; b++) {
            const int bits = ravel_code_bits(layout->codebook_size[b]);
            for (int s = 0; s < layout->steps_per_frame[b]; s++) {
                ravel_bits_write(writer, *codes++, bits);
            }
        }
    }
}

int ravel_codes_unpack(ravel_bit_reader *reader, const ravel_layout *layout, int n_codebooks,
                       uint16_t *codes, int n_frames)
{
    uint16_t *code = codes;
    for (int f = 0; f < n_frames; f++) {
        for (int b = 0; b < n_codebooks; b++) {
            const int bits = ravel_code_bits(layout->codebook_size[b]);
            for (int s = 0; s < layout->steps_per_frame[b]; s++) {
                *code++ = (uint16_t)ravel_bits_read(reader, bits);
            }
        }
    }
    const bool good = ravel_bit_reader_at_end(reader) &&
                      ravel_layout_codes_valid(layout, n_codebooks, codes, n_frames);
    return good ? RAVEL_OK : RAVEL_ERR_DATA;
}
