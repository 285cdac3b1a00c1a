/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/random_graph.h"

#include <stdbool.h>
#include <stdio.h>

#include "tests/support/random.h"
#include "tests/support/tiny_graph.h"

enum { MAX_STAGES = 3, NAME_BYTES = 24 };

typedef struct {
    ravel_tiny *t;
    uint64_t seed;
    int n_names;
    int depth;      /* of containers around the node */
    bool in_piece;  /* what needs all rows may stand here */
    bool completes; /* strided layers complete their last window */
} maker;

static int below(maker *m, int n)
{
    return ravel_random_below(&m->seed, n);
}

static int between(maker *m, int least, int most)
{
    return least + below(m, most - least + 1);
}

static bool one_of(maker *m, int n)
{
    return below(m, n) == 0;
}

static const char *new_name(maker *m, char name[NAME_BYTES])
{
    (void)snprintf(name, NAME_BYTES, "n%d", m->n_names++);
    return name;
}

/* --- Nodes that keep the rate ----------------------------------------------------------------- */

/* Paddings that keep the rows, rarely one more; split at random. */
static void split(maker *m, int rows, int pad[2])
{
    rows += one_of(m, 40);
    pad[0] = one_of(m, 2) ? rows - rows / 2 : between(m, 0, rows);
    pad[1] = rows - pad[0];
}

static void conv(maker *m, int n_out, int n_in, int stride, bool complete)
{
    static const char *const modes[] = {"zero", "reflect", "replicate"};
    char name[NAME_BYTES], fields[160];
    int k = between(m, stride > 1 ? stride : 1, 2 * stride + 3);
    int dilation = stride == 1 ? between(m, 1, 3) : 1, pad[2];
    split(m, (k - 1) * dilation + 1 - stride, pad);
    (void)snprintf(fields, sizeof fields,
                   ",\"stride\":%d,\"dilation\":%d,\"pad\":[%d,%d],\"mode\":\"%s\","
                   "\"complete_last\":%s",
                   stride, dilation, pad[0], pad[1], modes[below(m, 3)],
                   complete ? "true" : "false");
    ravel_tiny_conv(m->t, RAVEL_F32, new_name(m, name), n_out, n_in, k, fields);
}

static void norm(maker *m, int channels)
{
    char name[NAME_BYTES];
    ravel_tiny_tensor(m->t, RAVEL_F32, 1.0f, 0.1f, (int[4]){channels}, new_name(m, name), "weight");
    ravel_tiny_tensor(m->t, RAVEL_F32, 0.0f, 0.1f, (int[4]){channels}, name, "bias");
    ravel_tiny_text(m->t, "{\"type\":\"group_norm\",\"name\":\"%s\",\"groups\":%d}", name,
                    channels % 2 == 0 ? 2 : 1);
}

static void attention(maker *m, int channels, bool causal)
{
    char name[NAME_BYTES], fields[80] = "\"causal\":false";
    const int width = between(m, 1, 2 * channels), context = between(m, 1, 9);
    const int in[4] = {3 * width, channels}, out[4] = {channels, width};
    ravel_tiny_weights(m->t, RAVEL_F32, new_name(m, name), "in_proj.", in, in[0], channels);
    ravel_tiny_weights(m->t, RAVEL_F32, name, "out_proj.", out, channels, width);
    if (causal && one_of(m, 2))
        ravel_tiny_tensor(m->t, RAVEL_F32, 0.0f, 1.0f, (int[4]){1, context}, name, "distance_bias");
    if (causal)
        (void)snprintf(fields, sizeof fields, "\"context\":%d,\"together\":%d", context,
                       between(m, 1, context));
    ravel_tiny_text(m->t, "{\"type\":\"attention\",\"name\":\"%s\",\"heads\":1,\"rope\":\"%s\",%s}",
                    name, width % 2 == 0 ? "half" : "none", fields);
}

