/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/model.h"

#include <cjson/cJSON.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/graph/graph.h"
#include "codec/identity.h"
#include "nn/fpenv.h"

enum {
    FORMAT = 1,
    MAX_HOP = 65536,
    MAX_LATENT_DIM = 65536,
    MAX_SAMPLE_RATE = 768000,
    MAX_CHANNELS = 64,
    MAX_CHUNK_FRAMES = 64,
    GOOD_SCRATCH = 1 << 20, /* the size of the cache next to a core, roughly */
    LARGE_SCRATCH = 32 << 20,
    MANY_WEIGHTS = 16 << 20, /* bytes */
    MAX_SCRATCH = 1 << 30,   /* of one stream: for a frame, and pieces that layers see at once */
    MAX_STATE = 64 << 20,
    /*
     * Weights grow when they are packed, at most 32-fold (one output in a panel of 32), and the
     * Fourier transforms need tables that are in no file.
     */
    WEIGHT_GROWTH = 32,
    WEIGHT_BASE = 256 << 20
};

static const char *const keys[] = {"format",  "name",   "licence",    "sample_rate", "channels",
                                   "hop",     "tail",   "last_frame", "encoder",     "quantizer",
                                   "decoder", "tables", "prior",      "sha256",      NULL};

static void read_text(const ravel_node *top, const char *key, char text[RAVEL_MAX_MODEL_TEXT])
{
    (void)snprintf(text, RAVEL_MAX_MODEL_TEXT, "%s", ravel_node_string(top, key));
}

static void read_header(ravel_model *model, const ravel_node *top)
{
    static const char *const last_frames[] = {"zeros", "drop", NULL};
    ravel_model_info *info = &model->info;
    int format = ravel_node_int(top, "format", -1, 1, INT_MAX);
    if (format > FORMAT && !top->reader->failed) {
        ravel_error newer;
        (void)ravel_error_set(&newer, RAVEL_ERR_VERSION, "format %d is newer than %d", format,
                              FORMAT);
        ravel_node_refuse_as(top, &newer);
    }
    ravel_node_only(top, keys);
    read_text(top, "name", model->name);
    read_text(top, "licence", model->licence);
    info->name = model->name;
    info->licence = model->licence;
    info->sample_rate_hz = ravel_node_int(top, "sample_rate", -1, 1000, MAX_SAMPLE_RATE);
    info->channels = ravel_node_int(top, "channels", -1, 1, MAX_CHANNELS);
    info->hop_samples = ravel_node_int(top, "hop", -1, 1, MAX_HOP);
    info->tail_samples = ravel_node_int(top, "tail", -1, 0, 1 << 24);
    info->drops_last_frame = ravel_node_choice(top, "last_frame", last_frames);
    if (info->drops_last_frame && info->tail_samples > 0)
        ravel_node_refuse(top, "a 'tail' and a 'last_frame' of 'drop' exclude each other");
    if (strlen(ravel_node_string(top, "sha256")) != RAVEL_SHA256_HEX - 1) {
        ravel_node_refuse(top, "'sha256' is not 64 hexadecimal digits");
    }
}

