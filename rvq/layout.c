/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/layout.h"

bool ravel_layout_valid(const ravel_layout *layout)
{
    bool valid = layout->n_codebooks >= 1 && layout->n_codebooks <= RAVEL_MAX_CODEBOOKS;
    for (int b = 0; valid && b < layout->n_codebooks; b++) {
        const int size = layout->codebook_size[b], steps = layout->steps_per_frame[b];
        valid = size >= 2 && size <= RAVEL_MAX_CODEBOOK_SIZE && steps >= 1 &&
                steps <= RAVEL_MAX_STEPS_PER_FRAME;
    }
    return valid;
}

int ravel_code_bits(int codebook_size)
{
    int bits = 0;
    while (1 << bits < codebook_size) {
        bits++;
    }
    return bits;
}

int ravel_layout_codes(const ravel_layout *layout, int n_codebooks)
{
    int codes = 0;
    for (int b = 0; b < n_codebooks; b++) {
        codes += layout->steps_per_frame[b];
    }
    return codes;
}

int ravel_layout_bits(const ravel_layout *layout, int n_codebooks)
{
    int bits = 0;
    for (int b = 0; b < n_codebooks; b++) {
        bits += layout->steps_per_frame[b] * ravel_code_bits(layout->codebook_size[b]);
    }
    return bits;
}

bool ravel_layout_codes_valid(const ravel_layout *layout, int n_codebooks, const uint16_t *codes,
                              int n_frames)
{
    for (int f = 0; f < n_frames; f++) {
        for (int b = 0; b < n_codebooks; b++) {
            for (int s = 0; s < layout->steps_per_frame[b]; s++) {
                if (*codes++ >= layout->codebook_size[b])
                    return false;
            }
        }
    }
    return true;
}
