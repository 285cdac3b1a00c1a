/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * FocalCodec (Della Libera et al., arXiv 2502.04465), its decoder. A token is the bits of a direction
 * (binary spherical quantisation); blocks of focal modulation make features of speech of the tokens,
 * and a Vocos makes sound of the features. Encoding needs the features of a large model of speech,
 * WavLM, and is left to the authors' program.
 */
#include <math.h>
#include <string.h>

#include "codec/import/chunks.h"
#include "codec/import/layers.h"

enum {
    MAX_LAYERS = 64,
    MAX_BITS = 16,
    MAX_WIDTH = 1 << 16,
    FEATURES_HZ = 50,      /* rows of WavLM a second */
    PIECE_FEATURES = 2048, /* that see each other: 41 s */
};

static const double eps = 1e-5; /* of the norms around focal modulation */

/* --- Focal modulation -------------------------------------------------------------------------- */

/* What a modulation reads, whose input has the channels [query][context][gates]. */
typedef struct {
    const char *name;
    int width;    /* of query and context */
    int n_levels; /* of context */
    bool causal;  /* otherwise the last level is the mean over all rows */
} modulation;

static bool is_causal(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "decompressor.layers.0.focal_block.modulation_norm.alpha");
}

static modulation read_modulation(ravel_draft *draft, const char *name)
{
    char weight[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    modulation m = {.name = name, .width = 1, .causal = is_causal(draft)};
    ravel_draft_name(weight, name, "in_proj.weight");
    const ravel_tensor *in = ravel_draft_need(draft, weight, 2);
    for (; m.n_levels < MAX_LAYERS; m.n_levels++) {
        ravel_draft_name(sign, "layers", "%d.", m.n_levels);
        if (!ravel_draft_has_part(draft, name, sign))
            break;
    }
    m.n_levels += !m.causal;
    if (!in || draft->failed)
        return m;
    m.width = in->shape[1];
    if (m.width > MAX_WIDTH || m.n_levels < 1 || in->shape[0] != 2 * m.width + m.n_levels)
        ravel_draft_fail(draft, "tensor '%s' has %d rows, which are no two of %d and %d gates",
                         weight, in->shape[0], m.width, m.n_levels);
    return m;
}

static void append_slice(ravel_draft *draft, cJSON *sequence, int first, int channels)
{
    cJSON *node = ravel_draft_node(draft, "slice", NULL);
    ravel_draft_number(draft, node, "first", first);
    ravel_draft_number(draft, node, "channels", channels);
    ravel_draft_append(draft, sequence, node);
}

/* From the context of the level before to that of a level: what is seen of yet more rows. */
static void append_level(ravel_draft *draft, cJSON *context, const modulation *m, int level)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, m->name, "layers.%d.0", level);
    if (m->causal || level + 1 < m->n_levels)
        (void)ravel_import_conv(draft, context, name, true, m->causal ? "replicate" : NULL);
    else
        ravel_import_plain(draft, context, "mean");
    ravel_import_plain(draft, context, "gelu");
}