static void build_encoder(ravel_model *model, ravel_builder *builder, const ravel_node *top)
{
    ravel_node node = ravel_node_child(top, "encoder");
    ravel_flow flow = {.channels = model->info.channels, .up = 1, .down = 1};
    top->reader->part = RAVEL_PART_ENCODER;
    model->info.decodes_only = !node.json;
    if (!node.json && (model->info.tail_samples > 0 || model->info.drops_last_frame))
        ravel_node_refuse(top, "'tail' and 'last_frame' mean nothing without an encoder");
    model->encoder = node.json ? ravel_graph_layers(builder, &node, &flow) : NULL;
    if (!model->encoder)
        return;
    if (flow.up != 1 || flow.down != model->info.hop_samples) {
        ravel_node_refuse(&node, "makes %d rows of %d samples; the hop is %d", flow.up, flow.down,
                          model->info.hop_samples);
    } else if (flow.surplus != 0) {
        ravel_node_refuse(&node, "makes %d frames %s than there are hops", abs(flow.surplus),
                          flow.surplus > 0 ? "more" : "fewer");
    } else if (flow.short_of) {
        ravel_node_refuse(&node, "loses rows on the way: a short stream would give no frames");
    } else if (flow.drops && flow.completes) {
        ravel_node_refuse(&node, "complete_last must stand in all strided layers or in none");
    } else if (model->info.drops_last_frame && (flow.completes || flow.lost != 0)) {
        ravel_node_refuse(&node, "does more than leave out an incomplete last frame, so that "
                                 "'last_frame' cannot be 'drop'");
    }
    model->pads_last_frame = !flow.completes && !model->info.drops_last_frame;
    model->info.latent_dim = model->encoder->out_channels;
}

static void build_quantizer(ravel_model *model, ravel_builder *builder, const ravel_node *top)
{
    ravel_node node = ravel_node_child(top, "quantizer");
    top->reader->part = RAVEL_PART_QUANTIZER;
    model->quantizer = ravel_graph_quantizer(builder, &node, model->info.latent_dim);
    if (!model->quantizer)
        return;
    model->info.latent_dim = model->quantizer->dim;
    if (model->info.latent_dim > MAX_LATENT_DIM)
        ravel_node_refuse(&node, "has more than %d dimensions", MAX_LATENT_DIM);
    int n = model->quantizer->n_codebooks;
    model->info.n_codebooks = model->layout.n_codebooks = n;
    model->info.least_codebooks = model->quantizer->n_head + 1;
    for (int i = 0; i < n; i++) {
        model->layout.codebook_size[i] = model->quantizer->codebook_size[i];
        model->layout.steps_per_frame[i] = model->quantizer->steps[i];
    }
    memcpy(model->info.codebook_size, model->layout.codebook_size,
           sizeof model->info.codebook_size);
    memcpy(model->info.steps_per_frame, model->layout.steps_per_frame,
           sizeof model->info.steps_per_frame);
    if (!ravel_layout_valid(&model->layout)) {
        ravel_node_refuse(&node, "a codebook does not have 2 to %d codewords and 1 to %d steps",
                          RAVEL_MAX_CODEBOOK_SIZE, RAVEL_MAX_STEPS_PER_FRAME);
    }
}

static void build_decoder(ravel_model *model, ravel_builder *builder, const ravel_node *top)
{
    ravel_node node = ravel_node_child(top, "decoder");
    ravel_flow flow = {.channels = model->info.latent_dim, .up = 1, .down = 1};
    top->reader->part = RAVEL_PART_DECODER;
    model->decoder = ravel_graph_layers(builder, &node, &flow);
    if (!model->decoder)
        return;
    if (flow.down != 1 || flow.up != model->info.hop_samples) {
        ravel_node_refuse(&node, "makes %d samples of %d frames; the hop is %d", flow.up, flow.down,
                          model->info.hop_samples);
    } else if (flow.channels != model->info.channels) {
        ravel_node_refuse(&node, "makes %d channels of %d", flow.channels, model->info.channels);
    } else if (flow.surplus + model->info.tail_samples <= -model->info.hop_samples) {
        ravel_node_refuse(&node, "ends %d samples early, a frame or more beyond a tail of %d",
                          -flow.surplus, model->info.tail_samples);
    } else if (flow.least > 1 && (int64_t)(flow.least - 1) * flow.up + flow.surplus > 0) {
        ravel_node_refuse(&node, "loses rows on the way: %d frames would make no sound",
                          flow.least - 1);
    }
    model->info.end_samples = flow.surplus;
}

static void build_tables(ravel_model *model, ravel_builder *builder, const ravel_node *top)
{
    ravel_node node = ravel_node_child(top, "tables");
    if (!node.json)
        return;
    top->reader->part = RAVEL_PART_PRIOR;
    ravel_graph_check_tokenizer(&node, model->info.tokenizer_identity);
    model->tables = ravel_graph_tables(builder, &node, &model->layout);
    model->info.entropy = RAVEL_ENTROPY_STATIC;
}

