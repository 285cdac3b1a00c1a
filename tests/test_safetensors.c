/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/safetensors.h"
#include "codec/sha256.h"

/* A file of that header and n_data zero bytes behind it. */
static int parse_text(const char *header, size_t n_data, ravel_safetensors *st, ravel_error *error)
{
    static uint8_t file[4096];
    size_t length = strlen(header);
    memset(file, 0, sizeof file);
    for (int i = 0; i < 8; i++)
        file[i] = (uint8_t)((uint64_t)length >> 8 * i);
    (void)snprintf((char *)file + 8, sizeof file - 8, "%s", header);
    error->text[0] = '\0';
    return ravel_safetensors_parse(st, file, 8 + length + n_data, error);
}

static void refused(const char *header, size_t n_data, const char *word)
{
    ravel_safetensors st;
    ravel_error error;
    int status = parse_text(header, n_data, &st, &error);
    cr_expect_eq(status, RAVEL_ERR_DATA, "accepted: %s", header);
    cr_expect_not_null(strstr(error.text, word), "'%s' is not in '%s'", word, error.text);
    cr_expect_null(st.entries);
    ravel_safetensors_free(&st);
}

Test(safetensors, reads_types_shapes_and_places)
{
    ravel_safetensors st;
    ravel_error error;
    int status = parse_text("{\"__metadata__\":{\"a\":\"b\"},"
                            "\"w\":{\"dtype\":\"F16\",\"shape\":[2,3],\"data_offsets\":[8,20]},"
                            "\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]}}  ",
                            20, &st, &error);
    cr_assert_eq(status, 0, "%s", error.text);
    cr_assert_eq(st.n_entries, 2);
    cr_assert_str_eq(ravel_safetensors_metadata(&st, "a"), "b");
    cr_assert_null(ravel_safetensors_metadata(&st, "w"));
    const ravel_entry *w = ravel_safetensors_find(&st, "w"), *n = ravel_safetensors_find(&st, "n");
    cr_assert(w->readable && w->tensor.dtype == RAVEL_F16 && w->tensor.rank == 2);
    cr_assert(w->tensor.shape[0] == 2 && w->tensor.shape[1] == 3);
    cr_assert_eq(w->tensor.data, (const void *)(st.data + 8));
    cr_assert(!n->readable && n->tensor.rank == 0 && n->bytes == 8);
    cr_assert_null(ravel_safetensors_find(&st, "nn"));
    ravel_safetensors_free(&st);
}

/* Frameworks write them; no layer takes them. They lie where others begin, or at the end. */
Test(safetensors, passes_over_empty_tensors)
{
    ravel_safetensors st;
    ravel_error error;
    int status = parse_text("{\"z\":{\"dtype\":\"F32\",\"shape\":[3,0],\"data_offsets\":[0,0]},"
                            "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                            "\"b\":{\"dtype\":\"I64\",\"shape\":[0],\"data_offsets\":[4,4]}}",
                            4, &st, &error);
    cr_assert_eq(status, 0, "%s", error.text);
    const ravel_entry *z = ravel_safetensors_find(&st, "z"), *b = ravel_safetensors_find(&st, "b");
    cr_assert(!z->readable && z->bytes == 0 && !b->readable);
    cr_assert_str_eq(z->type, "empty");
    cr_assert(ravel_safetensors_find(&st, "a")->readable);
    ravel_safetensors_free(&st);
}

Test(safetensors, refuses_what_is_not_exact)
{
    refused("", 0, "JSON");
    refused("[1]", 0, "JSON");
    refused("{} x", 0, "JSON");
    refused("{}", 1, "no tensor");
    refused("{\"__metadata__\":[]}", 0, "metadata");
    refused("{\"__metadata__\":{\"a\":1}}", 0, "'a'");
    refused("{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}", 0, "'a'");
    refused("{\"__metadata__\":{},\"__metadata__\":{}}", 0, "two");
    refused("{\"x\":3}", 0, "'x'");
    refused("{\"\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "name");
    refused("{\"x\":{\"dtype\":\"F31\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F31");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"y\":0}}", 4,
            "exactly");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8, "need 4");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "truncated");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "outside");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "data_offsets");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0.5,4]}}", 4,
            "data_offsets");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,4]}}", 4, "need 0");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "dimension");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4,
            "than 4");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[65536,65536],\"data_offsets\":[0,4]}}", 4,
            "elements");
    refused("{\"x\":{\"dtype\":\"I8\",\"shape\":[1e300],\"data_offsets\":[0,4]}}", 4, "dimension");
}

