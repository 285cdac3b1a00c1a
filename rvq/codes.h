/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Packed codes: frame after frame, codebook after codebook, ravel_code_bits each, no gaps. What
 * packets and blocks have in common.
 */
#ifndef RAVEL_RVQ_CODES_H
#define RAVEL_RVQ_CODES_H

#include "rvq/bits.h"
#include "rvq/layout.h"

/* codes [n_frames][codes of a frame], all valid. Sets writer->failed where there is no room. */
void ravel_codes_pack(ravel_bit_writer *writer, const ravel_layout *layout, int n_codebooks,
                      const uint16_t *codes, int n_frames);

/*
 * Reads codes that must end the reader's bytes.
 * return    RAVEL_OK; RAVEL_ERR_DATA where bytes are missing or left, a code is too great for its
 *           codebook, or a padding bit is set
 */
int ravel_codes_unpack(ravel_bit_reader *reader, const ravel_layout *layout, int n_codebooks,
                       uint16_t *codes, int n_frames);

#endif
