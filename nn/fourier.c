/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/fourier.h"

#include <stdlib.h>

#include "nn/layer_impl.h"
#include "nn/turn.h"

/* k n / N of a turn, the whole turns taken off exactly. */
static ravel_angle angle(int n_fft, int k, int n)
{
    const int64_t part = (int64_t)k * n % n_fft;
    return ravel_turn((double)part / n_fft);
}

double ravel_fourier_cosine(int n_fft, int k, int n)
{
    return angle(n_fft, k, n).cosine;
}

double ravel_fourier_sine(int n_fft, int k, int n)
{
    return angle(n_fft, k, n).sine;
}

double ravel_hann(int n_fft, int n)
{
    return 0.5 - 0.5 * ravel_fourier_cosine(n_fft, 1, n);
}

static ptrdiff_t row_major(const void *context, int k, int n)
{
    const int *n_out = context;
    return (ptrdiff_t)k * *n_out + n;
}

bool ravel_fourier_pack(ravel_matrix *matrix, int n_fft, int n_in, int n_out,
                        ravel_fourier_element *element, ravel_error *error)
{
    const size_t columns = (size_t)n_out;
    float *values = malloc((size_t)n_in * columns * sizeof *values);
    if (values == NULL) {
        ravel_error_memory(error);
        return false;
    }
    for (int i = 0; i < n_in; i++) {
        for (int j = 0; j < n_out; j++) {
            values[(size_t)i * columns + (size_t)j] = (float)element(n_fft, i, j);
        }
    }
    const ravel_tensor tensor = {.name = "the Fourier matrix",
                                 .data = values,
                                 .dtype = RAVEL_F32,
                                 .rank = 2,
                                 .shape = {n_in, n_out}};
    const int status =
        ravel_matrix_pack(matrix, n_in, n_out, &tensor, row_major, &n_out, NULL, NULL, NULL);
    free(values);
    if (status != 0) {
        ravel_error_memory(error);
    }
    return status == 0;
}

bool ravel_fourier_check(int n_fft, int hop, ravel_error *error)
{
    if (n_fft < 4 || n_fft > RAVEL_MAX_FFT || n_fft % 2 != 0) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "n_fft %d is not an even number in 4 ... %d", n_fft,
                        RAVEL_MAX_FFT);
        return false;
    }
    if (hop < 1 || hop > n_fft) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "hop %d is not in 1 ... n_fft %d", hop, n_fft);
        return false;
    }
    return true;
}
