/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/slide.h"

#include <stdlib.h>

#include "nn/layer_impl.h"

/* What the packer of one part needs to find its elements. */
typedef struct {
    const ravel_slide_spec *spec;
    ravel_slide_source *source;
    int group, first_phase;
} part_context;

static ptrdiff_t part_index(const void *context, int k, int n)
{
    const part_context *part = context;
    const ravel_slide_spec *spec = part->spec;
    return part->source(spec, part->group, part->first_phase + n / spec->group_out,
                        k / spec->group_in, k % spec->group_in, n % spec->group_out);
}

static bool check(const ravel_slide_spec *spec, ravel_error *error)
{
    const int64_t n_in = (int64_t)spec->taps * spec->group_in;
    const int64_t n_out = (int64_t)spec->phases * spec->groups * spec->group_out;
    if (n_in > RAVEL_MAX_ELEMENTS || n_out > RAVEL_MAX_DIM || n_in * n_out > RAVEL_MAX_ELEMENTS) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "%s makes a matrix of %lld times %lld, too large",
                        spec->weight->name, (long long)n_in, (long long)n_out);
        return false;
    }
    const size_t channels = (size_t)spec->groups * (size_t)spec->group_out;
    return ravel_scale_fits(spec->weight, spec->scale, channels, error) &&
           (spec->bias == NULL || ravel_tensor_has(spec->bias, "the bias", channels, error));
}

static int pack_part(ravel_slide_part *part, const ravel_slide_spec *spec,
                     ravel_slide_source *source, int group, int first_phase, int n_phases)
{
    const int n_out = n_phases * spec->group_out;
    const int channels = spec->groups * spec->group_out;
    const part_context context = {spec, source, group, first_phase};
    int *channel = malloc((size_t)n_out * sizeof *channel);
    if (channel == NULL) {
        return RAVEL_ERR_MEMORY;
    }
    for (int n = 0; n < n_out; n++) {
        channel[n] = group * spec->group_out + n % spec->group_out;
    }
    part->in_offset = group * spec->group_in;
    part->out_offset = first_phase * channels + group * spec->group_out;
    const int status =
        ravel_matrix_pack(&part->matrix, spec->taps * spec->group_in, n_out, spec->weight,
                          part_index, &context, spec->scale, spec->bias, channel);
    free(channel);
    return status;
}

/* One matrix holds all phases, but where groups lie between them. */
static int pack_parts(ravel_slide *slide, const ravel_slide_spec *spec, ravel_slide_source *source)
{
    const int merged = spec->groups == 1 ? spec->phases : 1;
    const int per_group = spec->phases / merged;
    slide->parts = calloc((size_t)spec->groups * (size_t)per_group, sizeof *slide->parts);
    if (slide->parts == NULL) {
        return RAVEL_ERR_MEMORY;
    }
    for (int i = 0; i < spec->groups * per_group; i++, slide->n_parts++) {
        if (pack_part(&slide->parts[i], spec, source, i / per_group, i % per_group, merged) != 0) {
            return RAVEL_ERR_MEMORY;
        }
    }
    return 0;
}

/* I8 weights of a depthwise product are multiplied by their scale here, rounded once. */
static int pack_depthwise(ravel_slide *slide, const ravel_slide_spec *spec,
                          ravel_slide_source *source)
{
    const int taps = spec->taps, channels = spec->groups;
    const size_t count = (size_t)spec->phases * (size_t)taps * (size_t)channels;
    slide->depthwise = calloc(count, sizeof(float));
    slide->bias = spec->bias != NULL ? ravel_tensor_floats(spec->bias)
                                     : calloc((size_t)channels, sizeof(float));
    if (slide->depthwise == NULL || slide->bias == NULL) {
        return RAVEL_ERR_MEMORY;
    }
    for (size_t i = 0; i < count; i++) {
        const int c = (int)(i % (size_t)channels);
        const int row = (int)(i / (size_t)channels);
        const ptrdiff_t from = source(spec, c, row / taps, row % taps, 0, 0);
        const float scale = spec->scale != NULL ? ravel_tensor_get(spec->scale, (size_t)c) : 1.0f;
        if (from >= 0) {
            slide->depthwise[i] = ravel_tensor_get(spec->weight, (size_t)from) * scale;
        }
    }
    return 0;
}

