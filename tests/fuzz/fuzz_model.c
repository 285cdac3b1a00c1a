/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Model files from strangers. A model that opens runs: some frames of noise are encoded and decoded.
 *
 * The mutator works on the header, in seven of eight cases, and keeps its length field right: what
 * stands in the weights matters little.
 */
#include <string.h>

#include "ravel/ravel.h"
#include "tests/fuzz/fuzz.h"
#include "tests/support/sound.h"

enum { N_FRAMES = 3, MAX_HOP = 65536, LENGTH_BYTES = 8 };

/* Whether a few frames of it take seconds rather than minutes under the sanitizers. */
static int affordable(const ravel_model_info *info)
{
    double frame_s = (double)info->hop_samples / info->sample_rate_hz;
    double macs = info->encoder_macs + info->quantizer_macs + info->decoder_macs;
    return info->hop_samples * info->channels <= MAX_HOP && macs * frame_s < 1e8;
}

static void decode(const ravel_model *model, ravel_scratch *scratch, const uint16_t *codes,
                   int n_frames)
{
    ravel_decoder *decoder = ravel_decoder_new(model);
    int n_codebooks = ravel_model_get_info(model)->n_codebooks;
    int channels = ravel_model_get_info(model)->channels;
    int capacity = ravel_decoder_samples(decoder, n_frames, 1);
    float *pcm = malloc(((size_t)capacity * (size_t)channels + 1) * sizeof *pcm);
    int n = ravel_decoder_push(decoder, scratch, codes, n_frames, n_codebooks, pcm, capacity);
    FUZZ_CHECK(n >= 0 && n <= capacity);
    int n_last = ravel_decoder_finish(decoder, scratch, pcm + n * channels, capacity - n);
    FUZZ_CHECK(n_last >= 0 && n + n_last <= capacity);
    free(pcm);
    ravel_decoder_free(decoder);
}

/* Whole frames out of the prior, where there is one. */
static void predict(const ravel_model *model)
{
    uint16_t codes[N_FRAMES * RAVEL_MAX_CODEBOOKS];
    int n_codebooks = ravel_model_get_info(model)->n_codebooks;
    ravel_predictor *predictor = ravel_predictor_new(model, 1);
    if (predictor)
        FUZZ_CHECK(ravel_predictor_push(predictor, NULL, N_FRAMES, 0, n_codebooks, codes) ==
                   N_FRAMES);
    ravel_predictor_free(predictor);
}

static void run_model(const ravel_model *model, const ravel_model_info *info)
{
    int n_samples = N_FRAMES * info->hop_samples;
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    ravel_encoder *encoder = ravel_encoder_new(model, info->n_codebooks);
    int per_frame = ravel_model_codes_per_frame(model, info->n_codebooks);
    int capacity = ravel_encoder_frames(encoder, n_samples, 1);
    float *pcm = malloc((size_t)(n_samples * info->channels) * sizeof *pcm);
    uint16_t *codes = malloc(((size_t)capacity * (size_t)per_frame + 1) * sizeof *codes);
    ravel_test_speech(pcm, n_samples * info->channels, 24000, 5);
    int n = ravel_encoder_push(encoder, scratch, pcm, n_samples, codes, capacity);
    FUZZ_CHECK(n >= 0 && n <= capacity);
    int n_last = ravel_encoder_finish(encoder, scratch, codes + n * per_frame, capacity - n);
    FUZZ_CHECK(n_last >= 0 && n + n_last <= capacity);
    decode(model, scratch, codes, n + n_last);
    predict(model);
    free(codes);
    free(pcm);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ravel_error error = {0};
    ravel_model *model = ravel_model_open_memory(data, size, &error);
    if (model == NULL) {
        FUZZ_CHECK(error.status != RAVEL_OK && error.text[0] != '\0');
        return 0;
    }
    if (affordable(ravel_model_get_info(model))) {
        run_model(model, ravel_model_get_info(model));
    }
    ravel_model_free(model);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
    uint64_t length = 0;
    if (size < LENGTH_BYTES || seed % 8 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    memcpy(&length, data, LENGTH_BYTES);
    if (length > size - LENGTH_BYTES) {
        length = size - LENGTH_BYTES;
    }
    size_t n_weights = size - LENGTH_BYTES - (size_t)length;
    size_t room = max_size - LENGTH_BYTES - n_weights;
    uint8_t *header = malloc(room + 1);
    memcpy(header, data + LENGTH_BYTES, (size_t)length);
    uint64_t mutated = LLVMFuzzerMutate(header, (size_t)length, room);
    memmove(data + LENGTH_BYTES + mutated, data + LENGTH_BYTES + length, n_weights);
    memcpy(data + LENGTH_BYTES, header, (size_t)mutated);
    memcpy(data, &mutated, LENGTH_BYTES);
    free(header);
    return LENGTH_BYTES + (size_t)mutated + n_weights;
}
