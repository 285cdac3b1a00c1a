/* SPDX-License-Identifier: BSD-3-Clause */
/* Quantisers as graphs describe them: what a tree takes and has, and what is refused. */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/graph.h"
#include "tests/support/random.h"

/* Codebooks of 5 codewords, "two" of two dimensions and "three" of three; a projection between. */
enum { N_TENSORS = 4, MOST = 15 };

static const struct {
    const char *name;
    int shape[2];
} tensors[N_TENSORS] = {{"two.codebook.weight", {5, 2}},
                        {"three.codebook.weight", {5, 3}},
                        {"p.in_proj.weight", {2, 3}},
                        {"p.out_proj.weight", {3, 2}}};

static void *new_file(size_t *size)
{
    static float data[N_TENSORS][MOST];
    ravel_tensor list[N_TENSORS];
    uint64_t seed = 1;
    char *header;
    for (int i = 0; i < N_TENSORS; i++) {
        for (int k = 0; k < MOST; k++)
            data[i][k] = ravel_random_float(&seed);
        list[i] =
            (ravel_tensor){.name = tensors[i].name, .data = data[i], .dtype = RAVEL_F32, .rank = 2};
        memcpy(list[i].shape, tensors[i].shape, sizeof tensors[i].shape);
    }
    size_t data_size = ravel_safetensors_data_size(list, N_TENSORS);
    char *bytes = malloc(data_size);
    ravel_safetensors_write_data(list, N_TENSORS, bytes);
    size_t header_size = ravel_safetensors_header(list, N_TENSORS, "format", "pt", &header);
    char *file = malloc(header_size + data_size);
    memcpy(file, header, header_size);
    memcpy(file + header_size, bytes, data_size);
    free(header);
    free(bytes);
    *size = header_size + data_size;
    return file;
}

/* The quantiser of a description, given so many dimensions. */
static ravel_quantizer *build(const char *text, int dim, size_t weight_budget, ravel_error *error)
{
    size_t size;
    void *file = new_file(&size);
    ravel_safetensors st;
    cr_assert_eq(ravel_safetensors_parse(&st, file, size, error), 0, "%s", error->text);
    ravel_reader reader = {.st = &st, .part = RAVEL_PART_QUANTIZER, .error = error};
    ravel_builder builder = {.kernels = ravel_kernels_select(), .weight_budget = weight_budget};
    cJSON *json = cJSON_Parse(text);
    cr_assert_not_null(json, "%s", text);
    const ravel_node node = {.reader = &reader, .json = json, .key = "quantizer"};
    ravel_quantizer *q = ravel_graph_quantizer(&builder, &node, dim);
    cr_assert_eq(q == NULL, reader.failed);
    cJSON_Delete(json);
    ravel_safetensors_free(&st);
    free(file);
    return q;
}

#define TWO       "{\"type\":\"codebook\",\"name\":\"two\"}"
#define THREE     "{\"type\":\"codebook\",\"name\":\"three\"}"
#define PROJECTED "{\"type\":\"projected\",\"name\":\"p\",\"inner\":" TWO "}"

static void expect(const char *text, int dim, int n_codebooks, int last_size)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_quantizer *q = build(text, dim, 1 << 20, &error);
    cr_assert_not_null(q, "%s", error.text);
    cr_expect_eq(q->dim, dim);
    cr_expect_eq(q->n_codebooks, n_codebooks);
    cr_expect_eq(q->codebook_size[n_codebooks - 1], last_size);
    ravel_quantizer_destroy(q);
}

