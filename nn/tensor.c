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

/* Bytes of an element and, within the upper two (F32: four), the bits of the exponent. */
static bool finite_element(const uint8_t *element, ravel_dtype dtype)
{
    unsigned top = element[ravel_dtype_size(dtype) - 1];
    unsigned next = dtype == RAVEL_I8 ? 0 : element[ravel_dtype_size(dtype) - 2];
    switch (dtype) {
    case RAVEL_F16:
        return (top & 0x7c) != 0x7c;
    case RAVEL_BF16:
    case RAVEL_F32:
        return (top & 0x7f) != 0x7f || (next & 0x80) == 0;
    case RAVEL_I8:
        return true;
    }
    return false;
}

bool ravel_tensor_finite(const ravel_tensor *tensor)
{
    size_t n = ravel_tensor_count(tensor), size = ravel_dtype_size(tensor->dtype);
    const uint8_t *element = tensor->data;
    for (size_t i = 0; i < n; i++, element += size) {
        if (!finite_element(element, tensor->dtype)) {
            return false;
        }
    }
    return true;
}
