/* SPDX-License-Identifier: BSD-3-Clause */
/* Packets of a model: rvq/packet.h with the model's layout. */
#include "rvq/packet.h"

#include "codec/model.h"

int ravel_packet_size(const ravel_model *model, int n_frames, int n_codebooks)
{
    return ravel_layout_packet_size(&model->layout, n_frames, n_codebooks);
}

int ravel_packet_write(const ravel_model *model, const uint16_t *codes, int n_frames,
                       int n_codebooks, uint8_t *packet, int capacity)
{
    return ravel_layout_packet_write(&model->layout, codes, n_frames, n_codebooks, packet,
                                     capacity);
}

int ravel_packet_read(const ravel_model *model, const uint8_t *packet, int n_bytes, uint16_t *codes,
                      int *n_codebooks)
{
    const ravel_code_models models = ravel_model_code_models(model);
    return ravel_coded_packet_read(&models, packet, n_bytes, codes, n_codebooks);
}

int ravel_packet_write_coded(const ravel_model *model, const uint16_t *codes, int n_frames,
                             int n_codebooks, uint8_t *packet, int capacity)
{
    const ravel_code_models models = ravel_model_code_models(model);
    return ravel_coded_packet_write(&models, codes, n_frames, n_codebooks, packet, capacity);
}