Test(graph_quantizer, parts_can_be_nested)
{
    expect("{\"type\":\"split\",\"parts\":[" PROJECTED "," THREE "]}", 3, 2, 5);
    expect("{\"type\":\"grouped\",\"parts\":[" PROJECTED "," TWO "]}", 5, 2, 5);
    expect("{\"type\":\"fsq\",\"levels\":[8,7,6]}", 3, 1, 336);
    expect("{\"type\":\"residual\",\"stages\":["
           "{\"type\":\"grouped\",\"parts\":[" TWO "," TWO "]},"
           "{\"type\":\"grouped\",\"parts\":[{\"type\":\"fsq\",\"levels\":[3]}," THREE "]}]}",
           4, 4, 5);
    expect("{\"type\":\"grouped\",\"parts\":[{\"type\":\"residual\",\"stages\":[" TWO "," TWO
           "]},{\"type\":\"split\",\"parts\":[" THREE "," THREE "]}]}",
           5, 4, 5);
}

static void refused(const char *text, int dim, const char *where, const char *why)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_quantizer *q = build(text, dim, 1 << 20, &error);
    cr_expect_null(q, "built, but should say '%s'", why);
    ravel_quantizer_destroy(q);
    cr_expect_not_null(strstr(error.text, where), "'%s' is not in '%s'", where, error.text);
    cr_expect_not_null(strstr(error.text, why), "'%s' is not in '%s'", why, error.text);
}

Test(graph_quantizer, what_does_not_fit_is_named)
{
    refused("{\"type\":\"split\",\"parts\":[" PROJECTED "," TWO "]}", 3, "quantizer.parts[1]",
            "takes 2 dimensions, but is given 3");
    refused("{\"type\":\"grouped\",\"parts\":[" TWO "," TWO "]}", 5, "quantizer grouped",
            "takes 4 dimensions, but is given 5");
    refused("{\"type\":\"grouped\",\"parts\":[{\"type\":\"split\",\"parts\":[" TWO "," THREE "]}]}",
            5, "quantizer.parts[0] split", "part 2 has 3 dimensions");
    refused("{\"type\":\"split\",\"parts\":[]}", 3, "quantizer split", "nothing in it");
    refused("{\"type\":\"grouped\",\"parts\":" TWO "}", 3, "quantizer grouped", "not a list");
    refused("{\"type\":\"split\",\"stages\":[" THREE "]}", 3, "quantizer split", "'stages'");
    refused("{\"type\":\"fsq\",\"levels\":[8,1]}", 2, "quantizer fsq", "whole numbers from 2");
    refused("{\"type\":\"fsq\",\"levels\":[8,7.5]}", 2, "quantizer fsq", "'levels'");
    refused("{\"type\":\"fsq\",\"levels\":8}", 1, "quantizer fsq", "'levels'");
    refused("{\"type\":\"fsq\"}", 1, "quantizer fsq", "'levels'");
    refused("{\"type\":\"fsq\",\"levels\":[7],\"bound\":1.2}", 1, "quantizer fsq", "'bound'");
    refused("{\"type\":\"fsq\",\"levels\":[256,257]}", 2, "quantizer fsq", "65536 codewords");
    refused("{\"type\":\"fsq\",\"levels\":[2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2,2]}", 17,
            "quantizer fsq", "at most 16");
    refused("{\"type\":\"fsq\",\"levels\":[8],\"name\":\"x\"}", 1, "quantizer fsq", "'name'");
}

/* One codebook that is named again and again must not become more memory than the file is worth. */
Test(graph_quantizer, weights_are_counted_as_they_are_made)
{
    ravel_error error = {RAVEL_OK, ""};
    static const char text[] = "{\"type\":\"residual\",\"stages\":[" TWO "," TWO "," TWO "]}";
    ravel_quantizer *one = build(TWO, 2, 1 << 20, &error);
    ravel_quantizer *three = build(text, 2, 3 * one->held_bytes, &error);
    cr_assert_not_null(three, "%s", error.text);
    cr_assert_null(build(text, 2, 3 * one->held_bytes - 1, &error));
    cr_expect_not_null(strstr(error.text, "quantizer.stages[2]"), "%s", error.text);
    ravel_quantizer_destroy(one);
    ravel_quantizer_destroy(three);
}
