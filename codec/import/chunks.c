/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A chunk is a piece of a `whole`, in which positions count from its own start. in_proj becomes a
 * convolution that sees the rows ahead: at the first row those are the chunk. What it says at the
 * others is multiplied by 0, and out_proj becomes a convolution that sees the rows before: at row p
 * only the tap for p rows ago sees something, and that is the part of out_proj for row p. The factor,
 * 1 at the first row and 0 at the others, is the difference of a 1 and the 1 before it, which
 * the padding makes 0; it carries the bias of out_proj in the same way.
 */
#include "codec/import/chunks.h"

#include "codec/import/layers.h"

typedef struct {
    const char *prefix;
    int rows, width, hidden;
} chunk;

/* The values of a tensor made for the model, PREFIX.NAME, which all become `fill`. */
static float *make(ravel_draft *draft, const chunk *c, const char *name, int rank, const int *shape,
                   float fill)
{
    char tensor[RAVEL_DRAFT_NAME];
    size_t count = 1;
    ravel_draft_name(tensor, c->prefix, "%s", name);
    float *values = ravel_draft_make(draft, tensor, rank, shape);
    for (int i = 0; i < rank; i++)
        count *= (size_t)shape[i];
    for (size_t i = 0; values && i < count; i++)
        values[i] = fill;
    return values;
}

static void append(ravel_draft *draft, cJSON *sequence, const chunk *c, const char *name,
                   int before, int after)
{
    char full[RAVEL_DRAFT_NAME];
    ravel_draft_name(full, c->prefix, "%s", name);
    cJSON *node = ravel_draft_node(draft, "conv", full);
    ravel_draft_pair(draft, node, "pad", before, after);
    ravel_draft_append(draft, sequence, node);
}

/* 1 at the first row of a chunk, 0 at the others. */
static cJSON *first_row(ravel_draft *draft, const chunk *c)
{
    cJSON *sequence = cJSON_CreateArray();
    append(draft, sequence, c, "one", 0, 0);
    append(draft, sequence, c, "first", 1, 0);
    return sequence;
}

static void add_factor(ravel_draft *draft, const chunk *c)
{
    const int one = 1, wide[2] = {1, c->width}, taps[3] = {1, 1, 2}, tall[2] = {c->hidden, 1};
    make(draft, c, "one.weight", 2, wide, 0.0f);
    make(draft, c, "one.bias", 1, &one, 1.0f);
    float *difference = make(draft, c, "first.weight", 3, taps, 1.0f);
    if (difference)
        difference[0] = -1.0f;
    make(draft, c, "spread.weight", 2, tall, 1.0f);
}

/* [hidden][rows][width] to [hidden][width][rows] */
static void add_in(ravel_draft *draft, const chunk *c, const ravel_tensor *from)
{
    const int shape[3] = {c->hidden, c->width, c->rows};
    float *to = make(draft, c, "in_proj.weight", 3, shape, 0.0f);
    const size_t rows = (size_t)c->rows, width = (size_t)c->width;
    for (size_t i = 0; to && i < (size_t)c->hidden * rows * width; i++) {
        const size_t h = i / (rows * width), k = i / width % rows, w = i % width;
        to[(h * width + w) * rows + k] = ravel_tensor_get(from, i);
    }
}

/* [rows][width][n] to [width][n][rows], the last row first. */
static void add_out(ravel_draft *draft, const chunk *c, const char *name, const ravel_tensor *from,
                    int n)
{
    const int shape[3] = {c->width, n, c->rows};
    float *to = make(draft, c, name, 3, shape, 0.0f);
    const size_t rows = (size_t)c->rows, size = (size_t)c->width * (size_t)n;
    for (size_t i = 0; to && i < rows * size; i++)
        to[i % size * rows + (rows - 1 - i / size)] = ravel_tensor_get(from, i);
}

/* PREFIX.NAME of the checkpoint, whose extents must be these; b = 0 where there is but one. */
static const ravel_tensor *need(ravel_draft *draft, const chunk *c, const char *name, int a, int b)
{
    char full[RAVEL_DRAFT_NAME];
    ravel_draft_name(full, c->prefix, "%s", name);
    const ravel_tensor *tensor = ravel_draft_need(draft, full, b > 0 ? 2 : 1);
    if (tensor && (tensor->shape[0] != a || (b > 0 && tensor->shape[1] != b)))
        ravel_draft_fail(draft, "tensor '%s' does not fit to %d rows of %d channels and %d hidden",
                         full, c->rows, c->width, c->hidden);
    return tensor;
}

/* How much there is of everything; false where that is not known. */
static bool measure(ravel_draft *draft, chunk *c)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, c->prefix, "in_proj.weight");
    const ravel_tensor *in = ravel_draft_need(draft, name, 2);
    if (!in)
        return false;
    c->hidden = in->shape[0];
    c->rows = in->shape[1] / c->width;
    if (in->shape[1] % c->width != 0)
        ravel_draft_fail(draft, "tensor '%s' takes %d channels, which are no rows of %d", name,
                         in->shape[1], c->width);
    return !draft->failed;
}

static void add_tensors(ravel_draft *draft, const chunk *c)
{
    char name[RAVEL_DRAFT_NAME];
    const int all = c->rows * c->width;
    const ravel_tensor *in = need(draft, c, "in_proj.weight", c->hidden, all);
    const ravel_tensor *in_bias = need(draft, c, "in_proj.bias", c->hidden, 0);
    const ravel_tensor *out = need(draft, c, "out_proj.weight", all, c->hidden);
    const ravel_tensor *out_bias = need(draft, c, "out_proj.bias", all, 0);
    if (draft->failed)
        return;
    add_factor(draft, c);
    add_in(draft, c, in);
    ravel_draft_name(name, c->prefix, "in_proj.bias");
    ravel_draft_add(draft, name, in_bias);
    add_out(draft, c, "out_proj.weight", out, c->hidden);
    add_out(draft, c, "out_proj.offset.weight", out_bias, 1);
}

/* gelu(in_proj) at the first row of a chunk, 0 at the others. */
static cJSON *hidden(ravel_draft *draft, const chunk *c)
{
    cJSON *node = ravel_draft_node(draft, "product", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch"), *factor = first_row(draft, c);
    append(draft, branch, c, "in_proj", 0, c->rows - 1);
    ravel_draft_append(draft, branch, ravel_draft_node(draft, "gelu", NULL));
    append(draft, factor, c, "spread", 0, 0);
    ravel_draft_child(draft, node, "shortcut", factor);
    return node;
}

void ravel_import_chunks(ravel_draft *draft, cJSON *sequence, const char *prefix, int width)
{
    chunk c = {.prefix = prefix, .width = width};
    if (!measure(draft, &c))
        return;
    add_tensors(draft, &c);
    cJSON *network = ravel_draft_node(draft, "residual", NULL), *offset = first_row(draft, &c);
    cJSON *branch = cJSON_AddArrayToObject(network, "branch");
    ravel_draft_append(draft, branch, hidden(draft, &c));
    append(draft, branch, &c, "out_proj", c.rows - 1, 0);
    append(draft, offset, &c, "out_proj.offset", c.rows - 1, 0);
    ravel_draft_child(draft, network, "shortcut", offset);
    cJSON *residual = ravel_draft_node(draft, "residual", NULL);
    ravel_draft_child(draft, residual, "branch", network);
    ravel_draft_append(draft, sequence, ravel_import_whole(draft, c.rows, residual));
}
