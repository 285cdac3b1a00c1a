/* SPDX-License-Identifier: BSD-3-Clause */
/* Tensors are widened exactly, and matrices packed where nn/matrix.h says. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "nn/half.h"
#include "nn/matrix.h"
#include "ravel/ravel.h"

Test(tensor, widens_every_binary16)
{
    for (uint32_t bits = 0; bits <= 0xffff; bits++) {
        const int exponent = (int)(bits >> 10 & 31), mantissa = (int)(bits & 1023);
        const double magnitude =
            exponent == 0 ? ldexp(mantissa, -24) : ldexp(1024 + mantissa, exponent - 25);
        const float value = ravel_widen_f16((uint16_t)bits);
        cr_assert_eq(signbit(value) != 0, bits >> 15);
        if (exponent < 31) {
            cr_assert((double)fabsf(value) == magnitude, "%x", bits);
        } else {
            cr_assert(mantissa == 0 ? isinf(value) : isnan(value), "%x", bits);
        }
    }
}

/* Halves, what lies in the middle of two, and the floats next to that. */
Test(tensor, narrows_to_the_nearest_binary16)
{
    for (uint32_t bits = 0; bits < 0x7c00; bits++) {
        const float value = ravel_widen_f16((uint16_t)bits);
        const float next = bits + 1 < 0x7c00 ? ravel_widen_f16((uint16_t)(bits + 1)) : 65536.0f;
        const float middle = value + (next - value) / 2.0f;
        cr_assert_eq(ravel_narrow_f16(value), bits);
        cr_assert_eq(ravel_narrow_f16(-value), bits | 0x8000);
        cr_assert_eq(ravel_narrow_f16(middle), bits + (bits & 1), "%x", bits);
        cr_assert_eq(ravel_narrow_f16(-middle), (bits + (bits & 1)) | 0x8000, "%x", bits);
        cr_assert_eq(ravel_narrow_f16(nextafterf(middle, 0.0f)), bits, "%x", bits);
        cr_assert_eq(ravel_narrow_f16(nextafterf(middle, INFINITY)), bits + 1, "%x", bits);
    }
    cr_assert_eq(ravel_narrow_f16(0x1p-149f), 0);
    cr_assert_eq(ravel_narrow_f16(-0x1p-30f), 0x8000);
    cr_assert_eq(ravel_narrow_f16(3e38f), 0x7c00);
    cr_assert_eq(ravel_narrow_f16(-INFINITY), 0xfc00);
    cr_assert_eq(ravel_narrow_f16(NAN) & 0x7e00, 0x7e00);
}

Test(tensor, reads_unaligned_elements_of_every_type)
{
    const float f = -1.5f;
    const uint16_t halves[] = {0xbe00, 0xbfc0}; /* binary16, bfloat16 */
    char bytes[16];
    const ravel_tensor f32 = {"t", bytes + 1, RAVEL_F32, 2, {3, 5}};
    const ravel_tensor f16 = {"t", bytes + 5, RAVEL_F16, 0, {0}};
    const ravel_tensor bf16 = {"t", bytes + 7, RAVEL_BF16, 0, {0}};
    const ravel_tensor i8 = {"t", bytes + 8, RAVEL_I8, 0, {0}};
    memcpy(bytes + 1, &f, sizeof f);
    memcpy(bytes + 5, halves, 2);
    memcpy(bytes + 7, halves + 1, 2);
    bytes[9] = -128;
    cr_assert(ravel_tensor_get(&f32, 0) == -1.5f && ravel_tensor_get(&f16, 0) == -1.5f);
    cr_assert(ravel_tensor_get(&bf16, 0) == -1.5f && ravel_tensor_get(&i8, 1) == -128.0f);
    cr_assert_eq(ravel_tensor_count(&f32), 15);
    cr_assert_eq(ravel_tensor_count(&f16), 1);
    cr_assert_eq(ravel_dtype_size(RAVEL_F32) + ravel_dtype_size(RAVEL_F16), 6);
    cr_assert_eq(ravel_dtype_size(RAVEL_BF16) + ravel_dtype_size(RAVEL_I8), 3);
}