static void build_prior(ravel_model *model, ravel_builder *builder, const ravel_node *top)
{
    ravel_node node = ravel_node_child(top, "prior");
    if (!node.json)
        return;
    top->reader->part = RAVEL_PART_PRIOR;
    ravel_graph_check_tokenizer(&node, model->info.tokenizer_identity);
    model->prior = ravel_graph_prior(builder, &node, &model->layout);
    model->info.entropy = RAVEL_ENTROPY_PRIOR;
}

static void check_tensors(ravel_model *model, const ravel_node *top)
{
    const ravel_safetensors *st = top->reader->st;
    for (size_t i = 0; i < st->n_entries && !top->reader->failed; i++) {
        if (!st->entries[i].parts) {
            ravel_node_refuse(top, "tensor '%.100s' belongs to no layer",
                              st->entries[i].tensor.name);
        }
        model->info.parameters += ravel_tensor_count(&st->entries[i].tensor);
    }
}

static const ravel_layer no_layer;

/* The encoder, or where there is none, a layer that takes nothing. */
static const ravel_layer *encoder_of(const ravel_model *model)
{
    return model->encoder ? model->encoder : &no_layer;
}

/* What the layers take however small the chunk is: pieces that they run at once. */
static size_t fixed_scratch(const ravel_model *model)
{
    const size_t encoder = model->encoder ? ravel_layer_scratch_size(model->encoder, 0, 1) : 0;
    const size_t decoder = ravel_layer_scratch_size(model->decoder, 0, 1);
    return encoder > decoder ? encoder : decoder;
}

/*
 * What a chunk may take. Rows should stay in the cache, but where a round reads many more bytes of
 * weights than that, it is better to have few rounds.
 */
static size_t good_scratch(const ravel_model *model)
{
    const size_t weights = encoder_of(model)->weight_bytes + model->decoder->weight_bytes;
    const size_t most = weights / 4 < LARGE_SCRATCH ? weights / 4 : LARGE_SCRATCH;
    const size_t fixed = fixed_scratch(model);
    const size_t good = weights > MANY_WEIGHTS ? most : GOOD_SCRATCH;
    return fixed > SIZE_MAX - good ? SIZE_MAX : fixed + good;
}

/* Chunk: the largest power of two whose rows fit. */
static void plan(ravel_model *model, const ravel_node *top)
{
    const size_t encoder_state = encoder_of(model)->state_size;
    int n = MAX_CHUNK_FRAMES;
    model->chunk_frames = n;
    while (n > 1 && ravel_scratch_size(model, 1) > good_scratch(model))
        model->chunk_frames = n /= 2;
    if (encoder_state > MAX_STATE || model->decoder->state_size > MAX_STATE ||
        ravel_scratch_size(model, 1) > MAX_SCRATCH) {
        ravel_node_refuse(top, "a stream would take %zu + %zu bytes of state, %zu of scratch",
                          encoder_state, model->decoder->state_size, ravel_scratch_size(model, 1));
    }
}

/*
 * From the arrival of the first sample to its return: layers whose padding mirrors the first rows
 * wait for those; from the first output on nothing is late.
 */
static int start_delay(const ravel_model *model)
{
    const ravel_layer *encoder = encoder_of(model), *decoder = model->decoder;
    const int64_t hop = model->info.hop_samples;
    int64_t frames = decoder->lookahead_in + (decoder->lookahead_out + hop) / hop;
    frames = frames > decoder->start_rows ? frames : decoder->start_rows;
    int64_t samples = encoder->lookahead_in + (frames + encoder->lookahead_out) * hop;
    samples = samples > encoder->start_rows ? samples : encoder->start_rows;
    return samples > model->info.delay_samples ? (int)samples : model->info.delay_samples;
}

