/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The factorised quantiser against the reference implementation of DAC: its vectors hold latents,
 * the codes that PyTorch found for them, and what these stand for. Where the vectors are missing
 * (../shared beside the sources, or where RAVEL_SHARED says) the tests are skipped, and say so.
 */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "codec/safetensors.h"
#include "rvq/quantizer.h"
#include "tests/support/npy.h"

enum { PATH = 500, STAGES = 6, DIM = 128 };

static void path_of(char path[PATH], const char *name)
{
    const char *shared = getenv("RAVEL_SHARED");
    (void)snprintf(path, PATH, "%s/vectors/dac-a/%s", shared ? shared : RAVEL_SHARED_DIR, name);
}

static void *read_model(size_t *size)
{
    char path[PATH];
    path_of(path, "model.safetensors");
    FILE *file = fopen(path, "rb");
    if (!file) {
        cr_skip_test("SKIPPED: no %s (RAVEL_SHARED names another place)", path);
    }
    void *data = malloc(1 << 22);
    *size = fread(data, 1, 1 << 22, file);
    (void)fclose(file);
    return data;
}

static ravel_npy load(const char *name)
{
    char path[PATH];
    ravel_npy array;
    path_of(path, name);
    cr_assert_eq(ravel_npy_read(path, &array), 0, "%s", path);
    return array;
}

/* --- The quantiser from DAC's own tensors --------------------------------------------------- */

static ravel_tensor tensor(const ravel_safetensors *st, int stage, const char *name)
{
    char full[100];
    (void)snprintf(full, sizeof full, "quantizer.quantizers.%d.%s", stage, name);
    const ravel_entry *entry = ravel_safetensors_find(st, full);
    cr_assert_not_null(entry, "%s", full);
    return entry->tensor;
}

/* Weight norm undone: g v / |v| for each output. Free the data. */
static ravel_tensor fold(ravel_tensor v, ravel_tensor g)
{
    const size_t rows = (size_t)v.shape[0], width = ravel_tensor_count(&v) / rows;
    float *weight = malloc(rows * width * sizeof *weight);
    for (size_t n = 0; n < rows; n++) {
        double squares = 0.0;
        for (size_t k = 0; k < width; k++) {
            const double value = (double)ravel_tensor_get(&v, n * width + k);
            squares += value * value;
        }
        const double gain = (double)ravel_tensor_get(&g, n) / sqrt(squares);
        for (size_t k = 0; k < width; k++) {
            weight[n * width + k] = (float)(gain * (double)ravel_tensor_get(&v, n * width + k));
        }
    }
    v.data = weight;
    return v;
}

static ravel_quantizer *new_stage(const ravel_safetensors *st, int stage)
{
    ravel_error error = {0};
    const ravel_kernels *kernels = ravel_kernels_select();
    const ravel_tensor book = tensor(st, stage, "codebook.weight");
    const ravel_tensor in_bias = tensor(st, stage, "in_proj.bias");
    const ravel_tensor out_bias = tensor(st, stage, "out_proj.bias");
    const ravel_tensor in =
        fold(tensor(st, stage, "in_proj.weight_v"), tensor(st, stage, "in_proj.weight_g"));
    const ravel_tensor out =
        fold(tensor(st, stage, "out_proj.weight_v"), tensor(st, stage, "out_proj.weight_g"));
    const ravel_projection_spec spec = {
        .in_weight = &in, .in_bias = &in_bias, .out_weight = &out, .out_bias = &out_bias};
    ravel_quantizer *q = ravel_projected_new(
        kernels, &spec, ravel_codebook_new(kernels, &book, RAVEL_SEARCH_COSINE, &error), &error);
    cr_assert_not_null(q, "%s", error.text);
    free((void *)in.data);
    free((void *)out.data);
    return q;
}

static ravel_quantizer *new_quantizer(void)
{
    ravel_error error = {0};
    ravel_safetensors st;
    ravel_quantizer *stages[STAGES];
    size_t size;
    void *file = read_model(&size);
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, &error), 0, "%s", error.text);
    for (int s = 0; s < STAGES; s++) {
        stages[s] = new_stage(&st, s);
    }
    ravel_safetensors_free(&st);
    free(file);
    return ravel_residual_quantizer_new(ravel_kernels_select(), stages, STAGES, &error);
}

/* --- Comparison ----------------------------------------------------------------------------- */

static ravel_arena new_arena(const ravel_quantizer *q, int n)
{
    const size_t size = q->ops->scratch_size(q, n);
    return (ravel_arena){.base = aligned_alloc(64, size), .size = size};
}

/* The array is [channel][time], ours [time][channel]. Greatest difference. */
static double difference(const float *ours, const ravel_npy *reference, int n, int width)
{
    double greatest = 0.0;
    for (int i = 0; i < n; i++) {
        for (int c = 0; c < width; c++) {
            const double value = (double)reference->values[c * n + i];
            greatest = fmax(greatest, fabs((double)ours[i * width + c] - value));
        }
    }
    return greatest;
}

/* The least margin of the vectors is 6e-4, far above rounding: every code has to be equal. */
static void check(const char *latent_name, const char *codes_name, const char *quantized_name)
{
    ravel_quantizer *q = new_quantizer();
    ravel_npy latent = load(latent_name), codes = load(codes_name), sums = load(quantized_name);
    const int n = (int)latent.shape[1], used = (int)codes.shape[0];
    float *x = malloc(latent.count * sizeof *x), *y = malloc(latent.count * sizeof *y);
    uint16_t *found = malloc(codes.count * sizeof *found);
    ravel_arena arena = new_arena(q, n);
    cr_assert_eq(latent.shape[0], DIM);
    for (int i = 0; i < n * DIM; i++) {
        x[i] = latent.values[i % DIM * n + i / DIM];
    }
    q->ops->encode(q, x, n, used, found, used, y, &arena);
    for (int i = 0; i < n * used; i++) {
        cr_assert_eq(found[i], (int)codes.values[i % used * n + i / used], "vector %d, codebook %d",
                     i / used, i % used);
    }
    if (used == STAGES) {
        const double worst = difference(y, &sums, n, DIM);
        cr_log_info("%s: %d codes equal, sums within %.2g", latent_name, n * used, worst);
        cr_assert_leq(worst, 1e-5);
    }
    free(arena.base);
    free(x);
    free(y);
    free(found);
    ravel_npy_free(&latent);
    ravel_npy_free(&codes);
    ravel_npy_free(&sums);
    ravel_quantizer_destroy(q);
}

Test(dac_quantizer, all_codebooks)
{
    check("latent.npy", "codes.npy", "quantized.npy");
}

Test(dac_quantizer, three_of_them)
{
    check("latent.npy", "codes_nq3.npy", "quantized.npy");
}

Test(dac_quantizer, short_input)
{
    check("short_latent.npy", "short_codes.npy", "short_quantized.npy");
}