Test(safetensors, refuses_overlaps_gaps_and_twins)
{
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[2,6]}}",
            6, "overlap");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
            4, "overlap");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"y\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[5,9]}}",
            9, "gap");
    refused("{\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
            "\"x\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
            8, "two of this name");
}

Test(safetensors, refuses_lying_lengths)
{
    ravel_safetensors st;
    ravel_error error;
    uint8_t file[16] = {3, 0, 0, 0, 0, 0, 0, 0, '{', '}', ' '};
    cr_assert_eq(ravel_safetensors_parse(&st, file, 11, &error), 0);
    ravel_safetensors_free(&st);
    for (size_t size = 0; size < 11; size++) {
        cr_assert_eq(ravel_safetensors_parse(&st, file, size, &error), RAVEL_ERR_DATA);
    }
    file[10] = '\0';
    cr_assert_eq(ravel_safetensors_parse(&st, file, 11, &error), RAVEL_ERR_DATA);
    memset(file, 0xff, 8);
    cr_assert_eq(ravel_safetensors_parse(&st, file, 16, &error), RAVEL_ERR_DATA);
}

Test(safetensors, writes_what_it_reads)
{
    const float a[3] = {1, 2, 3};
    const int8_t b[5] = {1, 2, 3, 4, 5};
    ravel_tensor tensors[2] = {{"b", b, RAVEL_I8, 1, {5}}, {"a", a, RAVEL_F32, 2, {3, 1}}};
    char file[400], *header;
    size_t data_size = ravel_safetensors_data_size(tensors, 2);
    char data[17];
    cr_assert_eq(data_size, sizeof data);
    ravel_safetensors_write_data(tensors, 2, data);
    size_t size = ravel_safetensors_header(tensors, 2, "ravel", "{\"x\":\"\\u00e4\"}", &header);
    cr_assert(size > 0 && size % 64 == 0 && size + data_size <= sizeof file);
    memcpy(file, header, size);
    memcpy(file + size, data, data_size);
    free(header);

    ravel_safetensors st;
    ravel_error error;
    cr_assert_eq(ravel_safetensors_parse(&st, file, size + data_size, &error), 0, "%s", error.text);
    cr_assert_str_eq(ravel_safetensors_metadata(&st, "ravel"), "{\"x\":\"\\u00e4\"}");
    cr_assert_arr_eq(ravel_safetensors_find(&st, "a")->tensor.data, a, sizeof a);
    cr_assert_arr_eq(ravel_safetensors_find(&st, "b")->tensor.data, b, sizeof b);
    ravel_safetensors_free(&st);
}

/* FIPS 180-4 examples, and lengths around the ends of a block. */
static void digest_is(const char *text, size_t size, const char *expected)
{
    ravel_sha256 sha;
    uint8_t digest[RAVEL_SHA256_BYTES];
    char hex[RAVEL_SHA256_HEX];
    for (size_t step = 1; step < 70; step += 17) {
        ravel_sha256_init(&sha);
        for (size_t at = 0; at < size; at += step) {
            ravel_sha256_update(&sha, text + at, size - at < step ? size - at : step);
        }
        ravel_sha256_final(&sha, digest);
        ravel_sha256_hex(digest, hex);
        cr_assert_str_eq(hex, expected);
    }
}

/* Digests of examples tell only about the one that is chosen here. */
Test(sha256, every_way_is_the_same)
{
    enum { BLOCKS = 50 };
    uint8_t bytes[64 * BLOCKS];
    uint32_t c[8] = {0}, here[8] = {0}, random = 1;
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)((random = random * 1664525u + 1013904223u) >> 24);
    for (int n = 0, at = 0; at + n <= BLOCKS; at += n++) {
        ravel_sha256_compress_c(c, bytes + (ptrdiff_t)at * 64, (size_t)n);
        ravel_sha256_compress_here()(here, bytes + (ptrdiff_t)at * 64, (size_t)n);
        cr_assert_arr_eq(c, here, sizeof c, "%d blocks", n);
    }
}

Test(sha256, known_digests)
{
    static const char long_text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    static char thousand[1000];
    memset(thousand, 'a', sizeof thousand);
    digest_is("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_is("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    digest_is(long_text, 56, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    digest_is(thousand, 1000, "41edece42d63e8d9bf515a9ba6932e1c20cbc9f5a5d134645adb5db1b9737ea3");
}
