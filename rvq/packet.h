/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The packet: one to four frames for one datagram of a call. It needs no other packet and no state;
 * which model it belongs to was agreed when the call was set up. docs/format.md, "Packet".
 *
 *      7   6   5   4   3   2   1   0
 *    +---+---+-------+---------------+
 *    | E | X |   F   |       C       |  [C = 15: one byte, codebooks - 1]  codes ...  [extension]
 *    +---+---+-------+---------------+
 *
 *    E  0: codes are packed; 1: range-coded by static tables, and X is 0
 *    X  after the codes, at the next byte, there is something that a reader may ignore
 *    F  frames - 1
 *    C  codebooks - 1 where that is below 15
 *
 * No function allocates or keeps state; all may be called on a real-time thread.
 */
#ifndef RAVEL_RVQ_PACKET_H
#define RAVEL_RVQ_PACKET_H

#include "rvq/block_coder.h"

enum {
    RAVEL_PACKET_CODED = 0x80,    /* E, of the first byte */
    RAVEL_PACKET_EXTENDED = 0x40, /* X */
    RAVEL_PACKET_MAX_BYTES = 2 + RAVEL_PACKET_MAX_FRAMES * RAVEL_MAX_CODEBOOKS * 2
};

/*
 * The first three refuse layouts where a steps_per_frame is not 1 (RAVEL_ERR_MODEL), and n_frames or
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
 * return         frames; RAVEL_ERR_VERSION for range-coded codes; RAVEL_ERR_MODEL for more
 *                codebooks than the layout has; RAVEL_ERR_DATA where the size is not what the header
 *                says, a code is too great for its codebook, or a padding bit is set
 */
int ravel_layout_packet_read(const ravel_layout *layout, const uint8_t *packet, int n_bytes,
                             uint16_t *codes, int *n_codebooks);

/* Bytes before the codes. */
int ravel_packet_header_bytes(int n_codebooks);
/*
 * Reads these bytes, and checks what E leaves to be checked. return    frames, or as
 * ravel_layout_packet_read
 */
int ravel_packet_read_header(const ravel_layout *layout, const uint8_t *packet, int n_bytes,
                             int *n_codebooks);

/* As ravel_layout_packet_write; range-coded where the model has tables and that takes fewer bytes. */
int ravel_coded_packet_write(const ravel_code_models *models, const uint16_t *codes, int n_frames,
                             int n_codebooks, uint8_t *packet, int capacity);

/* As ravel_layout_packet_read, of packets with E = 1 as well where the model has tables. */
int ravel_coded_packet_read(const ravel_code_models *models, const uint8_t *packet, int n_bytes,
                            uint16_t *codes, int *n_codebooks);

#endif