static void lstm(maker *m, int channels)
{
    char name[NAME_BYTES];
    const int square[4] = {4 * channels, channels};
    ravel_tiny_tensor(m->t, RAVEL_F32, 0.0f, 0.5f, square, new_name(m, name), "weight_ih");
    ravel_tiny_tensor(m->t, RAVEL_F32, 0.0f, 0.5f, square, name, "weight_hh");
    ravel_tiny_text(m->t, "{\"type\":\"lstm\",\"name\":\"%s\"}", name);
}

/* More channels than there are, and those again. */
static void widened(maker *m, int channels)
{
    const int more = between(m, 1, 3);
    char name[NAME_BYTES];
    ravel_tiny_text(m->t, "[");
    ravel_tiny_conv(m->t, RAVEL_F32, new_name(m, name), channels + more, channels, 1, "");
    ravel_tiny_text(m->t, ",{\"type\":\"slice\",\"first\":%d,\"channels\":%d}]", below(m, more + 1),
                    channels);
}

static void greatest(maker *m)
{
    const int rows = between(m, 1, 7), before = below(m, rows);
    ravel_tiny_text(m->t, "{\"type\":\"max_pool\",\"rows\":%d,\"pad\":[%d,%d]}", rows, before,
                    rows - 1 - before);
}

static void simple(maker *m, int channels)
{
    static const char *const types[] = {"elu", "tanh", "silu", "leaky_relu", "clamp"};
    char name[NAME_BYTES];
    switch (below(m, 6)) {
    case 0:
        ravel_tiny_text(m->t, "{\"type\":\"%s\"}", types[below(m, 5)]);
        break;
    case 1:
        widened(m, channels);
        break;
    case 2:
        ravel_tiny_text(m->t, "{\"type\":\"noise\",\"seed\":%d}", below(m, 1 << 24));
        break;
    case 3:
        greatest(m);
        break;
    case 4:
        ravel_tiny_tensor(m->t, RAVEL_F32, 1.0f, 0.5f, (int[4]){channels}, new_name(m, name),
                          "gain");
        ravel_tiny_text(m->t, "{\"type\":\"scale\",\"name\":\"%s\"}", name);
        break;
    default:
        ravel_tiny_tensor(m->t, RAVEL_F32, 1.0f, 0.5f, (int[4]){channels}, new_name(m, name),
                          "alpha");
        ravel_tiny_text(m->t, "{\"type\":\"snake\",\"name\":\"%s\"}", name);
    }
}

static void keep_rate(maker *m, int channels);

/* n nodes that keep the rate, and a comma behind each. */
static void some(maker *m, int channels, int n)
{
    for (int i = 0; i < n; i++) {
        keep_rate(m, channels);
        ravel_tiny_text(m->t, ",");
    }
}

static void list(maker *m, int channels)
{
    ravel_tiny_text(m->t, "[");
    some(m, channels, below(m, 2));
    keep_rate(m, channels);
    ravel_tiny_text(m->t, "]");
}

/* A product's branch is a gate within -1 ... 1, so that nothing grows without bounds. */
static void residual(maker *m, int channels)
{
    if (one_of(m, 3)) {
        ravel_tiny_text(m->t, "{\"type\":\"product\",\"branch\":[");
        list(m, channels);
        ravel_tiny_text(m->t, ",{\"type\":\"tanh\"}]");
    } else {
        ravel_tiny_text(m->t, "{\"type\":\"residual\",\"branch\":");
        list(m, channels);
    }
    if (one_of(m, 2)) {
        ravel_tiny_text(m->t, ",\"shortcut\":");
        list(m, channels);
    }
    ravel_tiny_text(m->t, "}");
}

/* Opens a piece of `rows` rows; what is around it is given back. */
static bool begin_whole(maker *m, int rows)
{
    const bool before = m->in_piece;
    ravel_tiny_text(m->t, "{\"type\":\"whole\",\"rows\":%d,\"inner\":", rows);
    m->in_piece = true;
    return before;
}

