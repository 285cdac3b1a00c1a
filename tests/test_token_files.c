/* SPDX-License-Identifier: BSD-3-Clause */
/* Files of tokens: what was written is read again, in every format; what is broken is refused. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/random.h"
#include "tests/support/tiny_model.h"
#include "tools/tokens/npy.h"
#include "tools/tokens/pack.h"
#include "tools/tokens/token_file.h"

enum { N = 3, MAX_CODES = 64 * 64 };

static char folder[] = "/tmp/ravel-test-XXXXXX";
static ravel_model *model;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    model = ravel_test_model_open(RAVEL_TINY_DEFAULT);
}

static void tear_down(void)
{
    ravel_model_free(model);
    cr_assert_eq(rmdir(folder), 0);
}

TestSuite(token_files, .init = set_up, .fini = tear_down);

/* --- Utterances of random codes --------------------------------------------------------------- */

typedef struct {
    ravel_token_meta meta;
    ravel_pack_entry entries[N];
    uint16_t codes[N][MAX_CODES];
} corpus;

static int open_codes(void *context, int64_t entry, ravel_spool *spool, ravel_error *error)
{
    const corpus *c = context;
    return ravel_spool_add(spool, c->codes[entry],
                           c->entries[entry].n_frames * c->meta.layout.columns, error);
}

static void make_corpus(corpus *c, const ravel_token_options *options)
{
    static char names[N][16] = {"a", "b/c", "b/\"d\" e"};
    uint64_t seed = 3;
    ravel_error error;
    cr_assert_eq(ravel_token_meta_make(&c->meta, ravel_model_get_info(model), options, &error), 0);
    for (int i = 0; i < N; i++) {
        c->entries[i] =
            (ravel_pack_entry){names[i], (5 + 9 * i) * c->meta.hop_samples - i, 5 + 9 * i};
        for (int k = 0; k < MAX_CODES; k++)
            c->codes[i][k] = (uint16_t)ravel_random_below(&seed, c->meta.layout.codebook_size[0]);
    }
}

static void write_corpus(corpus *c, ravel_pack_format format, char path[64])
{
    const ravel_pack pack = {.format = format,
                             .model = model,
                             .meta = &c->meta,
                             .entries = c->entries,
                             .n_entries = ravel_pack_is_single(format) ? 1 : N,
                             .open = open_codes,
                             .context = c};
    ravel_error error = {0};
    (void)snprintf(path, 64, "%s/x.%s", folder, ravel_pack_name((int)format));
    cr_assert_eq(ravel_pack_write(&pack, path, &error), 0, "%s", error.text);
}

/* The place of an utterance in the corpus: readers may give them in order of their names. */
static int find(const corpus *c, const ravel_utterance *utterance, bool single)
{
    for (int i = 0; i < N && !single; i++)
        if (strcmp(c->entries[i].name, utterance->name) == 0)
            return i;
    cr_assert(single, "%s", utterance->name);
    return 0;
}

static void read_corpus(const corpus *c, ravel_pack_format format, const char *path)
{
    ravel_error error = {0};
    ravel_utterance utterance;
    bool lost;
    int n = 0;
    ravel_token_file *file = ravel_token_file_open(path, model, &error);
    cr_assert_not_null(file, "%s", error.text);
    while (ravel_token_file_next(file, &utterance, &lost, &error) > 0) {
        const int i = find(c, &utterance, ravel_pack_is_single(format));
        const int64_t n_codes = c->entries[i].n_frames * c->meta.layout.columns;
        cr_assert_eq(utterance.n_frames, c->entries[i].n_frames);
        if (format != RAVEL_PACK_NPY)
            cr_assert_eq(utterance.n_samples, c->entries[i].n_samples);
        cr_assert_eq(memcmp(utterance.codes, c->codes[i], (size_t)n_codes * 2), 0);
        cr_assert_eq(
            memcmp(utterance.meta.identity, c->meta.identity, (size_t)utterance.meta.n_identity),
            0);
        ravel_utterance_clear(&utterance);
        n++;
    }
    cr_assert_eq(error.status, 0, "%s", error.text);
    cr_assert_eq(n, ravel_pack_is_single(format) ? 1 : N);
    ravel_token_file_close(file);
}

/* .npy has no room for metadata. */
static void write_sidecar(const ravel_token_meta *meta, const char *path, bool keep)
{
    char beside[80];
    (void)snprintf(beside, sizeof beside, "%s.json", path);
    if (!keep) {
        unlink(beside);
        return;
    }
    cJSON *json = ravel_token_meta_json(meta);
    char *text = cJSON_Print(json);
    FILE *file = fopen(beside, "w");
    cr_assert_not_null(file);
    (void)fputs(text, file);
    cr_assert_eq(fclose(file), 0);
    free(text);
    cJSON_Delete(json);
}

Test(token_files, every_layout_and_format_reads_back)
{
    static corpus c;
    for (int f = 0; ravel_pack_name(f) != NULL; f++) {
        for (int order = 0; order < (f == RAVEL_PACK_RVL ? 1 : 4); order++) {
            const ravel_token_options options = {.order = (ravel_token_order)order,
                                                 .base = f == RAVEL_PACK_RVL ? 0 : 70000,
                                                 .begin = order > 0,
                                                 .end = order > 1};
            char path[64];
            make_corpus(&c, &options);
            write_corpus(&c, (ravel_pack_format)f, path);
            write_sidecar(&c.meta, path, f == RAVEL_PACK_NPY);
            read_corpus(&c, (ravel_pack_format)f, path);
            write_sidecar(&c.meta, path, false);
            unlink(path);
        }
    }
}

