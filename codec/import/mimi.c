/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Mimi (Defossez et al., arXiv 2410.00037): a causal SEANet, transformers at twice the frame rate,
 * and a split quantiser. Its authors' checkpoints have had three spellings, Hugging Face's is a
 * fourth. All become the same model; Hugging Face's order of the rows of queries and keys, for
 * RoPE of halves, is taken back to the authors', of neighbours.
 */
#include <stdio.h>

#include "codec/import/seanet.h"

enum { MAX_LAYERS = 256, MAX_SIZE = 65536, MAX_STEPS = 256, MAX_DILATION = 1024 };

typedef struct {
    ravel_draft *draft;
    bool hugging_face;
    int heads, context, rope_base;
    int steps; /* of the transformers a frame */
    bool
        streamed; /* as the authors' streams: the steps of a frame enter the ring of keys at once */
} reader;

/* --- Transformers ------------------------------------------------------------------------------ */

/* What a tensor is called, in the authors' spellings, the usual one first, and Hugging Face's. */
typedef struct {
    const char *authors[3], *hugging_face;
} spelling;

static const struct {
    const char *name; /* in the model */
    int rank;
    spelling names;
} layer_tensors[] = {
    {"norm1.weight", 1, {{"norm1.weight"}, "input_layernorm.weight"}},
    {"norm1.bias", 1, {{"norm1.bias"}, "input_layernorm.bias"}},
    {"self_attn.out_proj.weight",
     2,
     {{"self_attn.out_proj.weight", "self_attn.out_projs.0.weight"}, "self_attn.o_proj.weight"}},
    {"layer_scale_1.gain", 1, {{"layer_scale_1.scale"}, "self_attn_layer_scale.scale"}},
    {"norm2.weight", 1, {{"norm2.weight"}, "post_attention_layernorm.weight"}},
    {"norm2.bias", 1, {{"norm2.bias"}, "post_attention_layernorm.bias"}},
    {"linear1.weight", 2, {{"linear1.weight"}, "mlp.fc1.weight"}},
    {"linear2.weight", 2, {{"linear2.weight"}, "mlp.fc2.weight"}},
    {"layer_scale_2.gain", 1, {{"layer_scale_2.scale"}, "mlp_layer_scale.scale"}},
};

enum { N_LAYER_TENSORS = sizeof layer_tensors / sizeof layer_tensors[0] };

/* The tensor PREFIX.NAME under the name that it has here. */
static const ravel_tensor *need(const reader *r, const char *prefix, const spelling *names,
                                int rank)
{
    char name[RAVEL_DRAFT_NAME];
    for (int i = 1; i < 3 && !r->hugging_face && names->authors[i]; i++) {
        ravel_draft_name(name, prefix, "%s", names->authors[i]);
        if (ravel_draft_find(r->draft, name))
            return ravel_draft_need(r->draft, name, rank);
    }
    ravel_draft_name(name, prefix, "%s", r->hugging_face ? names->hugging_face : names->authors[0]);
    return ravel_draft_need(r->draft, name, rank);
}

/* The place of a row in a head of `width` rows where neighbours were pairs before. */
static int row_of_halves(int row, int width)
{
    return row % 2 * (width / 2) + row / 2;
}

/* weight [C][C] of Hugging Face, to [C][C]; turned: with RoPE's order of rows */
static void copy_rows(const reader *r, const ravel_tensor *weight, bool turned, float *to)
{
    int channels = weight->shape[0], width = channels / r->heads;
    for (int row = 0; row < channels; row++) {
        int from = turned ? row / width * width + row_of_halves(row % width, width) : row;
        for (int i = 0; i < channels; i++) {
            size_t at = (size_t)from * (size_t)channels + (size_t)i;
            *to++ = ravel_tensor_get(weight, at);
        }
    }
}

static void join_query_key_value(const reader *r, const char *source, const char *name)
{
    char part[RAVEL_DRAFT_NAME];
    const ravel_tensor *weight[3];
    for (int i = 0; i < 3; i++) {
        ravel_draft_name(part, source, "self_attn.%c_proj.weight", "qkv"[i]);
        weight[i] = ravel_draft_need(r->draft, part, 2);
    }
    if (r->draft->failed)
        return;
    int channels = weight[0]->shape[0], shape[2] = {3 * channels, channels};
    for (int i = 0; i < 3; i++)
        if (weight[i]->shape[0] != channels || weight[i]->shape[1] != channels ||
            channels > MAX_SIZE || channels % (2 * r->heads) != 0) {
            ravel_draft_fail(r->draft, "tensor '%s' is [%d, %d]: no square of %d heads",
                             weight[i]->name, weight[i]->shape[0], weight[i]->shape[1], r->heads);
            return;
        }
    float *rows = ravel_draft_make(r->draft, name, 2, shape);
    for (int i = 0; rows && i < 3; i++, rows += (size_t)channels * (size_t)channels)
        copy_rows(r, weight[i], i < 2, rows);
}

