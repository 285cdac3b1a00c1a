/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * kernel_hash [FILE]
 *
 * Prints a hash of what each kernel gives on seeded data. With FILE, the hashes that all machines
 * and compilers must give (tests/kernel_hashes.txt), every variant that runs here is compared with
 * it; the exit status is 1 where one differs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/kernel_cases.h"

enum { ROUNDS = 100, PRODUCTS = 60, N_DTYPES = 4 };

/* FNV-1a */
static void add_bits(uint64_t *hash, const float *y, int n)
{
    for (int i = 0; i < n; i++) {
        *hash = (*hash ^ case_bits(y[i])) * UINT64_C(0x100000001b3);
    }
}

static uint64_t hash_case(const ravel_kernels *kernels, const kernel_case *c)
{
    static float input[CASE_INPUTS][CASE_LENGTH], y[CASE_LENGTH];
    const float *const in[CASE_INPUTS] = {input[0], input[1], input[2], input[3]};
    uint64_t seed = 1, hash = UINT64_C(0xcbf29ce484222325);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < CASE_INPUTS; i++) {
            case_fill(input[i], CASE_LENGTH, round % 2 == 0, &seed);
        }
        const int n = 1 + (int)(case_random(&seed) % CASE_MAX);
        memset(y, 0, sizeof y);
        add_bits(&hash, y, c->run(kernels, in, n, y));
    }
    return hash;
}

static uint64_t hash_products(const ravel_kernels *kernels, ravel_dtype dtype)
{
    static float y[PRODUCT_LENGTH];
    uint64_t seed = 2, hash = UINT64_C(0xcbf29ce484222325);
    for (int i = 0; i < PRODUCTS; i++) {
        product_case p = case_product(&seed);
        p.dtype = dtype;
        case_run_product(kernels, &p, i % 3 == 0, &seed, y);
        add_bits(&hash, y, p.n_rows * p.y_stride);
    }
    return hash;
}

/* All lines of a variant, one a kernel: "name hash". */
static void write_hashes(const ravel_kernels *kernels, char *text, size_t size)
{
    static const char *const names[N_DTYPES] = {"f32", "f16", "bf16", "i8"};
    size_t used = 0;
    for (int i = 0; i < n_kernel_cases + N_DTYPES; i++) {
        const int dtype = i - n_kernel_cases;
        const uint64_t hash = dtype < 0 ? hash_case(kernels, kernel_cases + i)
                                        : hash_products(kernels, (ravel_dtype)dtype);
        used += (size_t)snprintf(
            text + used, size - used, "%s%s %016llx\n", dtype < 0 ? "" : "matmul_",
            dtype < 0 ? kernel_cases[i].name : names[dtype], (unsigned long long)hash);
    }
}

/* Names the lines of `got` that `golden` does not have; returns their number. */
static int count_differences(const char *variant, char *got, const char *golden)
{
    int different = 0;
    for (char *line = strtok(got, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strstr(golden, line) == NULL) {
            printf("%s differs: %s\n", variant, line);
            different++;
        }
    }
    return different;
}

static int check(const char *path)
{
    static const char *const variants[] = {"avx512", "avx2", "neon", "c"};
    static char golden[4096], got[4096];
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return 1;
    }
    golden[fread(golden, 1, sizeof golden - 1, file)] = '\0';
    (void)fclose(file);
    int different = 0;
    for (size_t v = 0; v < sizeof variants / sizeof variants[0]; v++) {
        const ravel_kernels *kernels = ravel_kernels_named(variants[v]);
        if (kernels != NULL) {
            write_hashes(kernels, got, sizeof got);
            const int n = count_differences(variants[v], got, golden);
            printf("%s: %s\n", variants[v], n == 0 ? "equal" : "different");
            different += n;
        }
    }
    return different == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        return check(argv[1]);
    }
    const ravel_kernels *kernels = ravel_kernels_select();
    if (kernels == NULL) {
        (void)fprintf(stderr, "kernel_hash: RAVEL_CPU names what cannot run here\n");
        return 1;
    }
    static char text[4096];
    write_hashes(kernels, text, sizeof text);
    return fputs(text, stdout) < 0;
}