/* --- Broken files ----------------------------------------------------------------------------- */

static void write_bytes(const char *path, const uint8_t *bytes, size_t n)
{
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(bytes, 1, n, file), n);
    cr_assert_eq(fclose(file), 0);
}

/* Whatever is in it: no crash, and codes that come out are codes. return    utterances */
static int read_anything(const char *path)
{
    ravel_error error = {0};
    ravel_utterance u;
    bool lost = false;
    int got, n = 0;
    ravel_token_file *file = ravel_token_file_open(path, model, &error);
    while (file != NULL && !lost && (got = ravel_token_file_next(file, &u, &lost, &error)) != 0) {
        if (got < 0) {
            cr_assert_gt(strlen(error.text), 5);
            continue;
        }
        n++;
        for (int64_t t = 0; t < u.n_frames; t++)
            for (int b = 0; b < u.meta.layout.n_codebooks && b < u.meta.layout.columns; b++)
                cr_assert_lt(u.codes[t * u.meta.layout.columns + b],
                             u.meta.layout.codebook_size[b]);
        ravel_utterance_clear(&u);
    }
    if (file == NULL)
        cr_assert_gt(strlen(error.text), 5);
    ravel_token_file_close(file);
    return n;
}

Test(token_files, broken_bytes_are_no_danger)
{
    static corpus c;
    static uint8_t bytes[1 << 17];
    uint64_t seed = 17;
    const ravel_token_options options = {.order = RAVEL_TOKENS_DELAY, .n_codebooks = 2};
    make_corpus(&c, &options);
    for (int f = 0; ravel_pack_name(f) != NULL; f++) {
        char path[64];
        if (f == RAVEL_PACK_RVL) /* streams have a test of their own */
            continue;
        write_corpus(&c, (ravel_pack_format)f, path);
        FILE *file = fopen(path, "rb");
        const size_t n = fread(bytes, 1, sizeof bytes, file);
        fclose(file);
        cr_assert(n > 100 && n < sizeof bytes);
        for (int round = 0; round < 400; round++) {
            const size_t at = (size_t)ravel_random_below(&seed, (int)(n < 6000 ? n : 6000));
            const uint8_t kept = bytes[at];
            bytes[at] = (uint8_t)ravel_random_bits(&seed);
            write_bytes(path, bytes, round % 4 == 0 ? at : n);
            (void)read_anything(path);
            bytes[at] = kept;
        }
        unlink(path);
    }
}

static int parse_text(const char *dictionary, size_t n_data, ravel_npy *npy, ravel_error *error)
{
    uint8_t file[512] = "\x93NUMPY\x01\x00";
    const size_t n = strlen(dictionary);
    file[8] = (uint8_t)n;
    file[9] = 0;
    memcpy(file + 10, dictionary, n);
    return ravel_npy_parse(file, 10 + n + n_data, npy, error);
}

Test(token_files, npy_headers_are_checked)
{
    static const char *const bad[] = {
        "",
        "{}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': '>u2', 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': '<u3', 'fortran_order': False, 'shape': (2, 2), }",
        "{'descr': '<u2', 'fortran_order': True, 'shape': (2, 2), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (2, 2, 1), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (-2, 2), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (3, 2), }",
        "{'descr': '<u2', 'fortran_order': False, 'shape': (4611686018427387904, 2), }",
        "{'descr': '<u8', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }"};
    ravel_npy npy;
    ravel_error error = {0};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_assert_eq(parse_text(bad[i], 8, &npy, &error), RAVEL_ERR_DATA, "%s", bad[i]);
    cr_assert_eq(
        parse_text("{'shape':(2,2), 'fortran_order':False, 'descr':'<u2'}\n", 8, &npy, &error), 0,
        "%s", error.text);
    cr_assert(npy.rows == 2 && npy.row_elements == 2 && npy.bytes == 2 && !npy.is_signed);
    cr_assert_eq(
        parse_text("{'descr': '|i1', 'fortran_order': False, 'shape': (8,), }", 8, &npy, &error),
        0);
    cr_assert(npy.rows == 8 && npy.row_elements == 0 && npy.is_signed);
}

Test(token_files, json_lines_are_checked)
{
    static const struct {
        const char *line;
        int n;
    } cases[] = {{"{\"tokens\":[[1,2],[3,4]]}", 1},
                 {" { \"x\" : {\"tokens\": 5}, \"tokens\" : [ [ 1 , 2 ] ] } ", 1},
                 {"{\"s\":\"\\\"tokens\\\":\",\"tokens\":[[0,0]]}\n{\"tokens\":[[1,1]]}", 2},
                 {"{\"tokens\":[[1,2],[3]]}", 0},
                 {"{\"tokens\":[[1,2.5]]}", 0},
                 {"{\"tokens\":[[1,-2]]}", 0},
                 {"{\"tokens\":[[1,99999999999999999999]]}", 0},
                 {"{\"tokens\":[[1,65535]]}", 0},
                 {"{\"tokens\":[[]]}", 0},
                 {"{\"tokens\":[[1,2]", 0},
                 {"[\"tokens\",[1]]", 0},
                 {"{\"tokens\":", 0},
                 {"", 0},
                 {"{\"tokens\":[[1,2]]} x", 1},
                 {"{\"tokens\":[[1,2]],\"ravel\":{}}", 0}};
    char path[64];
    (void)snprintf(path, sizeof path, "%s/x.jsonl", folder);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_bytes(path, (const uint8_t *)cases[i].line, strlen(cases[i].line));
        cr_assert_eq(read_anything(path), cases[i].n, "%s", cases[i].line);
    }
    unlink(path);
}