static void fill_info(ravel_model *model)
{
    ravel_model_info *info = &model->info;
    const ravel_layer *encoder = encoder_of(model), *decoder = model->decoder;
    double rate = info->sample_rate_hz, frame_rate = rate / info->hop_samples;
    info->encoder_lookahead_samples =
        encoder->lookahead_in + encoder->lookahead_out * info->hop_samples;
    info->decoder_lookahead_samples =
        decoder->lookahead_in * info->hop_samples + decoder->lookahead_out;
    info->delay_samples =
        info->hop_samples + info->encoder_lookahead_samples + info->decoder_lookahead_samples;
    info->start_delay_samples = start_delay(model);
    info->encoder_macs = encoder->macs * rate;
    info->quantizer_macs = model->quantizer->macs * frame_rate;
    info->decoder_macs = decoder->macs * frame_rate;
    info->encoder_weight_bytes = encoder->weight_bytes;
    info->quantizer_weight_bytes = model->quantizer->weight_bytes;
    info->decoder_weight_bytes = decoder->weight_bytes;
}

/* Everything of the model but its kernels. */
static void build(ravel_model *model, const ravel_node *top)
{
    ravel_builder builder = {
        .kernels = model->kernels, .weight_budget = WEIGHT_BASE, .listing = &model->listing};
    size_t data_size = top->reader->st->data_size;
    builder.weight_budget += data_size > SIZE_MAX / 64 ? data_size : data_size * WEIGHT_GROWTH;
    read_header(model, top);
    builder.sample_rate_hz = model->info.sample_rate_hz;
    builder.begin_hz = model->info.sample_rate_hz;
    if (!top->reader->failed)
        build_encoder(model, &builder, top);
    builder.begin_hz /= model->info.hop_samples;
    if (!top->reader->failed)
        build_quantizer(model, &builder, top);
    if (!top->reader->failed)
        build_decoder(model, &builder, top);
    if (!top->reader->failed)
        ravel_identity_tokenizer(top->json, top->reader->st, model->info.tokenizer_identity);
    builder.listing = NULL; /* of what only tells codes in advance there is none */
    if (!top->reader->failed)
        build_tables(model, &builder, top);
    if (!top->reader->failed)
        build_prior(model, &builder, top);
    if (!top->reader->failed)
        check_tensors(model, top);
    if (!top->reader->failed)
        plan(model, top);
    if (top->reader->failed)
        return;
    fill_info(model);
    ravel_identity_decoder(top->json, top->reader->st, model->info.decoder_identity);
    if (model->info.entropy != RAVEL_ENTROPY_NONE)
        ravel_identity_prior(top->json, top->reader->st, model->info.prior_identity);
}

cJSON *ravel_model_parse_graph(const ravel_safetensors *st, ravel_error *error)
{
    const char *text = ravel_safetensors_metadata(st, "ravel");
    if (!text) {
        (void)ravel_error_set(error, RAVEL_ERR_DATA,
                              "a safetensors file, but not a model: no graph under 'ravel' in its "
                              "metadata (ravel import makes models of published checkpoints)");
        return NULL;
    }
    cJSON *graph = cJSON_ParseWithOpts(text, NULL, 1);
    if (!cJSON_IsObject(graph)) {
        cJSON_Delete(graph);
        (void)ravel_error_set(error, RAVEL_ERR_DATA, "model: the graph is not a JSON object");
        return NULL;
    }
    return graph;
}

ravel_model *ravel_model_open_parsed(const ravel_kernels *kernels, ravel_safetensors *st,
                                     const cJSON *graph, ravel_error *error)
{
    ravel_reader reader = {.st = st, .error = error};
    ravel_node top = {.reader = &reader, .json = graph, .key = "graph"};
    ravel_model *model = calloc(1, sizeof *model);
    if (!model) {
        (void)ravel_error_memory(error);
        return NULL;
    }
    model->kernels = kernels;
    uint64_t control = ravel_fpenv_enter(); /* layers compute tables of their weights */
    build(model, &top);
    ravel_fpenv_leave(control);
    if (!reader.failed)
        return model;
    ravel_model_free(model);
    return NULL;
}