static void add_layer_tensors(const reader *r, const char *source, const char *layer)
{
    static const spelling stacked = {{"self_attn.in_proj_weight", "self_attn.in_projs.0.weight"},
                                     NULL};
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, layer, "self_attn.in_proj.weight");
    if (r->hugging_face)
        join_query_key_value(r, source, name);
    else
        ravel_draft_add(r->draft, name, need(r, source, &stacked, 2));
    for (int i = 0; i < N_LAYER_TENSORS; i++) {
        ravel_draft_name(name, layer, "%s", layer_tensors[i].name);
        ravel_draft_add(r->draft, name,
                        need(r, source, &layer_tensors[i].names, layer_tensors[i].rank));
    }
}

/* The node of a part of the layer, at the end of the sequence. */
static cJSON *append(const reader *r, cJSON *sequence, const char *type, const char *layer,
                     const char *part)
{
    char name[RAVEL_DRAFT_NAME];
    ravel_draft_name(name, layer, "%s", part ? part : "");
    cJSON *node = ravel_draft_node(r->draft, type, part ? name : NULL);
    ravel_draft_append(r->draft, sequence, node);
    return r->draft->failed ? NULL : node;
}

/* A residual node at the end of the sequence; its branch, which is empty so far. */
static cJSON *append_residual(const reader *r, cJSON *sequence)
{
    cJSON *node = append(r, sequence, "residual", "", NULL);
    return cJSON_AddArrayToObject(node, "branch");
}

static void append_layer(const reader *r, cJSON *sequence, const char *layer)
{
    cJSON *branch = append_residual(r, sequence);
    append(r, branch, "layer_norm", layer, "norm1");
    cJSON *attention = append(r, branch, "attention", layer, "self_attn");
    ravel_draft_number(r->draft, attention, "heads", r->heads);
    ravel_draft_number(r->draft, attention, "context", r->context);
    ravel_draft_string(r->draft, attention, "rope", "interleaved");
    ravel_draft_number(r->draft, attention, "rope_base", r->rope_base);
    if (r->streamed)
        ravel_draft_number(r->draft, attention, "together", r->steps);
    append(r, branch, "scale", layer, "layer_scale_1");

    branch = append_residual(r, sequence);
    append(r, branch, "layer_norm", layer, "norm2");
    append(r, branch, "conv", layer, "linear1");
    append(r, branch, "gelu", layer, NULL);
    append(r, branch, "conv", layer, "linear2");
    append(r, branch, "scale", layer, "layer_scale_2");
}

/* The linear map that a transformer has where it is not as wide as the network around it. */
static void append_projection(const reader *r, cJSON *sequence, const char *part, const char *name)
{
    char transformer[RAVEL_DRAFT_NAME], tensor[RAVEL_DRAFT_NAME];
    (void)snprintf(transformer, sizeof transformer, "%s_transformer", part);
    ravel_draft_name(tensor, transformer, "%s.weight", name);
    const ravel_tensor *weight = ravel_draft_find(r->draft, tensor);
    if (!weight)
        return;
    ravel_draft_add(r->draft, tensor, weight);
    append(r, sequence, "conv", transformer, name);
}

