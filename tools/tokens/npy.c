/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "nn/error.h"

enum { MAGIC_BYTES = 6, PREFIX_BYTES = 10, MAX_HEADER = 65536 };
static const char magic[] = "\x93NUMPY";

void ravel_npy_header(int bytes, int64_t rows, int64_t row_elements,
                      char header[RAVEL_NPY_HEADER_BYTES])
{
    char shape[64], text[RAVEL_NPY_HEADER_BYTES];
    if (row_elements > 0)
        (void)snprintf(shape, sizeof shape, "(%" PRId64 ", %" PRId64 ")", rows, row_elements);
    else
        (void)snprintf(shape, sizeof shape, "(%" PRId64 ",)", rows);
    const int n =
        snprintf(text, sizeof text, "{'descr': '<u%d', 'fortran_order': False, 'shape': %s, }",
                 bytes, shape);
    memset(header, ' ', RAVEL_NPY_HEADER_BYTES);
    memcpy(header, magic, MAGIC_BYTES);
    header[6] = 1; /* version 1.0: two bytes of length */
    header[7] = 0;
    header[8] = RAVEL_NPY_HEADER_BYTES - PREFIX_BYTES;
    header[9] = 0;
    memcpy(header + PREFIX_BYTES, text, (size_t)n);
    header[RAVEL_NPY_HEADER_BYTES - 1] = '\n';
}

/* --- Reading ---------------------------------------------------------------------------------- */

static int refuse(const char *what, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA, "npy: %s", what);
}

/* The value of 'key' in the dictionary's text, behind its colon; NULL where there is none. */
static const char *find_value(const char *text, const char *key)
{
    char quoted[32];
    (void)snprintf(quoted, sizeof quoted, "'%s'", key);
    const char *at = strstr(text, quoted);
    if (at == NULL)
        return NULL;
    at += strlen(quoted);
    at += strspn(at, " ");
    if (*at != ':')
        return NULL;
    return at + 1 + strspn(at + 1, " ");
}

/* "'<u2'": little-endian, or of single bytes. */
static bool parse_type(const char *text, ravel_npy *npy)
{
    if (text == NULL || text[0] != '\'' || (text[2] != 'u' && text[2] != 'i') || text[4] != '\'')
        return false;
    npy->is_signed = text[2] == 'i';
    npy->bytes = text[3] - '0';
    if (npy->bytes == 1)
        return text[1] == '|' || text[1] == '<';
    return text[1] == '<' && (npy->bytes == 2 || npy->bytes == 4 || npy->bytes == 8);
}

/* A number and the comma behind it. NULL where there is none, or above 2^40. */
static const char *parse_extent(const char *text, int64_t *extent)
{
    text += strspn(text, " ");
    if (*text < '0' || *text > '9')
        return NULL;
    *extent = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        *extent = 10 * *extent + (*text - '0');
        if (*extent > INT64_C(1) << 40)
            return NULL;
    }
    return text + strspn(text, " ");
}

static bool parse_shape(const char *text, ravel_npy *npy)
{
    if (text == NULL || *text != '(' || (text = parse_extent(text + 1, &npy->rows)) == NULL ||
        *text++ != ',')
        return false;
    text += strspn(text, " ");
    npy->row_elements = 0;
    if (*text == ')')
        return true;
    text = parse_extent(text, &npy->row_elements);
    if (text == NULL || npy->row_elements == 0)
        return false;
    text += *text == ',';
    text += strspn(text, " ");
    return *text == ')';
}

static int parse_dictionary(const char *text, ravel_npy *npy, ravel_error *error)
{
    const char *order = find_value(text, "fortran_order");
    if (!parse_type(find_value(text, "descr"), npy))
        return refuse("the elements are no little-endian integers", error);
    if (!parse_shape(find_value(text, "shape"), npy))
        return refuse("not of one or two dimensions", error);
    if (order == NULL || strncmp(order, "False", 5) != 0)
        return refuse("the elements are not in C order", error);
    return 0;
}

/* Length of the dictionary, and where it begins; 0 where there is no sound one. */
static size_t find_dictionary(const uint8_t *file, size_t size, size_t *begin)
{
    if (size < PREFIX_BYTES || memcmp(file, magic, MAGIC_BYTES) != 0 || file[6] < 1 || file[6] > 3)
        return 0;
    size_t length = (size_t)file[8] | (size_t)file[9] << 8;
    *begin = PREFIX_BYTES;
    if (file[6] > 1) {
        if (size < PREFIX_BYTES + 2)
            return 0;
        length |= (size_t)file[10] << 16 | (size_t)file[11] << 24;
        *begin += 2;
    }
    return length <= MAX_HEADER && length <= size - *begin ? length : 0;
}

int ravel_npy_parse(const uint8_t *file, size_t size, ravel_npy *npy, ravel_error *error)
{
    size_t begin = 0;
    const size_t length = find_dictionary(file, size, &begin);
    char text[1024];
    if (length == 0)
        return refuse("no .npy, or truncated", error);
    if (length >= sizeof text)
        return refuse("a header of more than a kilobyte", error);
    memcpy(text, file + begin, length);
    text[length] = '\0';
    const int status = parse_dictionary(text, npy, error);
    if (status < 0)
        return status;
    npy->header_bytes = begin + length;
    const uint64_t row =
        (uint64_t)npy->bytes * (uint64_t)(npy->row_elements ? npy->row_elements : 1);
    const uint64_t have = size - npy->header_bytes; /* row at most 2^43 */
    if (npy->rows > 0 && (have / (uint64_t)npy->rows < row || have != row * (uint64_t)npy->rows))
        return ravel_error_set(
            error, RAVEL_ERR_DATA,
            "npy: %llu bytes of elements, which are not [%lld][%lld] of %d bytes",
            (unsigned long long)have, (long long)npy->rows, (long long)npy->row_elements,
            npy->bytes);
    return 0;
}