bool ravel_slide_init(ravel_slide *slide, const ravel_slide_spec *spec, ravel_slide_source *source,
                      ravel_error *error)
{
    if (!check(spec, error)) {
        return false;
    }
    const bool depthwise = spec->groups > 1 && spec->group_in == 1 && spec->group_out == 1;
    const int channels = spec->groups * spec->group_in;
    slide->taps = spec->taps;
    slide->tap_width = spec->group_in;
    slide->tap_stride = (ptrdiff_t)spec->dilation * channels;
    slide->phases = spec->phases;
    slide->out_floats = spec->phases * spec->groups * spec->group_out;
    const int status =
        depthwise ? pack_depthwise(slide, spec, source) : pack_parts(slide, spec, source);
    if (status != 0) {
        ravel_error_memory(error);
    } else if (!depthwise && slide->tap_stride == slide->tap_width) {
        slide->tap_width *= slide->taps; /* one piece: fewer, longer loops */
        slide->taps = 1;
    }
    return status == 0;
}

void ravel_slide_free(ravel_slide *slide)
{
    for (int i = 0; i < slide->n_parts; i++) {
        ravel_matrix_free(&slide->parts[i].matrix);
    }
    free(slide->parts);
    free(slide->depthwise);
    free(slide->bias);
}

void ravel_slide_describe(const ravel_slide *slide, ravel_layer *layer)
{
    double macs = 0;
    for (int i = 0; i < slide->n_parts; i++) {
        const ravel_matrix *matrix = &slide->parts[i].matrix;
        layer->weight_bytes += ravel_matrix_bytes(matrix);
        macs += (double)matrix->n_in * matrix->n_out;
    }
    if (slide->depthwise != NULL) {
        macs = (double)slide->taps * slide->out_floats;
        layer->weight_bytes += (size_t)slide->taps * (size_t)slide->out_floats * sizeof(float);
    }
    layer->macs = macs / slide->window.stride;
}

static void run_depthwise(const ravel_slide *slide, const ravel_kernels *kernels,
                          const ravel_window_view *views, int n_lanes, float *y)
{
    const int channels = slide->window.channels;
    const ptrdiff_t x_stride = (ptrdiff_t)slide->window.stride * channels;
    for (int l = 0; l < n_lanes; l++) {
        for (int p = 0; p < slide->phases && views[l].n_windows > 0; p++) {
            kernels->depthwise(slide->depthwise + (ptrdiff_t)p * slide->taps * channels,
                               slide->bias, slide->taps, channels, views[l].rows, slide->tap_stride,
                               x_stride, y + (ptrdiff_t)p * channels, slide->out_floats,
                               views[l].n_windows);
        }
        y += (ptrdiff_t)views[l].n_windows * slide->out_floats;
    }
}

/* Where each window starts in the channels of a part. */
static int point(const ravel_slide *slide, const ravel_window_view *views, int n_lanes,
                 int in_offset, const float **rows)
{
    const ptrdiff_t step = (ptrdiff_t)slide->window.stride * slide->window.channels;
    int n = 0;
    for (int l = 0; l < n_lanes; l++) {
        for (int w = 0; w < views[l].n_windows; w++) {
            rows[n++] = views[l].rows + w * step + in_offset;
        }
    }
    return n;
}

void ravel_slide_run(const ravel_slide *slide, const ravel_kernels *kernels,
                     const ravel_window_view *views, int n_lanes, float *y, ravel_arena *scratch)
{
    if (slide->depthwise != NULL) {
        run_depthwise(slide, kernels, views, n_lanes, y);
        return;
    }
    size_t n_windows = 0;
    for (int l = 0; l < n_lanes; l++) {
        n_windows += (size_t)views[l].n_windows;
    }
    const float **rows = ravel_arena_take(scratch, n_windows * sizeof *rows);
    for (int i = 0; i < slide->n_parts; i++) {
        const ravel_slide_part *part = &slide->parts[i];
        const ravel_rows x = {.row = rows,
                              .n_rows = point(slide, views, n_lanes, part->in_offset, rows),
                              .taps = slide->taps,
                              .width = slide->tap_width,
                              .tap_stride = slide->tap_stride};
        kernels->matmul(&part->matrix, &x, y + part->out_offset, slide->out_floats, 0);
    }
}

size_t ravel_slide_scratch_size(int max_windows, int n_lanes)
{
    return ravel_arena_bytes(
        ravel_size_mul((size_t)n_lanes, ravel_size_mul((size_t)max_windows, sizeof(float *))));
}