/* Element (k, n) of a 3 x 40 matrix; input 1 does not exist in the source. */
static ptrdiff_t without_the_middle(const void *context, int k, int n)
{
    (void)context;
    return k == 1 ? -1 : n + 40 * (k / 2);
}

Test(matrix, packs_panels_and_pads_with_zeros)
{
    int8_t elements[80];
    float scales[2] = {3.0f, 7.0f}, biases[2] = {0.25f, 0.5f};
    int source[40];
    for (int i = 0; i < 80; i++) {
        elements[i] = (int8_t)(i + 1);
        source[i % 40] = i % 2;
    }
    const ravel_tensor weight = {"w", elements, RAVEL_I8, 2, {2, 40}};
    const ravel_tensor scale = {"s", scales, RAVEL_F32, 1, {2}};
    const ravel_tensor bias = {"b", biases, RAVEL_F32, 1, {2}};
    ravel_matrix m;
    cr_assert_eq(
        ravel_matrix_pack(&m, 3, 40, &weight, without_the_middle, NULL, &scale, &bias, source), 0);
    const int8_t *panels = m.panels;
    for (int k = 0; k < 3; k++) {
        for (int n = 0; n < 64; n++) {
            const int expected = k == 1 || n >= 40 ? 0 : n + 1 + 40 * (k / 2);
            cr_assert_eq(panels[(n / RAVEL_PANEL * 3 + k) * RAVEL_PANEL + n % RAVEL_PANEL],
                         expected);
        }
    }
    for (int n = 0; n < 64; n++) {
        cr_assert(m.scale[n] == (n < 40 ? scales[n % 2] : 0.0f));
        cr_assert(m.bias[n] == (n < 40 ? biases[n % 2] : 0.0f));
    }
    cr_assert_eq((uintptr_t)m.panels % 64, 0);
    cr_assert_eq(ravel_matrix_bytes(&m), 64 * (3 + 2 * sizeof(float)));
    ravel_matrix_free(&m);
    cr_assert_null(m.panels);
}

Test(matrix, refuses_sizes_that_do_not_fit)
{
    const float element = 1.0f;
    const ravel_tensor weight = {"w", &element, RAVEL_F32, 2, {1, 1}};
    ravel_matrix m;
    cr_assert_eq(ravel_matrix_pack(&m, INT32_MAX, INT32_MAX, &weight, without_the_middle, NULL,
                                   NULL, NULL, NULL),
                 RAVEL_ERR_MEMORY);
    cr_assert(m.panels == NULL && m.bias == NULL && m.scale == NULL);
}

/* --- Numbers that are none ------------------------------------------------------------------ */

/* Bits in a row of zeros that is longer than the stretches it is looked through in. */
static bool finite_with(ravel_dtype dtype, uint32_t bits, size_t at)
{
    enum { N = 5000 };
    static char data[N * sizeof bits + 1];
    char *unaligned = data + 1;
    const size_t size = ravel_dtype_size(dtype);
    memset(data, 0, sizeof data);
    memcpy(unaligned + at * size, &bits, size);
    return ravel_tensor_finite(
        &(ravel_tensor){.name = "x", .data = unaligned, .dtype = dtype, .rank = 1, .shape = {N}});
}

Test(tensor, tells_what_is_not_finite)
{
    static const struct {
        ravel_dtype dtype;
        uint32_t largest, infinite, negative, none;
    } types[] = {{RAVEL_F32, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000},
                 {RAVEL_F16, 0x7bff, 0x7c00, 0xfc00, 0x7e00},
                 {RAVEL_BF16, 0x7f7f, 0x7f80, 0xff80, 0x7fc0}};
    static const size_t places[] = {0, 4095, 4096, 4999};
    for (size_t t = 0; t < sizeof types / sizeof types[0]; t++) {
        for (size_t p = 0; p < sizeof places / sizeof places[0]; p++) {
            cr_assert(finite_with(types[t].dtype, types[t].largest, places[p]));
            cr_assert_not(finite_with(types[t].dtype, types[t].infinite, places[p]));
            cr_assert_not(finite_with(types[t].dtype, types[t].negative, places[p]));
            cr_assert_not(finite_with(types[t].dtype, types[t].none, places[p]));
        }
    }
    cr_assert(finite_with(RAVEL_I8, 0x7f, 0));
}