/* The context of a level times its gate, one number a row. */
static cJSON *gated(ravel_draft *draft, const modulation *m, const cJSON *context, int level)
{
    char name[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(draft, "product", NULL);
    ravel_draft_child(draft, node, "branch", cJSON_Duplicate(context, true));
    cJSON *gate = cJSON_AddArrayToObject(node, "shortcut");
    append_slice(draft, gate, 2 * m->width + level, 1);
    ravel_draft_name(name, m->name, "gates");
    ravel_draft_append(draft, gate, ravel_draft_node(draft, "conv", name));
    return node;
}

/*
 * The gated contexts, summed. Each way to a context begins anew: its convolutions are depthwise, and
 * cost little. Gates spread to all channels by a convolution of ones.
 */
static void append_contexts(ravel_draft *draft, cJSON *sequence, const modulation *m)
{
    char name[RAVEL_DRAFT_NAME];
    const int shape[2] = {m->width, 1};
    ravel_draft_name(name, m->name, "gates.weight");
    float *ones = ravel_draft_make(draft, name, 2, shape);
    for (int i = 0; ones && i < m->width; i++)
        ones[i] = 1.0f;
    cJSON *sum = NULL, *context = cJSON_CreateArray();
    append_slice(draft, context, m->width, m->width);
    for (int level = 0; level < m->n_levels; level++) {
        append_level(draft, context, m, level);
        sum = ravel_import_sum(draft, gated(draft, m, context, level), sum);
    }
    cJSON_Delete(context);
    ravel_draft_append(draft, sequence, sum);
    ravel_draft_name(name, m->name, "mean");
    if (ravel_draft_config_bool(draft, "decompressor_config.normalize_modulator", false))
        ravel_import_constant_gain(draft, sequence, name, m->width, 1.0f / (float)m->n_levels);
}

/* A norm of rows, or in the place of one tanh(alpha x) (Zhu et al., arXiv 2503.10622). */
static void append_norm(ravel_draft *draft, cJSON *sequence, const char *name, int width)
{
    char alpha[RAVEL_DRAFT_NAME];
    if (!is_causal(draft)) {
        ravel_import_layer_norm(draft, sequence, name, eps);
        return;
    }
    ravel_draft_name(alpha, name, "alpha");
    const ravel_tensor *tensor = ravel_draft_need(draft, alpha, 1);
    ravel_import_constant_gain(draft, sequence, name, width,
                               tensor ? ravel_tensor_get(tensor, 0) : 1.0f);
    ravel_import_plain(draft, sequence, "tanh");
}

static void append_modulation(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    const modulation m = read_modulation(draft, prefix);
    ravel_draft_name(name, prefix, "in_proj");
    ravel_import_linear(draft, sequence, name);
    cJSON *node = ravel_draft_node(draft, "product", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    append_contexts(draft, branch, &m);
    ravel_draft_name(name, prefix, "context_proj");
    (void)ravel_import_conv(draft, branch, name, false, NULL);
    append_slice(draft, cJSON_AddArrayToObject(node, "shortcut"), 0, m.width);
    ravel_draft_append(draft, sequence, node);
    ravel_draft_name(name, prefix, "norm");
    if (ravel_draft_has_part(draft, name, ""))
        append_norm(draft, sequence, name, m.width);
    ravel_draft_name(name, prefix, "out_proj");
    ravel_import_linear(draft, sequence, name);
}

static void append_feed_forward(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "in_proj");
    ravel_import_linear(draft, sequence, name);
    ravel_import_plain(draft, sequence, "gelu");
    ravel_draft_name(name, prefix, "out_proj");
    ravel_import_linear(draft, sequence, name);
}

/* --- Features ---------------------------------------------------------------------------------- */

/* Channels of a block; 1 on failure. */
static int width_of(ravel_draft *draft, const char *block)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, block, "modulation.out_proj.weight");
    const ravel_tensor *out = ravel_draft_need(draft, name, 2);
    if (out && out->shape[0] > MAX_WIDTH)
        ravel_draft_fail(draft, "tensor '%s' has %d rows, more than %d", name, out->shape[0],
                         MAX_WIDTH);
    return out && !draft->failed ? out->shape[0] : 1;
}

/* A layer, its norm before it or after it, and its gain, around all of which the rows go too. */
static void append_residual(ravel_draft *draft, cJSON *sequence, const char *block,
                            const char *part, void (*append)(ravel_draft *, cJSON *, const char *))
{
    char layer[RAVEL_DRAFT_NAME], norm[RAVEL_DRAFT_NAME], gain[RAVEL_DRAFT_NAME];
    ravel_draft_name(layer, block, "%s", part);
    ravel_draft_name(norm, block, "%s_norm", part);
    ravel_draft_name(gain, block, "%s_gamma", part);
    const bool after = ravel_draft_has_part(draft, block, "modulation.norm.");
    const int width = width_of(draft, block);
    cJSON *node = ravel_draft_node(draft, "residual", NULL);
    cJSON *branch = cJSON_AddArrayToObject(node, "branch");
    if (!after)
        append_norm(draft, branch, norm, width);
    append(draft, branch, layer);
    if (after)
        append_norm(draft, branch, norm, width);
    ravel_import_gain(draft, branch, gain);
    ravel_draft_append(draft, sequence, node);
}

