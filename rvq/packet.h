/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet: one to four frames for one datagram of a call. It needs no other packet and no state;
 * which model it belongs to was agreed when the call was set up. docs/format.md, "Packet".
 *
 *      7   6   5   4   3   2   1   0
 *    +---+---+-------+---------------+
 *    | V | X |   F   |       C       |  [C = 15: one byte, codebooks - 1]  codes ...  [extension]
 *    +---+---+-------+---------------+
 *
 *    V  0; a packet with 1 is of a later version and is not understood
 *    X  after the codes, at the next byte, there is something that a reader may ignore
 *    F  frames - 1
 *    C  codebooks - 1 where that is below 15
 *
 * No function allocates or keeps state; all may be called on a real-time thread.
 */
#ifndef RAVEL_RVQ_PACKET_H
#define RAVEL_RVQ_PACKET_H

#include "rvq/layout.h"

/*
 * All three refuse layouts where a steps_per_frame is not 1 (RAVEL_ERR_MODEL), and n_frames or
 * n_codebooks out of range (RAVEL_ERR_ARGUMENT).
 */

/* Bytes of a packet of n_frames frames of n_codebooks codebooks. */
int ravel_layout_packet_size(const ravel_layout *layout, int n_frames, int n_codebooks);

/*
 * codes      [n_frames][n_codebooks]; one that is too great for its codebook: RAVEL_ERR_ARGUMENT
 * return     bytes written; RAVEL_ERR_SPACE where capacity is less
 */
int ravel_layout_packet_write(const ravel_layout *layout, const uint16_t *codes, int n_frames,
                              int n_codebooks, uint8_t *packet, int capacity);

/*
 * packet         n_bytes from the network
 * codes          room for RAVEL_PACKET_MAX_FRAMES * layout->n_codebooks; undefined on failure
 * n_codebooks    set on success: codes are [frames][*n_codebooks]
 * return         frames; RAVEL_ERR_VERSION for V = 1; RAVEL_ERR_MODEL for more codebooks than the
 *                layout has; RAVEL_ERR_DATA where the size is not what the header says, a code is
 *                too great for its codebook, or a padding bit is set
 */
int ravel_layout_packet_read(const ravel_layout *layout, const uint8_t *packet, int n_bytes,
                             uint16_t *codes, int *n_codebooks);

#endif