static void keep_rate(maker *m, int channels)
{
    const int what = below(m, m->depth > 2 ? 6 : 9);
    m->depth++;
    if (what < 2) {
        simple(m, channels);
    } else if (what < 4) {
        conv(m, channels, channels, 1, one_of(m, 3));
    } else if (what == 4 && (m->in_piece || one_of(m, 40))) {
        if (one_of(m, 3))
            ravel_tiny_text(m->t, "{\"type\":\"mean\"}");
        else if (one_of(m, 2))
            norm(m, channels);
        else
            attention(m, channels, false);
    } else if (what == 4) {
        lstm(m, channels);
    } else if (what == 5) {
        attention(m, channels, true);
    } else if (what < 8) {
        residual(m, channels);
    } else {
        const bool before = begin_whole(m, between(m, 1, 12));
        list(m, channels);
        m->in_piece = before;
        ravel_tiny_text(m->t, "}");
    }
    m->depth--;
}

/* --- Nodes that change it --------------------------------------------------------------------- */

static void down(maker *m, int n_in, int n_out, int stride)
{
    const bool pieces = one_of(m, 4), before = m->in_piece;
    if (pieces) {
        begin_whole(m, stride * between(m, 1, 8));
        ravel_tiny_text(m->t, "[");
        some(m, n_in, below(m, 2));
    }
    if (!m->completes && one_of(m, 4) && stride * n_in < 16) {
        ravel_tiny_text(m->t, "{\"type\":\"fold\",\"rows\":%d},", stride);
        conv(m, n_out, stride * n_in, 1, false);
    } else {
        conv(m, n_out, n_in, stride, m->completes);
    }
    if (pieces)
        ravel_tiny_text(m->t, "]}");
    m->in_piece = before;
}

/* Where it is not exact, some rows too few now and then. */
static void up(maker *m, int n_in, int n_out, int stride, bool exact)
{
    const bool pieces = one_of(m, 4), before = m->in_piece;
    char name[NAME_BYTES], fields[100];
    int k = between(m, stride, 2 * stride + 1), trim[2];
    if (pieces) {
        begin_whole(m, between(m, 1, 8));
        ravel_tiny_text(m->t, "[");
        some(m, n_in, below(m, 2));
    }
    if (one_of(m, 4)) {
        conv(m, n_out * stride, n_in, 1, false);
        ravel_tiny_text(m->t, ",{\"type\":\"unfold\",\"rows\":%d}", stride);
    } else {
        split(m, k - stride, trim);
        trim[1] += !pieces && !exact && one_of(m, 3);
        (void)snprintf(fields, sizeof fields, ",\"trim\":[%d,%d],\"output_padding\":%d", trim[0],
                       trim[1], one_of(m, 20));
        ravel_tiny_conv_transpose(m->t, new_name(m, name), n_in, n_out, k, stride, fields);
    }
    if (pieces)
        ravel_tiny_text(m->t, "]}");
    m->in_piece = before;
}

/* --- Quantisers ------------------------------------------------------------------------------- */

static void quantizer(maker *m, int dim);

static void codebook(maker *m, int dim)
{
    char name[NAME_BYTES];
    ravel_tiny_tensor(m->t, RAVEL_F32, 0.0f, 1.0f, (int[4]){between(m, 2, 20), dim},
                      new_name(m, name), "codebook.weight");
    ravel_tiny_text(m->t, "{\"type\":\"codebook\",\"name\":\"%s\",\"search\":\"%s\"}", name,
                    one_of(m, 2) ? "cosine" : "euclidean");
}

static void scalars(maker *m, int dim)
{
    ravel_tiny_text(m->t, "{\"type\":\"fsq\",\"levels\":[%d", between(m, 2, 8));
    for (int i = 1; i < dim; i++)
        ravel_tiny_text(m->t, ",%d", between(m, 2, 8));
    ravel_tiny_text(m->t, "]%s}", one_of(m, 2) ? ",\"bound\":1.001" : "");
}

