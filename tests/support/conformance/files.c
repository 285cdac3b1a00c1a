/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of the reference's own tools: what is read of them, and whether ours has the same bytes. */
#include <stdlib.h>
#include <string.h>

#include "codec/import/code_file.h"
#include "tests/support/conformance/checks.h"

/* Whether the codes, written, are these bytes. */
static bool written_equal(const ravel_code_file *format, const ravel_model *model,
                          const ravel_code_list *list, const void *bytes, size_t size,
                          ravel_error *error)
{
    uint8_t *ours = NULL;
    size_t our_size = 0;
    bool equal = format->write(model, list, &ours, &our_size, error) == RAVEL_OK &&
                 our_size == size && memcmp(ours, bytes, size) == 0;
    free(ours);
    return equal;
}

/* Whether there are these codes in the bytes. */
static bool read_equal(const ravel_code_file *format, const ravel_model *model,
                       const ravel_code_list *list, const void *bytes, size_t size,
                       ravel_error *error)
{
    ravel_code_list found = {.n_codebooks = list->n_codebooks};
    size_t n = (size_t)list->n_frames *
               (size_t)ravel_model_codes_per_frame(model, list->n_codebooks) * sizeof *list->codes;
    bool equal = format->read(model, bytes, size, &found, error) == RAVEL_OK &&
                 found.n_frames == list->n_frames && found.n_codebooks == list->n_codebooks &&
                 found.n_samples == list->n_samples && memcmp(found.codes, list->codes, n) == 0;
    free(found.codes);
    return equal;
}

void ravel_check_code_file(ravel_set *set, const char *name, const ravel_model *model,
                           const ravel_codes *codes, int64_t n_samples)
{
    ravel_error error = {RAVEL_OK, ""};
    size_t size;
    void *bytes = ravel_set_bytes(set, name, &size);
    const ravel_code_file *format = ravel_code_file_of(name);
    const ravel_code_list list = {codes->codes, codes->n_frames, codes->n_codebooks, n_samples};
    if (!bytes || !format)
        return;
    bool read = read_equal(format, model, &list, bytes, size, &error);
    bool written = written_equal(format, model, &list, bytes, size, &error);
    ravel_set_check(set, read && written, name, "%d frames %s, %zu bytes written %s%s",
                    codes->n_frames, read ? "read" : "read as others", size,
                    written ? "again" : "as others", error.text);
    free(bytes);
}

/* Codes that a language model told are refused, in words that say so. */
static void check_refused(const ravel_case *c, const char *name)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_code_list list = {0};
    size_t size;
    void *bytes = ravel_set_bytes(c->set, name, &size);
    if (!bytes)
        return;
    int status = ravel_ecdc_file.read(c->subject->model, bytes, size, &list, &error);
    ravel_set_check(c->set, status != RAVEL_OK && strstr(error.text, "language model") != NULL,
                    name, "refused: %s", error.text);
    free(list.codes);
    free(bytes);
}

void ravel_check_ecdc(const ravel_case *c, const ravel_codes *codes)
{
    char name[RAVEL_SET_NAME];
    (void)snprintf(name, sizeof name, "%s%sraw.ecdc", c->recording, c->form);
    ravel_check_code_file(c->set, name, c->subject->model, codes, (int64_t)c->pcm.n);
    (void)snprintf(name, sizeof name, "%s%slm.ecdc", c->recording, c->form);
    check_refused(c, name);
}
