/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * One model, several threads: all ask for the built-in model at the same time, then each runs a
 * stream of its own, and all get the bits that one thread alone gets. Run under the thread sanitizer
 * too, which is why it is a plain program without Criterion.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ravel/ravel.h"
#include "tests/support/sound.h"

enum { N_THREADS = 4, N_SAMPLES = 24000, MAX_FRAMES = 64, N_CODEBOOKS = 12 };

typedef struct {
    const float *pcm;
    const ravel_model *model;
    uint16_t codes[MAX_FRAMES * N_CODEBOOKS];
    float decoded[N_SAMPLES + 4800];
    int n_frames, n_decoded;
} stream;

static void *run_stream(void *argument)
{
    stream *s = argument;
    s->model = ravel_model_builtin();
    ravel_scratch *scratch = ravel_scratch_new(s->model, 1);
    ravel_encoder *encoder = ravel_encoder_new(s->model, N_CODEBOOKS);
    ravel_decoder *decoder = ravel_decoder_new(s->model);
    s->n_frames = ravel_encoder_push(encoder, scratch, s->pcm, N_SAMPLES, s->codes, MAX_FRAMES);
    s->n_decoded = ravel_decoder_push(decoder, scratch, s->codes, s->n_frames, N_CODEBOOKS,
                                      s->decoded, (int)(sizeof s->decoded / sizeof *s->decoded));
    ravel_decoder_free(decoder);
    ravel_encoder_free(encoder);
    ravel_scratch_free(scratch);
    return NULL;
}

static int equal(const stream *a, const stream *b)
{
    return a->model == b->model && a->n_frames == b->n_frames && a->n_decoded == b->n_decoded &&
           memcmp(a->codes, b->codes, sizeof a->codes) == 0 &&
           memcmp(a->decoded, b->decoded, sizeof a->decoded) == 0;
}

int main(void)
{
    static float pcm[N_SAMPLES];
    static stream streams[N_THREADS + 1];
    pthread_t threads[N_THREADS];
    int differences = 0;
    ravel_test_speech(pcm, N_SAMPLES, 24000, 3);
    for (int i = 0; i <= N_THREADS; i++) {
        streams[i].pcm = pcm;
    }
    for (int i = 0; i < N_THREADS; i++) {
        if (pthread_create(&threads[i], NULL, run_stream, &streams[i]) != 0) {
            fputs("test_threads: no thread\n", stderr);
            return 1;
        }
    }
    for (int i = 0; i < N_THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    run_stream(&streams[N_THREADS]);
    for (int i = 0; i < N_THREADS; i++) {
        differences += !equal(&streams[i], &streams[N_THREADS]);
    }
    printf("%d threads, %d frames each: %d differ\n", N_THREADS, streams[0].n_frames, differences);
    return differences != 0 || streams[0].n_frames <= 0 || streams[0].n_decoded <= 0;
}