static void projected(maker *m, int dim)
{
    char name[NAME_BYTES];
    const int inner = between(m, 1, 6);
    ravel_tiny_weights(m->t, RAVEL_F32, new_name(m, name), "in_proj.", (int[4]){inner, dim}, inner,
                       dim);
    ravel_tiny_weights(m->t, RAVEL_F32, name, "out_proj.", (int[4]){dim, inner}, dim, inner);
    ravel_tiny_text(m->t, "{\"type\":\"projected\",\"name\":\"%s\",\"inner\":", name);
    quantizer(m, inner);
    ravel_tiny_text(m->t, "}");
}

/* Parts of the same vector; or, side by side, of some of its dimensions each. */
static void parts(maker *m, const char *type, const char *key, int dim, bool side_by_side)
{
    const int n = between(m, 1, 3);
    ravel_tiny_text(m->t, "{\"type\":\"%s\",\"%s\":[", type, key);
    for (int i = 0, left = dim; i < n && left > 0; i++) {
        const int own = side_by_side && i + 1 < n ? between(m, 1, left) : left;
        ravel_tiny_text(m->t, i > 0 ? "," : "");
        quantizer(m, own);
        left -= side_by_side ? own : 0;
    }
    ravel_tiny_text(m->t, "]}");
}

static void strided(maker *m, int steps, int dim)
{
    const int stride = steps % 2 == 0 && one_of(m, 2) ? 2 : one_of(m, 2) ? steps : 1;
    ravel_tiny_text(m->t, "{\"type\":\"strided\",\"steps\":%d,\"stride\":%d,\"inner\":", steps,
                    stride);
    quantizer(m, dim);
    ravel_tiny_text(m->t, "}");
}

static void quantizer(maker *m, int dim)
{
    const int what = m->depth > 2 || m->t->n_tensors > RAVEL_TINY_TENSORS / 2 ? 0 : below(m, 9);
    m->depth++;
    if (what < 2)
        codebook(m, dim);
    else if (what == 2 && dim <= 4)
        scalars(m, dim);
    else if (what == 3)
        projected(m, dim);
    else if (what < 6)
        parts(m, "residual", "stages", dim, false);
    else if (what == 6)
        parts(m, "split", "parts", dim, false);
    else if (what == 7)
        parts(m, "grouped", "parts", dim, true);
    else
        strided(m, dim, 1);
    m->depth--;
}

/* Of folded rows: stages at rates of their own, as often as not. */
static void quantizer_of_rows(maker *m, int steps, int dim)
{
    const int n = between(m, 1, 3);
    if (one_of(m, 2)) {
        quantizer(m, steps * dim);
        return;
    }
    ravel_tiny_text(m->t, "{\"type\":\"residual\",\"stages\":[");
    for (int i = 0; i < n; i++) {
        ravel_tiny_text(m->t, i > 0 ? "," : "");
        strided(m, steps, dim);
    }
    ravel_tiny_text(m->t, "]}");
}

/* --- Networks --------------------------------------------------------------------------------- */

/* What both networks share. */
typedef struct {
    int channels, dim, hop; /* dim: of a row at the lower rate */
    int strides[MAX_STAGES], n_stages;
} shape;

static void encoder(maker *m, const shape *s)
{
    int channels = s->channels;
    ravel_tiny_text(m->t, "[");
    for (int i = 0; i < s->n_stages; i++) {
        const int next = i + 1 < s->n_stages ? between(m, 1, 4) : s->dim;
        some(m, channels, below(m, 3));
        down(m, channels, next, s->strides[i]);
        ravel_tiny_text(m->t, ",");
        channels = next;
    }
    list(m, channels);
    ravel_tiny_text(m->t, "]");
}

