/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * run_layer GRAPH.safetensors IN.npy OUT.f32: builds the layers that the file's metadata `ravel`
 * describe (a node as in docs/format.md), pushes the rows of IN [time][channel] in pieces of 1, 2,
 * 3 ... rows, and writes the rows that come out as little-endian floats. For the twins of the layers in
 * tests/reference/layers.py.
 */
#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/graph.h"
#include "tests/support/npy.h"

static void *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        return NULL;
    }
    const long length = ftell(file);
    rewind(file);
    char *data = malloc((size_t)length + 1);
    *size = fread(data, 1, (size_t)length, file);
    (void)fclose(file);
    return data;
}

static ravel_layer *build(ravel_safetensors *st, int channels, ravel_error *error)
{
    cJSON *json = cJSON_Parse(ravel_safetensors_metadata(st, "ravel"));
    ravel_reader reader = {.st = st, .part = RAVEL_PART_ENCODER, .error = error};
    const ravel_node node = {.reader = &reader, .json = json, .key = "layers"};
    ravel_builder builder = {
        .kernels = ravel_kernels_select(), .weight_budget = 1u << 28, .sample_rate_hz = 24000};
    ravel_flow flow = {.channels = channels, .up = 1, .down = 1};
    ravel_layer *layer = ravel_graph_layers(&builder, &node, &flow);
    cJSON_Delete(json);
    return layer;
}

static int run(const ravel_layer *layer, const ravel_npy *in, FILE *out)
{
    const int n = (int)in->shape[0], width = layer->out_channels;
    const size_t scratch_size = ravel_layer_scratch_size(layer, n, 1);
    ravel_arena scratch = {.base = malloc(scratch_size + 1), .size = scratch_size};
    void *state = malloc(layer->state_size + 1);
    float *rows =
        malloc(((size_t)ravel_layer_max_out(layer, n) + 1) * (size_t)width * sizeof *rows);
    bool failed = false;
    ravel_layer_reset(layer, state);
    for (int taken = 0, piece = 1; taken < n; piece++) {
        const int n_in = piece < n - taken ? piece : n - taken;
        ravel_lane lane = {.state = state,
                           .in = in->values + (ptrdiff_t)taken * layer->in_channels,
                           .out = rows,
                           .n_in = n_in,
                           .finish = taken + n_in == n};
        ravel_layer_push(layer, &lane, 1, &scratch);
        const size_t count = (size_t)lane.n_out * (size_t)width;
        failed = failed || fwrite(rows, sizeof *rows, count, out) != count;
        taken += n_in;
    }
    free(rows);
    free(state);
    free(scratch.base);
    return failed;
}

int main(int argc, char **argv)
{
    ravel_npy in = {0};
    ravel_safetensors st = {0};
    ravel_error error = {.text = "cannot read the input"};
    size_t size = 0;
    void *file = argc == 4 ? read_file(argv[1], &size) : NULL;
    ravel_layer *layer = NULL;
    if (file != NULL && ravel_npy_read(argv[2], &in) == 0 &&
        ravel_safetensors_parse(&st, file, size, &error) == 0) {
        layer = build(&st, (int)in.shape[1], &error);
    }
    FILE *out = layer != NULL ? fopen(argv[3], "wb") : NULL;
    const bool failed = out == NULL || run(layer, &in, out) != 0 || fclose(out) != 0;
    if (failed) {
        (void)fprintf(stderr, "run_layer: %s\n", error.text);
    }
    ravel_layer_destroy(layer);
    ravel_safetensors_free(&st);
    ravel_npy_free(&in);
    free(file);
    return failed;
}
