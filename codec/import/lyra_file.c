/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * .lyra: packets of google/lyra without anything between them. A frame of 20 ms is 64, 120 or 184
 * bits, the codes of its first 16, 30 or 46 stages, 4 bits each, most significant bit first. The
 * file tells neither how many there are nor the exact length of the sound.
 */
#include <limits.h>
#include <stdlib.h>

#include "codec/import/code_file.h"
#include "nn/error.h"
#include "rvq/bits.h"

enum { CODE_BITS = 4, N_RATES = 3 };

static const int rates[N_RATES] = {16, 30, 46}; /* codebooks */

static int frame_bytes(int n_codebooks)
{
    return n_codebooks * CODE_BITS / 8;
}

static int check_model(const ravel_model *model, ravel_error *error)
{
    const ravel_layout *layout = &model->layout;
    bool fits = layout->n_codebooks == rates[N_RATES - 1];
    for (int b = 0; fits && b < layout->n_codebooks; b++)
        fits = layout->codebook_size[b] == 1 << CODE_BITS && layout->steps_per_frame[b] == 1;
    if (fits)
        return RAVEL_OK;
    return ravel_error_set(error, RAVEL_ERR_MODEL,
                           "a .lyra file holds 46 codes of 4 bits; '%s' is not Lyra's model",
                           model->name);
}

static int lyra_check(const ravel_model *model, int n_codebooks, ravel_error *error)
{
    int status = check_model(model, error);
    for (int i = 0; status == 0 && i < N_RATES; i++) {
        if (n_codebooks == rates[i])
            return RAVEL_OK;
    }
    if (status)
        return status;
    return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                           "a .lyra file has 16, 30 or 46 codebooks (3.2, 6 or 9.2 kb/s), not %d",
                           n_codebooks);
}

/* The one number of codebooks whose packets fill so many bytes. */
static int find_codebooks(size_t size, ravel_error *error)
{
    int found = 0, n_found = 0;
    for (int i = 0; i < N_RATES; i++) {
        if (size % (size_t)frame_bytes(rates[i]) == 0) {
            found = rates[i];
            n_found++;
        }
    }
    if (n_found == 1)
        return found;
    return ravel_error_set(error, n_found > 1 ? RAVEL_ERR_ARGUMENT : RAVEL_ERR_DATA,
                           n_found > 1
                               ? "%zu bytes are packets of more than one of Lyra's rates: say "
                                 "which one, 3.2, 6 or 9.2 kb/s (--bitrate)"
                               : "%zu bytes are no whole number of Lyra's packets",
                           size);
}

static int lyra_read(const ravel_model *model, const uint8_t *bytes, size_t size,
                     ravel_code_list *list, ravel_error *error)
{
    int n = list->n_codebooks;
    int status = n ? lyra_check(model, n, error) : check_model(model, error);
    if (status)
        return status;
    n = n ? n : find_codebooks(size, error);
    if (n < 0)
        return n;
    if (size % (size_t)frame_bytes(n) != 0)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "%zu bytes are no whole number of packets of %d", size,
                               frame_bytes(n));
    const size_t n_codes = size * 8 / CODE_BITS;
    if (n_codes > INT_MAX)
        return ravel_error_set(error, RAVEL_ERR_DATA, "%zu bytes of packets are too many", size);
    list->codes = malloc((n_codes ? n_codes : 1) * sizeof *list->codes);
    if (!list->codes)
        return ravel_error_memory(error);
    ravel_bit_reader reader;
    ravel_bit_reader_init(&reader, bytes, size);
    for (size_t i = 0; i < n_codes; i++)
        list->codes[i] = (uint16_t)ravel_bits_read(&reader, CODE_BITS);
    list->n_codebooks = n;
    list->n_frames = (int)(n_codes / (size_t)n);
    list->n_samples = (int64_t)list->n_frames * model->info.hop_samples;
    return RAVEL_OK;
}

static int lyra_write(const ravel_model *model, const ravel_code_list *list, uint8_t **bytes,
                      size_t *size, ravel_error *error)
{
    const size_t n_codes = (size_t)list->n_frames * (size_t)list->n_codebooks;
    ravel_bit_writer writer;
    (void)model;
    *size = (size_t)list->n_frames * (size_t)frame_bytes(list->n_codebooks);
    *bytes = malloc(*size ? *size : 1);
    if (!*bytes)
        return ravel_error_memory(error);
    ravel_bit_writer_init(&writer, *bytes, *size);
    for (size_t i = 0; i < n_codes; i++)
        ravel_bits_write(&writer, list->codes[i], CODE_BITS);
    return RAVEL_OK;
}

const ravel_code_file ravel_lyra_file = {".lyra", lyra_read, lyra_check, lyra_write};
