/* SPDX-License-Identifier: BSD-3-Clause */
/*
 *     measure REFERENCE DEGRADED
 *
 * Prints "estoi E mel_db D seconds S" of two sound files, mixed to mono (tools/measure.h).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/source.h"
#include "tools/measure.h"

enum { MAX_SAMPLES = 1 << 28 };

typedef struct {
    float *pcm;
    int n, capacity;
} sound;

/* return: a negative status where there is no memory, or more sound than can be counted */
static int append(sound *s, const float *pcm, int n)
{
    if (n > MAX_SAMPLES - s->n)
        return RAVEL_ERR_SPACE;
    if (s->n + n > s->capacity) {
        int capacity = 2 * (s->n + n);
        float *grown = realloc(s->pcm, (size_t)capacity * sizeof *grown);
        if (!grown)
            return RAVEL_ERR_MEMORY;
        s->pcm = grown;
        s->capacity = capacity;
    }
    memcpy(s->pcm + s->n, pcm, (size_t)n * sizeof *pcm);
    s->n += n;
    return n;
}

static void complain(const char *path, const char *text)
{
    (void)fprintf(stderr, "measure: %s: %s\n", path, text);
}

/* The whole file at rate_hz, mono. return: 0, or 1 after a message */
static int load(const char *path, int rate_hz, sound *s)
{
    ravel_error error = {0};
    const float *pcm;
    int n = 0;
    ravel_source *source = ravel_source_open(path, NULL, rate_hz, 1, false, &error);
    if (!source) {
        complain(path, error.text);
        return 1;
    }
    while ((n = ravel_source_read(source, &pcm, &error)) > 0) {
        int status = append(s, pcm, n);
        if (status < 0) {
            complain(path, ravel_strerror(status));
            n = 1;
            break;
        }
    }
    if (n < 0)
        complain(path, error.text);
    ravel_source_close(source);
    return n != 0;
}

typedef int measure_function(const float *reference, const float *degraded, int n, double *value);

/* return: seconds measured, or a negative number after a message */
static double compare(measure_function *measure, char **paths, int rate_hz, double *value)
{
    sound reference = {0}, degraded = {0};
    double seconds = -1;
    if (!load(paths[0], rate_hz, &reference) && !load(paths[1], rate_hz, &degraded)) {
        int n = reference.n < degraded.n ? reference.n : degraded.n;
        int status = measure(reference.pcm, degraded.pcm, n, value);
        if (status == RAVEL_OK)
            seconds = (double)n / rate_hz;
        else
            complain(paths[0], status == RAVEL_ERR_DATA ? "too little sound to measure"
                                                        : ravel_strerror(status));
    }
    free(reference.pcm);
    free(degraded.pcm);
    return seconds;
}

int main(int argc, char **argv)
{
    double estoi = 0, mel_db = 0;
    if (argc != 3) {
        (void)fputs("Usage: measure REFERENCE DEGRADED\n", stderr);
        return 2;
    }
    if (compare(ravel_measure_estoi, argv + 1, RAVEL_ESTOI_RATE_HZ, &estoi) < 0)
        return 1;
    double seconds = compare(ravel_measure_mel, argv + 1, RAVEL_MEL_RATE_HZ, &mel_db);
    if (seconds < 0)
        return 1;
    (void)printf("estoi %.4f mel_db %.3f seconds %.3f\n", estoi, mel_db, seconds);
    return 0;
}
