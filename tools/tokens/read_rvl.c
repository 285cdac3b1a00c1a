/* SPDX-License-Identifier: BSD-3-Clause */
/* .rvl streams of one stream of codes: the tokens are their codes, in parallel. */
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "ravel/io.h"
#include "tools/tokens/token_file_inside.h"

enum { PIECE_FRAMES = 256 };

static void close_rvl(ravel_token_file *file)
{
    ravel_stream_reader_close(file->state);
}

static int describe(ravel_token_file *file, const ravel_stream_info *info, int n_codebooks,
                    ravel_error *error)
{
    ravel_model_info model = {.name = info->model_name,
                              .sample_rate_hz = info->sample_rate_hz,
                              .channels = info->channels,
                              .hop_samples = info->hop_samples,
                              .n_codebooks = info->n_codebooks};
    const ravel_token_options options = {.n_codebooks = n_codebooks,
                                         .numbers = RAVEL_TOKENS_SHARED};
    memcpy(model.codebook_size, info->codebook_size, sizeof model.codebook_size);
    memcpy(model.steps_per_frame, info->steps_per_frame, sizeof model.steps_per_frame);
    memcpy(model.tokenizer_identity, info->tokenizer_identity, sizeof info->tokenizer_identity);
    const int status = ravel_token_meta_make(&file->meta, &model, &options, error);
    file->meta.n_identity = (int)sizeof info->tokenizer_identity;
    file->described = true;
    return status;
}

/* Frames of one piece behind the others. All have the codebooks of the first. */
static int append(ravel_token_file *file, ravel_utterance *utterance, const uint16_t *codes, int n,
                  int n_codebooks, ravel_error *error)
{
    int status = 0;
    if (!file->described)
        status = describe(file, ravel_stream_reader_info(file->state), n_codebooks, error);
    if (status < 0)
        return status;
    if (n_codebooks != file->meta.layout.n_codebooks)
        return ravel_error_set(error, RAVEL_ERR_DATA, "the number of codebooks changes");
    const size_t columns = (size_t)file->meta.layout.columns;
    const size_t before = (size_t)utterance->n_frames * columns, more = (size_t)n * columns;
    uint16_t *larger = realloc(utterance->codes, (before + more) * sizeof *larger);
    if (larger == NULL)
        return ravel_error_memory(error);
    memcpy(larger + before, codes, more * sizeof *larger);
    utterance->codes = larger;
    utterance->n_frames += n;
    return 0;
}

static int read_frames(ravel_token_file *file, ravel_utterance *utterance, uint16_t *codes,
                       ravel_error *error)
{
    for (;;) {
        int n_codebooks, lost;
        const int n =
            ravel_stream_reader_read(file->state, codes, PIECE_FRAMES, &n_codebooks, &lost, error);
        if (n <= 0)
            return n;
        if (lost)
            return ravel_error_set(error, RAVEL_ERR_DATA,
                                   "the stream is damaged: %d frames are lost", n);
        const int status = append(file, utterance, codes, n, n_codebooks, error);
        if (status < 0)
            return status;
    }
}

static int next_rvl(ravel_token_file *file, ravel_utterance *utterance, bool *lost,
                    ravel_error *error)
{
    const ravel_stream_info *info = ravel_stream_reader_info(file->state);
    const char *slash = strrchr(file->path, '/'), *name = slash != NULL ? slash + 1 : file->path;
    size_t columns = 0;
    if (file->described)
        return 0;
    *lost = true;
    if (info->n_streams != 1)
        return ravel_error_set(error, RAVEL_ERR_DATA, "%d channels apart; one utterance is wanted",
                               info->n_streams);
    for (int b = 0; b < info->n_codebooks; b++)
        columns += (size_t)info->steps_per_frame[b];
    uint16_t *codes = malloc(PIECE_FRAMES * columns * sizeof *codes);
    utterance->name = strndup(name, strlen(name) - strlen(".rvl"));
    int status = codes != NULL && utterance->name != NULL
                     ? read_frames(file, utterance, codes, error)
                     : ravel_error_memory(error);
    free(codes);
    if (status == 0 && !file->described)
        status = ravel_error_set(error, RAVEL_ERR_DATA, "the stream holds no frames");
    utterance->meta = file->meta;
    utterance->n_samples = info->n_samples;
    return status < 0 ? status : 1;
}

int ravel_token_open_rvl(ravel_token_file *file, ravel_error *error)
{
    file->state = ravel_stream_reader_open(file->path, file->model, error);
    if (file->state == NULL && error->status == RAVEL_ERR_MODEL)
        file->state = ravel_stream_reader_open(file->path, NULL, error); /* plain codes */
    if (file->state == NULL)
        return (int)error->status;
    file->next = next_rvl;
    file->close = close_rvl;
    return 0;
}
