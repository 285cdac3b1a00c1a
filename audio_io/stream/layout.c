/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/stream/layout.h"

#include <string.h>

/* As much of the model's name as the header holds, without a character cut in two. */
static void copy_name(const char *name, char copy[RAVEL_HEADER_MAX_NAME + 1])
{
    size_t n = strlen(name);
    if (n > RAVEL_HEADER_MAX_NAME) {
        n = RAVEL_HEADER_MAX_NAME;
        while (n > 0 && ((unsigned char)name[n] & 0xC0) == 0x80)
            n--;
    }
    memcpy(copy, name, n);
    copy[n] = '\0';
}

ravel_stream_header ravel_stream_header_of(const ravel_model_info *model, int n_streams)
{
    ravel_stream_header header = {.sample_rate_hz = model->sample_rate_hz,
                                  .channels = model->channels * n_streams,
                                  .hop_samples = model->hop_samples,
                                  .layout = {.n_codebooks = model->n_codebooks}};
    copy_name(model->name, header.model_name);
    memcpy(header.tokenizer_identity, model->tokenizer_identity, RAVEL_STREAM_IDENTITY_BYTES);
    for (int i = 0; i < model->n_codebooks; i++) {
        header.layout.codebook_size[i] = model->codebook_size[i];
        header.layout.steps_per_frame[i] = model->steps_per_frame[i];
    }
    return header;
}