/* part: "encoder" or "decoder" */
static void append_transformer(const reader *r, cJSON *sequence, const char *part)
{
    char source[RAVEL_DRAFT_NAME], layer[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    append_projection(r, sequence, part, "input_proj");
    for (int i = 0; i < MAX_LAYERS && !r->draft->failed; i++) {
        (void)snprintf(layer, sizeof layer, "%s_transformer.transformer.layers.%d", part, i);
        (void)snprintf(source, sizeof source, "%s_transformer.%slayers.%d", part,
                       r->hugging_face ? "" : "transformer.", i);
        ravel_draft_name(sign, source, "%s", "");
        if (i > 0 && !ravel_draft_has(r->draft, sign))
            break;
        add_layer_tensors(r, source, layer);
        append_layer(r, sequence, layer);
    }
    append_projection(r, sequence, part, "output_projs.0");
}

/* --- From the rate of the transformers to that of the frames, and back ------------------------- */

static const char *resampler_source(const reader *r, bool up)
{
    if (r->hugging_face)
        return up ? "upsample.conv" : "downsample.conv";
    return up ? "upsample.convtr.convtr.convtr" : "downsample.conv.conv.conv";
}

/* The stride, half of the kernel; 1 after a failure. */
static int stride_of(const reader *r, const ravel_tensor *weight)
{
    if (weight && weight->shape[2] % 2 == 0 && weight->shape[2] <= 2 * MAX_STEPS)
        return weight->shape[2] / 2;
    if (weight)
        ravel_draft_fail(r->draft, "tensor '%s' has no kernel of twice a stride: %d", weight->name,
                         weight->shape[2]);
    return 1;
}

/* Both are causal; before the first row the encoder's sees that row again. */
static cJSON *read_downsampling(reader *r)
{
    const ravel_tensor *weight =
        ravel_draft_conv_weight_as(r->draft, "downsample", resampler_source(r, false));
    cJSON *node = ravel_draft_node(r->draft, "conv", "downsample");
    r->steps = stride_of(r, weight);
    ravel_draft_number(r->draft, node, "stride", r->steps);
    ravel_draft_pair(r->draft, node, "pad", r->steps, 0);
    ravel_draft_string(r->draft, node, "mode", "replicate");
    return node;
}

static cJSON *read_upsampling(const reader *r)
{
    const ravel_tensor *weight =
        ravel_draft_conv_weight_as(r->draft, "upsample", resampler_source(r, true));
    cJSON *node = ravel_draft_node(r->draft, "conv_transpose", "upsample");
    int stride = stride_of(r, weight);
    ravel_draft_number(r->draft, node, "stride", stride);
    ravel_draft_number(r->draft, node, "groups", weight ? weight->shape[0] / weight->shape[1] : 1);
    ravel_draft_pair(r->draft, node, "trim", 0, stride);
    return node;
}

/* --- Quantiser --------------------------------------------------------------------------------- */

/* Codewords are means of what they stood for in training: sums [size][dim] over usage [size]. */
static void add_codewords(ravel_draft *draft, const char *name, const ravel_tensor *sums,
                          const ravel_tensor *usage)
{
    if (!sums || !usage)
        return;
    int size = sums->shape[0], dim = sums->shape[1];
    if (usage->shape[0] != size) {
        ravel_draft_fail(draft, "tensor '%s' has %d values for the %d rows of '%s'", usage->name,
                         usage->shape[0], size, sums->name);
        return;
    }
    float *codeword = ravel_draft_make(draft, name, 2, sums->shape);
    for (int i = 0; codeword && i < size; i++) {
        float used = ravel_tensor_get(usage, (size_t)i);
        for (int k = 0; k < dim; k++) {
            float sum = ravel_tensor_get(sums, (size_t)i * (size_t)dim + (size_t)k);
            *codeword++ = sum / (used > 1e-5f ? used : 1e-5f);
        }
    }
}

static void add_codebook(const reader *r, const char *source, const char *codebook)
{
    static const spelling sums = {{"embedding_sum", "embed_sum", "embed_avg"}, "embed_sum"};
    static const spelling usage = {{"cluster_usage", "cluster_size"}, "cluster_usage"};
    static const char *const unused[] = {"_initialized", "initialized", "inited"};
    char name[RAVEL_DRAFT_NAME];
    const ravel_tensor *sum = need(r, source, &sums, 2);
    ravel_draft_name(name, codebook, "codebook.weight");
    add_codewords(r->draft, name, sum, need(r, source, &usage, 1));
    for (int i = 0; i < 3; i++) {
        ravel_draft_name(name, source, "%s", unused[i]);
        ravel_draft_ignore(r->draft, name);
    }
}

static cJSON *read_codebooks(const reader *r, const char *source, const char *part)
{
    char prefix[RAVEL_DRAFT_NAME], codebook[RAVEL_DRAFT_NAME], sign[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(r->draft, "residual", NULL);
    cJSON *stages = cJSON_AddArrayToObject(node, "stages");
    for (int i = 0; i < RAVEL_MAX_CODEBOOKS && !r->draft->failed; i++) {
        ravel_draft_name(prefix, source,
                         r->hugging_face ? "layers.%d.codebook" : "vq.layers.%d._codebook", i);
        ravel_draft_name(codebook, part, "vq.layers.%d", i);
        ravel_draft_name(sign, prefix, "%s", "");
        if (i > 0 && !ravel_draft_has(r->draft, sign))
            break;
        add_codebook(r, prefix, codebook);
        ravel_draft_append(r->draft, stages, ravel_draft_node(r->draft, "codebook", codebook));
    }
    return node;
}

static void append_part(const reader *r, cJSON *parts, const char *source, const char *part)
{
    static const char *const directions[][2] = {{"in_proj", "input_proj"},
                                                {"out_proj", "output_proj"}};
    char name[RAVEL_DRAFT_NAME], from[RAVEL_DRAFT_NAME];
    cJSON *node = ravel_draft_node(r->draft, "projected", part);
    for (int i = 0; i < 2; i++) {
        ravel_draft_name(name, part, "%s.weight", directions[i][0]);
        ravel_draft_name(from, source, "%s.weight", directions[i][1]);
        ravel_draft_add(r->draft, name, ravel_draft_need(r->draft, from, 3));
    }
    ravel_draft_child(r->draft, node, "inner", read_codebooks(r, source, part));
    ravel_draft_append(r->draft, parts, node);
}

/* The semantic codebook, and the acoustic ones beside it. */
static cJSON *read_quantizer(const reader *r)
{
    static const char *const parts[] = {"quantizer.rvq_first", "quantizer.rvq_rest"};
    static const char *const theirs[] = {"quantizer.semantic_residual_vector_quantizer",
                                         "quantizer.acoustic_residual_vector_quantizer"};
    cJSON *node = ravel_draft_node(r->draft, "split", NULL);
    cJSON *list = cJSON_AddArrayToObject(node, "parts");
    for (int i = 0; i < 2; i++)
        append_part(r, list, r->hugging_face ? theirs[i] : parts[i], parts[i]);
    return node;
}

/* --- The whole --------------------------------------------------------------------------------- */

/* A number under the authors' key or Hugging Face's. */
static int setting(ravel_draft *draft, const char *key, const char *theirs, int fallback, int max)
{
    fallback = ravel_draft_config_int(draft, theirs, fallback, 1, max);
    return ravel_draft_config_int(draft, key, fallback, 1, max);
}

static reader open_reader(ravel_draft *draft, const ravel_seanet *net)
{
    return (reader){
        .draft = draft,
        .hugging_face = net->hugging_face,
        .heads = setting(draft, "transformer.num_heads", "num_attention_heads", 8, MAX_SIZE),
        .context = setting(draft, "transformer.context", "sliding_window", 250, MAX_SIZE),
        .rope_base = setting(draft, "transformer.max_period", "rope_theta", 10000, 1 << 30),
        .steps = 1,
        .streamed = ravel_draft_config_bool(draft, "streaming", false)};
}

/* Convolutions complete no window: the sound is filled up with zeros to whole frames instead. */
static ravel_seanet open_network(ravel_draft *draft)
{
    ravel_seanet net = ravel_seanet_open(draft, "");
    net.causal = true;
    net.completes = false;
    net.mode = "zero";
    net.dilation_base =
        ravel_draft_config_int(draft, "seanet.dilation_base", net.dilation_base, 1, MAX_DILATION);
    return net;
}

bool ravel_import_is_mimi(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "encoder_transformer.") &&
           (ravel_draft_has(draft, "quantizer.rvq_first.") ||
            ravel_draft_has(draft, "quantizer.semantic_residual_vector_quantizer."));
}

void ravel_import_mimi(ravel_draft *draft)
{
    int hop, decoder_hop;
    ravel_seanet net = open_network(draft);
    reader r = open_reader(draft, &net);
    int sample_rate = setting(draft, "sample_rate", "sampling_rate", 24000, 768000);
    cJSON *encoder = ravel_seanet_network(&net, draft, "encoder", &hop);
    cJSON *down = read_downsampling(&r);
    append_transformer(&r, encoder, "encoder");
    ravel_draft_append(draft, encoder, down);
    cJSON *decoder = cJSON_CreateArray();
    ravel_draft_append(draft, decoder, read_upsampling(&r));
    append_transformer(&r, decoder, "decoder");
    ravel_draft_append(draft, decoder, ravel_seanet_network(&net, draft, "decoder", &decoder_hop));
    ravel_draft_header(draft, ravel_draft_config_string(draft, "name", "mimi"),
                       "CC-BY-4.0, of Kyutai's weights", sample_rate, hop * r.steps);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", read_quantizer(&r));
    ravel_draft_part(draft, "decoder", decoder);
}