/* Snake, whose alpha is a column here. */
static void append_snake(ravel_draft *draft, cJSON *sequence, const char *name)
{
    char tensor[RAVEL_DRAFT_NAME];
    ravel_draft_name(tensor, name, "alpha");
    const ravel_tensor *alpha = ravel_draft_need(draft, tensor, 2);
    const int n = alpha ? alpha->shape[0] : 1;
    if (alpha && alpha->shape[1] != 1)
        ravel_draft_fail(draft, "tensor '%s' is not [%d, 1]", tensor, n);
    float *values = ravel_draft_make(draft, tensor, 1, &n);
    for (int i = 0; values && i < n; i++)
        values[i] = ravel_tensor_get(alpha, (size_t)i);
    ravel_draft_append(draft, sequence, ravel_draft_node(draft, "snake", name));
}

/* return    rows that are made of each */
static int append_upscale(ravel_draft *draft, cJSON *sequence, const char *prefix)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, prefix, "activation");
    append_snake(draft, sequence, name);
    ravel_draft_name(name, prefix, "upscale");
    const ravel_tensor *weight = ravel_draft_conv_weight(draft, name);
    const int factor = weight ? weight->shape[2] : 1;
    cJSON *node = ravel_draft_node(draft, "conv_transpose", name);
    ravel_draft_number(draft, node, "stride", factor);
    ravel_draft_append(draft, sequence, node);
    return factor;
}

/* Of a causal model, that was trained to see some rows ahead. */
static void append_refiner(ravel_draft *draft, cJSON *sequence)
{
    const ravel_tensor *after = ravel_draft_need(draft, "decoder.backbone.embedding.weight", 3);
    if (after && ravel_draft_has(draft, "decompressor.refiner."))
        ravel_import_chunks(draft, sequence, "decompressor.refiner", after->shape[1]);
}

