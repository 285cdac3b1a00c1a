/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/tensor.h"

#include <string.h>

#include "nn/half.h"

#if defined(__BYTE_ORDER__)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "weights are read as they lie in files");
#endif

size_t ravel_dtype_size(ravel_dtype dtype)
{
    switch (dtype) {
    case RAVEL_F32:
        return 4;
    case RAVEL_F16:
    case RAVEL_BF16:
        return 2;
    case RAVEL_I8:
        return 1;
    }
    return 0;
}

size_t ravel_tensor_count(const ravel_tensor *tensor)
{
    size_t count = 1;
    for (int i = 0; i < tensor->rank; i++) {
        count *= (size_t)tensor->shape[i];
    }
    return count;
}

float ravel_tensor_get(const ravel_tensor *tensor, size_t i)
{
    const size_t size = ravel_dtype_size(tensor->dtype);
    const char *element = (const char *)tensor->data + i * size;
    uint16_t half;
    float value;
    switch (tensor->dtype) {
    case RAVEL_F32:
        memcpy(&value, element, sizeof value);
        return value;
    case RAVEL_F16:
        memcpy(&half, element, sizeof half);
        return ravel_widen_f16(half);
    case RAVEL_BF16:
        memcpy(&half, element, sizeof half);
        return ravel_widen_bf16(half);
    case RAVEL_I8:
        return (float)*(const int8_t *)element;
    }
    return 0.0f;
}

/*
 * A number whose exponent is all ones is infinite or none. Those of a stretch are counted, so that
 * no branch stands between them: large models are looked through in tenths of a second.
 */
enum { STRETCH = 4096, EXPONENT_32 = 0x7f800000, EXPONENT_F16 = 0x7c00, EXPONENT_BF16 = 0x7f80 };

static int count_bad_32(const char *data, size_t n)
{
    int n_bad = 0;
    for (size_t i = 0; i < n; i++) {
        int32_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        n_bad += (bits & EXPONENT_32) == EXPONENT_32;
    }
    return n_bad;
}

static int count_bad_16(const char *data, size_t n, int exponent)
{
    int n_bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t bits;
        memcpy(&bits, data + i * sizeof bits, sizeof bits);
        n_bad += (bits & exponent) == exponent;
    }
    return n_bad;
}

static int count_bad(const char *data, size_t n, ravel_dtype dtype)
{
    switch (dtype) {
    case RAVEL_F32:
        return count_bad_32(data, n);
    case RAVEL_F16:
        return count_bad_16(data, n, EXPONENT_F16);
    case RAVEL_BF16:
        return count_bad_16(data, n, EXPONENT_BF16);
    case RAVEL_I8:
        return 0;
    }
    return (int)n;
}

bool ravel_tensor_finite(const ravel_tensor *tensor)
{
    const size_t count = ravel_tensor_count(tensor), size = ravel_dtype_size(tensor->dtype);
    const char *data = tensor->data;
    for (size_t i = 0; i < count; i += STRETCH) {
        const size_t n = count - i < STRETCH ? count - i : STRETCH;
        if (count_bad(data + i * size, n, tensor->dtype) > 0) {
            return false;
        }
    }
    return true;
}