static void decoder(maker *m, const shape *s, bool exact)
{
    int channels = s->dim;
    ravel_tiny_text(m->t, "[");
    for (int i = s->n_stages - 1; i >= 0; i--) {
        const int next = i > 0 ? between(m, 1, 4) : s->channels;
        some(m, channels, below(m, 3));
        up(m, channels, next, s->strides[i], exact);
        ravel_tiny_text(m->t, ",");
        channels = next;
    }
    list(m, channels);
    ravel_tiny_text(m->t, "]");
}

static shape new_shape(maker *m)
{
    shape s = {.channels = between(m, 1, 2), .dim = between(m, 1, 4), .hop = 1};
    s.n_stages = between(m, 1, MAX_STAGES);
    for (int i = 0; i < s.n_stages; i++) {
        s.strides[i] = between(m, 1, 4);
        s.hop *= s.strides[i];
    }
    return s;
}

static void plain_model(maker *m, const shape *s)
{
    const bool drops = !m->completes && one_of(m, 4);
    ravel_tiny_header(m->t, "random", 8000, s->channels, s->hop, drops ? 0 : below(m, 3));
    encoder(m, s);
    if (drops)
        ravel_tiny_text(m->t, ",\"last_frame\":\"drop\"");
    ravel_tiny_text(m->t, ",\"quantizer\":");
    quantizer(m, s->dim);
    ravel_tiny_text(m->t, ",\"decoder\":");
    decoder(m, s, false);
}

static void folded_model(maker *m, const shape *s)
{
    const int steps = between(m, 1, 8);
    m->completes = false;
    ravel_tiny_header(m->t, "random", 8000, s->channels, s->hop * steps, 0);
    ravel_tiny_text(m->t, "[");
    encoder(m, s);
    ravel_tiny_text(m->t, ",{\"type\":\"fold\",\"rows\":%d}],\"quantizer\":", steps);
    quantizer_of_rows(m, steps, s->dim);
    ravel_tiny_text(m->t, ",\"decoder\":[{\"type\":\"unfold\",\"rows\":%d},", steps);
    decoder(m, s, false);
    ravel_tiny_text(m->t, "]");
}

static void segment_model(maker *m, const shape *s)
{
    const int length = between(m, s->hop, 6 * s->hop), hop = between(m, length / 3 + 1, length);
    const int steps = (length - 1) / s->hop + 1;
    m->in_piece = m->completes = true;
    ravel_tiny_header(m->t, "random", 8000, s->channels, hop, below(m, 3));
    ravel_tiny_text(m->t, "{\"type\":\"segment\",\"length\":%d,\"hop\":%d,\"normalize\":%s,",
                    length, hop, one_of(m, 2) ? "true" : "false");
    ravel_tiny_text(m->t, "\"inner\":");
    encoder(m, s);
    ravel_tiny_text(m->t,
                    "},\"quantizer\":{\"type\":\"segment\",\"steps\":%d,\"inner\":{\"type\":"
                    "\"strided\",\"steps\":%d,\"inner\":",
                    steps, steps);
    ravel_tiny_codebooks(m->t, 2, 8, s->dim);
    ravel_tiny_text(
        m->t, "}},\"decoder\":{\"type\":\"overlap_add\",\"steps\":%d,\"hop\":%d,\"inner\":", steps,
        hop);
    decoder(m, s, true);
    ravel_tiny_text(m->t, "}");
}

void *ravel_test_random_model(uint64_t seed, size_t *size)
{
    maker m = {.t = ravel_tiny_begin((uint32_t)seed), .seed = seed};
    const shape s = new_shape(&m);
    m.completes = one_of(&m, 2);
    switch (below(&m, 3)) {
    case 0:
        plain_model(&m, &s);
        break;
    case 1:
        folded_model(&m, &s);
        break;
    default:
        segment_model(&m, &s);
    }
    ravel_tiny_text(m.t, "}");
    return ravel_tiny_finish(m.t, size);
}