/* Features of codewords; *n_rows for a codeword. */
static cJSON *read_decompressor(ravel_draft *draft, int *n_rows)
{
    char name[RAVEL_DRAFT_NAME], part[RAVEL_DRAFT_NAME];
    cJSON *inner = cJSON_CreateArray();
    *n_rows = 1;
    ravel_import_linear(draft, inner, "decompressor.in_proj");
    for (int i = 0; i < MAX_LAYERS && !draft->failed; i++) {
        ravel_draft_name(name, "decompressor.layers", "%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, name, ""))
            break;
        ravel_draft_name(part, name, "focal_block");
        append_residual(draft, inner, part, "modulation", append_modulation);
        append_residual(draft, inner, part, "feed_forward", append_feed_forward);
        ravel_draft_name(part, name, "upscale");
        const int factor = append_upscale(draft, inner, part);
        if (factor > PIECE_FEATURES / *n_rows)
            ravel_draft_fail(draft, "tensor '%s.upscale.weight' makes too many rows", part);
        else
            *n_rows *= factor;
    }
    append_refiner(draft, inner);
    return is_causal(draft) ? inner : ravel_import_whole(draft, PIECE_FEATURES / *n_rows, inner);
}

/* --- Sound ------------------------------------------------------------------------------------- */

/* causal_mode: as of ravel_import_conv */
static void append_backbone(ravel_draft *draft, cJSON *sequence, const char *causal_mode)
{
    static const double vocos_eps = 1e-6;
    char name[RAVEL_DRAFT_NAME];
    (void)ravel_import_conv(draft, sequence, "decoder.backbone.embedding", false, causal_mode);
    ravel_import_layer_norm(draft, sequence, "decoder.backbone.input_norm", vocos_eps);
    for (int i = 0; i < MAX_LAYERS && !draft->failed; i++) {
        ravel_draft_name(name, "decoder.backbone.layers", "%d", i);
        if (i > 0 && !ravel_draft_has_part(draft, name, ""))
            break;
        ravel_import_convnext(draft, sequence, name, causal_mode);
    }
    ravel_import_layer_norm(draft, sequence, "decoder.backbone.output_norm", vocos_eps);
}

/* Vocos. return    samples of a row */
static int append_istft(ravel_draft *draft, cJSON *sequence, int n_rows)
{
    const int hop = ravel_draft_config_int(draft, "decoder_config.hop_length", 320, 1, 4096);
    ravel_import_istft(draft, sequence, "decoder.head.proj.weight", n_rows, hop);
    return hop;
}

/* WaveNeXt (Okamoto et al., ASRU 2023): the samples of a row themselves. */
static int append_samples(ravel_draft *draft, cJSON *sequence, int n_rows)
{
    const int hop = ravel_draft_config_int(draft, "decoder_config.hop_length", n_rows, 1, 4096);
    if (hop != n_rows)
        ravel_draft_fail(draft, "tensor 'decoder.head.proj.weight' has %d rows, not a hop of %d",
                         n_rows, hop);
    cJSON *node = ravel_draft_node(draft, "unfold", NULL);
    ravel_draft_number(draft, node, "rows", n_rows);
    ravel_draft_append(draft, sequence, node);
    ravel_import_plain(draft, sequence, "clamp");
    return n_rows;
}

/* return    samples of a row */
static int append_vocoder(ravel_draft *draft, cJSON *sequence)
{
    const char *name = ravel_draft_config_string(draft, "decoder_name", "Vocos");
    const bool wavenext = strcmp(name, "WaveNeXt") == 0;
    if (!wavenext && (strcmp(name, "Vocos") != 0 || is_causal(draft)))
        ravel_draft_fail(draft, "configuration: decoder_name '%.40s' is not '%s'", name,
                         is_causal(draft) ? "WaveNeXt" : "Vocos' or 'WaveNeXt");
    append_backbone(draft, sequence, is_causal(draft) ? "zero" : NULL);
    ravel_import_linear(draft, sequence, "decoder.head.proj");
    const ravel_tensor *proj = ravel_draft_need(draft, "decoder.head.proj.weight", 2);
    const int n_rows = proj ? proj->shape[0] : 1;
    return wavenext ? append_samples(draft, sequence, n_rows)
                    : append_istft(draft, sequence, n_rows);
}

/* --- The codec --------------------------------------------------------------------------------- */

/* A code's bits, the highest first, as the signs of a vector of length 1. */
static cJSON *read_quantizer(ravel_draft *draft)
{
    const ravel_tensor *in = ravel_draft_need(draft, "decompressor.in_proj.weight", 2);
    const int n_bits = in ? in->shape[1] : 1;
    if (n_bits > MAX_BITS) {
        ravel_draft_fail(draft, "tensor '%s' takes codes of %d bits, more than %d", in->name,
                         n_bits, MAX_BITS);
        return NULL;
    }
    const int shape[2] = {1 << n_bits, n_bits};
    const float side = (float)(1.0 / sqrt((double)n_bits));
    float *value = ravel_draft_make(draft, "quantizer.codebook.weight", 2, shape);
    for (int code = 0; value && code < shape[0]; code++) {
        for (int bit = n_bits - 1; bit >= 0; bit--)
            *value++ = code >> bit & 1 ? side : -side;
    }
    return ravel_draft_node(draft, "codebook", "quantizer");
}

bool ravel_import_is_focalcodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "decompressor.layers.0.focal_block.");
}

void ravel_import_focalcodec(ravel_draft *draft)
{
    int n_rows;
    cJSON *quantizer = read_quantizer(draft), *decoder = cJSON_CreateArray();
    ravel_draft_ignore_all(draft, "encoder.");
    ravel_draft_ignore_all(draft, "compressor.");
    ravel_draft_append(draft, decoder, read_decompressor(draft, &n_rows));
    const int hop = append_vocoder(draft, decoder);
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", "focalcodec"),
                       "Apache-2.0, as the publisher of the checkpoint says", FEATURES_HZ * hop,
                       n_rows * hop);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