ravel_model *ravel_model_open_with(const ravel_kernels *kernels, const void *data, size_t size,
                                   ravel_error *error)
{
    ravel_safetensors st;
    if (ravel_safetensors_parse(&st, data, size, error))
        return NULL;
    cJSON *graph = ravel_model_parse_graph(&st, error);
    ravel_model *model = graph ? ravel_model_open_parsed(kernels, &st, graph, error) : NULL;
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    return model;
}

ravel_model *ravel_model_open_memory(const void *data, size_t size, ravel_error *error)
{
    const ravel_kernels *kernels = ravel_kernels_select();
    if (!data) {
        (void)ravel_error_set(error, RAVEL_ERR_ARGUMENT, "no model data");
        return NULL;
    }
    if (!kernels) {
        (void)ravel_error_set(error, RAVEL_ERR_CPU, "%s", ravel_strerror(RAVEL_ERR_CPU));
        return NULL;
    }
    return ravel_model_open_with(kernels, data, size, error);
}

int ravel_model_verify_memory(const void *data, size_t size, ravel_error *error)
{
    ravel_safetensors st;
    uint8_t digest[RAVEL_SHA256_BYTES];
    char found[RAVEL_SHA256_HEX];
    ravel_sha256 sha;
    int status = ravel_safetensors_parse(&st, data, size, error);
    if (status)
        return status;
    cJSON *graph = ravel_model_parse_graph(&st, error);
    ravel_sha256_init(&sha);
    ravel_sha256_update(&sha, st.data, st.data_size);
    ravel_sha256_final(&sha, digest);
    ravel_sha256_hex(digest, found);
    const char *noted = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(graph, "sha256"));
    if (!graph) {
        status = RAVEL_ERR_DATA;
    } else if (!noted || strcmp(noted, found) != 0) {
        status = ravel_error_set(error, RAVEL_ERR_DATA,
                                 "model: the weights are damaged: SHA-256 %s, noted %.64s", found,
                                 noted ? noted : "none");
    }
    cJSON_Delete(graph);
    ravel_safetensors_free(&st);
    return status;
}

void ravel_model_free(ravel_model *model)
{
    if (!model || model->is_builtin)
        return;
    ravel_layer_destroy(model->encoder);
    ravel_layer_destroy(model->decoder);
    ravel_quantizer_destroy(model->quantizer);
    ravel_tables_free(model->tables);
    ravel_prior_free(model->prior);
    ravel_listing_free(&model->listing);
    free(model);
}

ravel_code_models ravel_model_code_models(const ravel_model *model)
{
    return (ravel_code_models){.kernels = model->kernels,
                               .layout = &model->layout,
                               .tables = model->tables,
                               .prior = model->prior};
}

const ravel_model_info *ravel_model_get_info(const ravel_model *model)
{
    return &model->info;
}

int ravel_model_codes_per_frame(const ravel_model *model, int n_codebooks)
{
    if (n_codebooks < 1 || n_codebooks > model->layout.n_codebooks)
        return RAVEL_ERR_ARGUMENT;
    return ravel_layout_codes(&model->layout, n_codebooks);
}

double ravel_model_bitrate(const ravel_model *model, int n_codebooks)
{
    const ravel_model_info *info = &model->info;
    const int n_head = info->least_codebooks - 1;
    if (n_codebooks <= n_head || n_codebooks > model->layout.n_codebooks)
        return 0.0;
    const int head_bits = n_head > 0 ? ravel_layout_bits(&model->layout, n_head) : 0;
    const int bits = ravel_layout_bits(&model->layout, n_codebooks) - head_bits;
    const int overlap = n_head > 0 ? info->encoder_lookahead_samples : 0;
    return (double)bits * info->sample_rate_hz / (info->hop_samples + overlap);
}
