/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Models with narrower weights: which tensors change and to what, what stays, and that codes and sound
 * are near those of before, and the same bits on every instruction set.
 */
#include <cjson/cJSON.h>
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "codec/import/import.h"
#include "codec/model.h"
#include "codec/safetensors.h"
#include "nn/half.h"
#include "tests/support/checkpoint.h"
#include "tests/support/random.h"
#include "tests/support/random_graph.h"
#include "tests/support/small_checkpoints.h"
#include "tests/support/tiny_model.h"

enum { RANDOM_GRAPHS = 40, MAX_CODES = 1 << 16, MAX_SAMPLES = 1 << 18 };

typedef struct {
    void *data;
    size_t size;
} file;

/* --- Model files ------------------------------------------------------------------------------ */

/* dtype F32: as it is */
static file import(const file *source, const char *config, ravel_dtype dtype, ravel_narrowing *came)
{
    file model;
    ravel_error error = {RAVEL_OK, ""};
    *came = (ravel_narrowing){.dtype = dtype};
    const ravel_import_source from = {.weights = source->data,
                                      .weights_size = source->size,
                                      .config = config,
                                      .config_size = config ? strlen(config) : 0,
                                      .narrowing = dtype != RAVEL_F32 ? came : NULL};
    int status = ravel_import(NULL, &from, &model.data, &model.size, &error);
    cr_assert_eq(status, 0, "%s", error.text);
    return model;
}

static bool opens(const file *model)
{
    ravel_model *opened = ravel_model_open_memory(model->data, model->size, NULL);
    ravel_model_free(opened);
    return opened != NULL;
}

/* The i-th of all models there are to try; data NULL after the last. Not all random graphs open. */
static file try_model(int i, const char **name)
{
    file model = {NULL, 0};
    const int n_random = i - RAVEL_TINY_KINDS;
    *name = n_random < 0 ? ravel_tiny_name((ravel_tiny_kind)i) : "a random graph";
    if (n_random < 0)
        model.data = ravel_test_model((ravel_tiny_kind)i, &model.size);
    else if (n_random < RANDOM_GRAPHS)
        model.data = ravel_test_random_model((uint64_t)n_random, &model.size);
    else if (ravel_small_name(n_random - RANDOM_GRAPHS)) {
        const int small = n_random - RANDOM_GRAPHS;
        ravel_narrowing none;
        file checkpoint;
        *name = ravel_small_name(small);
        checkpoint.data = ravel_small_checkpoint(small, &checkpoint.size);
        model = import(&checkpoint, ravel_small_config(small), RAVEL_F32, &none);
        free(checkpoint.data);
    }
    return model;
}

/* --- Values ----------------------------------------------------------------------------------- */

/* Two files of one model, before and after. */
typedef struct {
    const char *name;
    ravel_dtype dtype;
    ravel_safetensors before, after;
    int n_narrowed;
} pair;

static const ravel_tensor *tensor_of(const ravel_safetensors *st, const char *name)
{
    const ravel_entry *entry = ravel_safetensors_find(st, name);
    return entry ? &entry->tensor : NULL;
}

static void expect_halves(const pair *p, const ravel_tensor *before, const ravel_tensor *after)
{
    for (size_t i = 0; i < ravel_tensor_count(before); i++) {
        const float w = ravel_tensor_get(before, i), half = ravel_tensor_get(after, i);
        const float step = fmaxf(fabsf(w), 0x1p-14f) * 0x1p-11f;
        cr_assert_leq(fabsf(w - half), step, "%s: '%s'[%zu]", p->name, before->name, i);
    }
}

/* Weights of one output, `step` elements apart in rows of `run`. return    the greatest integer */
static int expect_integers(const pair *p, const ravel_tensor *before, const ravel_tensor *after,
                           float scale, size_t first, size_t n_rows, size_t step, size_t run)
{
    int greatest = 0;
    for (size_t i = 0; i < n_rows * run; i++) {
        const size_t at = first + i / run * step + i % run;
        const int integer = (int)ravel_tensor_get(after, at);
        const float w = ravel_tensor_get(before, at);
        cr_assert_leq(fabsf(w - (float)integer * scale), 0.50001f * scale, "%s: '%s'[%zu]", p->name,
                      before->name, at);
        greatest = abs(integer) > greatest ? abs(integer) : greatest;
    }
    return greatest;
}

static void expect_scaled(const pair *p, const ravel_tensor *before, const ravel_tensor *after,
                          const ravel_tensor *scale, bool transposed, int groups)
{
    const size_t kernel = before->rank == 3 ? (size_t)before->shape[2] : 1;
    const size_t second = (size_t)before->shape[1];
    const size_t n = transposed ? (size_t)groups * second : (size_t)before->shape[0];
    cr_assert_eq(ravel_tensor_count(scale), n);
    for (size_t out = 0; out < n; out++) {
        const float s = ravel_tensor_get(scale, out);
        const size_t n_rows = transposed ? (size_t)(before->shape[0] / groups) : 1;
        const size_t step = second * kernel;
        const size_t first =
            transposed ? out / second * n_rows * step + out % second * kernel : out * step;
        const int greatest =
            expect_integers(p, before, after, s, first, n_rows, step, transposed ? kernel : step);
        cr_assert(greatest == (s > 0.0f ? 127 : 0), "%s: '%s' output %zu", p->name, before->name,
                  out);
    }
}

/* NAME.WEIGHT, a matrix */
static void expect_narrow(pair *p, const cJSON *node, const char *weight, const char *scale)
{
    char name[200], scale_name[200];
    const char *prefix = cJSON_GetStringValue(cJSON_GetObjectItem(node, "name"));
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(node, "type"));
    const cJSON *groups = cJSON_GetObjectItem(node, "groups");
    const int n_groups = groups ? groups->valueint : 1;
    (void)snprintf(name, sizeof name, "%s.%s", prefix, weight);
    (void)snprintf(scale_name, sizeof scale_name, "%s.%s", prefix, scale);
    const ravel_tensor *before = tensor_of(&p->before, name), *after = tensor_of(&p->after, name);
    if (n_groups > 1 && before->shape[0] == n_groups && before->shape[1] == 1) {
        cr_assert_eq(after->dtype, before->dtype, "%s: '%s' is depthwise", p->name, name);
        return;
    }
    if (before->dtype == RAVEL_I8 || (p->dtype == RAVEL_F16 && before->dtype != RAVEL_F32))
        return;
    cr_assert_eq(after->dtype, p->dtype, "%s: '%s'", p->name, name);
    if (p->dtype == RAVEL_F16)
        expect_halves(p, before, after);
    else
        expect_scaled(p, before, after, tensor_of(&p->after, scale_name),
                      strcmp(type, "conv_transpose") == 0, n_groups);
}

static void expect_nodes(pair *p, const cJSON *node)
{
    const char *type = cJSON_GetStringValue(cJSON_GetObjectItem(node, "type"));
    if (type && (strcmp(type, "conv") == 0 || strcmp(type, "conv_transpose") == 0))
        expect_narrow(p, node, "weight", "scale");
    if (type && strcmp(type, "lstm") == 0) {
        expect_narrow(p, node, "weight_ih", "scale_ih");
        expect_narrow(p, node, "weight_hh", "scale_hh");
    }
    if (type && (strcmp(type, "attention") == 0 || strcmp(type, "projected") == 0)) {
        expect_narrow(p, node, "in_proj.weight", "in_proj.scale");
        expect_narrow(p, node, "out_proj.weight", "out_proj.scale");
    }
    for (const cJSON *child = node->child; child; child = child->next)
        if (!child->string || strcmp(child->string, "prior") != 0)
            expect_nodes(p, child);
}

/* What has its type still has its bits. */
static void expect_others_kept(pair *p)
{
    for (size_t i = 0; i < p->before.n_entries; i++) {
        const ravel_entry *entry = &p->before.entries[i];
        const ravel_entry *other = ravel_safetensors_find(&p->after, entry->tensor.name);
        cr_assert_not_null(other, "%s: no '%s'", p->name, entry->tensor.name);
        if (other->tensor.dtype != entry->tensor.dtype)
            p->n_narrowed++;
        else
            cr_assert_arr_eq(other->tensor.data, entry->tensor.data, entry->bytes);
    }
}

static void check_values(const file *model, const char *name, ravel_dtype dtype)
{
    ravel_narrowing came;
    file narrow = import(model, NULL, dtype, &came);
    pair p = {.name = name, .dtype = dtype};
    cr_assert_eq(ravel_safetensors_parse(&p.before, model->data, model->size, NULL), 0);
    cr_assert_eq(ravel_safetensors_parse(&p.after, narrow.data, narrow.size, NULL), 0);
    cJSON *graph = cJSON_Parse(ravel_safetensors_metadata(&p.before, "ravel"));
    expect_nodes(&p, graph);
    expect_others_kept(&p);
    cr_assert_eq(came.n_narrowed, p.n_narrowed, "%s: %d narrowed, not %d", name, came.n_narrowed,
                 p.n_narrowed);
    cr_assert_eq(came.n_kept, 0, "%s: '%s' was kept", name, came.kept);
    cJSON_Delete(graph);
    ravel_safetensors_free(&p.before);
    ravel_safetensors_free(&p.after);
    free(narrow.data);
}

Test(narrow, matrices_are_rounded_and_nothing_else)
{
    const char *name;
    file model;
    int n_tried = 0;
    for (int i = 0; (model = try_model(i, &name)).data; i++) {
        if (opens(&model)) {
            check_values(&model, name, RAVEL_F16);
            check_values(&model, name, RAVEL_I8);
            n_tried++;
        }
        free(model.data);
    }
    cr_assert_gt(n_tried, RAVEL_TINY_KINDS + RANDOM_GRAPHS / 4);
}

/* --- Codes and sound -------------------------------------------------------------------------- */

typedef struct {
    int n_codes, n_samples; /* of all codebooks; of all channels */
    uint16_t codes[MAX_CODES];
    float pcm[MAX_SAMPLES];
} coded;

/* Three frames of noise, or some thousand samples. */
static int samples_of(const ravel_model_info *info)
{
    const int least = 2500;
    const int frames = 3 * info->hop_samples > least ? 3 : least / info->hop_samples;
    return frames * info->hop_samples;
}

static void encode(const ravel_model *model, ravel_scratch *scratch, coded *to)
{
    static float pcm[MAX_SAMPLES];
    const ravel_model_info *info = ravel_model_get_info(model);
    const int per_frame = ravel_model_codes_per_frame(model, info->n_codebooks);
    const int n = samples_of(info), room = MAX_CODES / per_frame;
    uint64_t seed = 5;
    cr_assert_leq(n * info->channels, MAX_SAMPLES);
    for (int i = 0; i < n * info->channels; i++)
        pcm[i] = 0.3f * ravel_random_float(&seed);
    ravel_encoder *encoder = ravel_encoder_new(model, info->n_codebooks);
    int made = ravel_encoder_push(encoder, scratch, pcm, n, to->codes, room);
    cr_assert_geq(made, 0);
    int rest = ravel_encoder_finish(encoder, scratch, to->codes + made * per_frame, room - made);
    cr_assert_geq(rest, 0);
    to->n_codes = (made + rest) * per_frame;
    ravel_encoder_free(encoder);
}

/* Codes of a model that only decodes. */
static void draw(const ravel_model_info *info, coded *to)
{
    uint64_t seed = 6;
    to->n_codes = 0;
    for (int t = 0; t < 20; t++)
        for (int k = 0; k < info->n_codebooks; k++)
            for (int s = 0; s < info->steps_per_frame[k]; s++)
                to->codes[to->n_codes++] =
                    (uint16_t)ravel_random_below(&seed, info->codebook_size[k]);
}

static void decode(const ravel_model *model, ravel_scratch *scratch, coded *to)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    const int per_frame = ravel_model_codes_per_frame(model, info->n_codebooks);
    const int room = MAX_SAMPLES / info->channels;
    ravel_decoder *decoder = ravel_decoder_new(model);
    int made = ravel_decoder_push(decoder, scratch, to->codes, to->n_codes / per_frame,
                                  info->n_codebooks, to->pcm, room);
    cr_assert_geq(made, 0);
    int rest = ravel_decoder_finish(decoder, scratch, to->pcm + made * info->channels, room - made);
    cr_assert_geq(rest, 0);
    to->n_samples = (made + rest) * info->channels;
    ravel_decoder_free(decoder);
}

/* codes: of another model of the same layout, or NULL to make them */
static void run(const char *kernels, const file *model, const coded *codes, coded *to)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *opened =
        ravel_model_open_with(ravel_kernels_named(kernels), model->data, model->size, &error);
    cr_assert_not_null(opened, "%s", error.text);
    ravel_scratch *scratch = ravel_scratch_new(opened, 1);
    const ravel_model_info *info = ravel_model_get_info(opened);
    if (codes) {
        to->n_codes = codes->n_codes;
        memcpy(to->codes, codes->codes, sizeof to->codes);
    } else if (info->decodes_only) {
        draw(info, to);
    } else {
        encode(opened, scratch, to);
    }
    decode(opened, scratch, to);
    ravel_scratch_free(scratch);
    ravel_model_free(opened);
}

static void expect_same_bits(const file *model, const char *name, const coded *expected)
{
    static const char *const variants[] = {"avx2", "avx512", "neon"};
    static coded got;
    for (int v = 0; v < 3; v++) {
        if (!ravel_kernels_named(variants[v]))
            continue;
        run(variants[v], model, NULL, &got);
        cr_assert(got.n_codes == expected->n_codes && got.n_samples == expected->n_samples);
        cr_assert_arr_eq(got.codes, expected->codes, (size_t)got.n_codes * sizeof *got.codes,
                         "%s: codes by %s", name, variants[v]);
        cr_assert_arr_eq(got.pcm, expected->pcm, (size_t)got.n_samples * sizeof *got.pcm,
                         "%s: sound by %s", name, variants[v]);
    }
}

/* Power of the difference, of that of the sound. */
static double relative_error(const coded *a, const coded *b)
{
    double error = 0.0, power = 0.0;
    cr_assert_eq(a->n_samples, b->n_samples);
    for (int i = 0; i < a->n_samples; i++) {
        const double difference = (double)a->pcm[i] - (double)b->pcm[i];
        error += difference * difference;
        power += (double)a->pcm[i] * (double)a->pcm[i];
    }
    return sqrt(error / power);
}

static int differing_codes(const coded *a, const coded *b)
{
    int n = 0;
    cr_assert_eq(a->n_codes, b->n_codes);
    for (int i = 0; i < a->n_codes; i++)
        n += a->codes[i] != b->codes[i];
    return n;
}

/* Where rounding is heard: snakes of random, small slopes; phases that add up over the sound. */
static bool magnifies(const char *name)
{
    return strcmp(name, "dac of Hugging Face") == 0 || strcmp(name, "source-filter") == 0;
}

static void check_sound(const char *name, ravel_dtype dtype, const file *model)
{
    static coded before, after, same_codes;
    const double bound = magnifies(name) ? 0.5 : dtype == RAVEL_F16 ? 1e-2 : 0.2;
    const char *fastest = ravel_kernels_select()->name;
    ravel_narrowing came;
    file narrow = import(model, NULL, dtype, &came);
    run(fastest, model, NULL, &before);
    run("c", &narrow, NULL, &after);
    run(fastest, &narrow, &before, &same_codes);
    expect_same_bits(&narrow, name, &after);
    const int differ = differing_codes(&before, &after);
    cr_expect_leq(differ, before.n_codes / (dtype == RAVEL_F16 ? 50 : 10), "%s: %d of %d codes",
                  name, differ, before.n_codes);
    const double error = relative_error(&before, &same_codes);
    cr_expect(error > 0.0 && error < bound, "%s: sound by %g", name, error);
    free(narrow.data);
}

Test(narrow, codes_and_sound_are_near_and_the_same_everywhere)
{
    const char *name;
    file model;
    for (int i = 0; (model = try_model(i, &name)).data; i++) {
        if (strcmp(name, "a random graph") != 0) {
            check_sound(name, RAVEL_F16, &model);
            check_sound(name, RAVEL_I8, &model);
        }
        free(model.data);
    }
}

/* --- Models again ----------------------------------------------------------------------------- */

static void expect_equal(file made, file expected)
{
    cr_expect(made.size == expected.size && memcmp(made.data, expected.data, made.size) == 0);
    free(made.data);
}

/* A checkpoint at once or its model later; and what is narrow already stays. */
Test(narrow, models_are_made_narrow_as_checkpoints_are)
{
    ravel_narrowing came;
    file checkpoint;
    checkpoint.data = ravel_small_checkpoint(0, &checkpoint.size);
    const char *config = ravel_small_config(0);
    file wide = import(&checkpoint, config, RAVEL_F32, &came);
    for (ravel_dtype dtype = RAVEL_F16; dtype <= RAVEL_I8; dtype += RAVEL_I8 - RAVEL_F16) {
        file narrow = import(&checkpoint, config, dtype, &came);
        expect_equal(import(&wide, NULL, dtype, &came), narrow);
        cr_expect_gt(came.n_narrowed, 0);
        expect_equal(import(&narrow, NULL, dtype, &came), narrow);
        cr_expect_eq(came.n_narrowed, 0);
        expect_equal(import(&narrow, NULL, RAVEL_F32, &came), narrow);
        free(narrow.data);
    }
    free(checkpoint.data);
    free(wide.data);
}

static void find_info(const file *model, ravel_model_info *info)
{
    ravel_error error = {RAVEL_OK, ""};
    ravel_model *opened = ravel_model_open_memory(model->data, model->size, &error);
    cr_assert_not_null(opened, "%s", error.text);
    *info = *ravel_model_get_info(opened);
    ravel_model_free(opened);
}

/* They say whose codes they tell, and that is another tokenizer now. */
Test(narrow, tables_and_prior_stay_with_their_model)
{
    ravel_narrowing came;
    ravel_model_info before, after;
    file model;
    model.data = ravel_test_model(RAVEL_TINY_PRIOR, &model.size);
    file narrow = import(&model, NULL, RAVEL_I8, &came);
    find_info(&model, &before);
    find_info(&narrow, &after);
    cr_expect_gt(came.n_narrowed, 0);
    cr_expect_eq(after.entropy, RAVEL_ENTROPY_PRIOR);
    cr_expect_lt(after.encoder_weight_bytes, before.encoder_weight_bytes);
    cr_expect_arr_neq(after.tokenizer_identity, before.tokenizer_identity, RAVEL_IDENTITY_BYTES);
    cr_expect_arr_neq(after.prior_identity, before.prior_identity, RAVEL_IDENTITY_BYTES);
    cr_expect_eq(ravel_model_verify_memory(narrow.data, narrow.size, NULL), 0);
    free(model.data);
    free(narrow.data);
}

/* --- What F16 does not hold ------------------------------------------------------------------- */

static ravel_narrowing narrowed_with(float value, float others)
{
    ravel_narrowing came;
    file checkpoint;
    ravel_checkpoint *c = ravel_checkpoint_small("encodec");
    for (size_t i = 0; i < c->n; i++) {
        if (!strstr(c->names[i], "lstm.weight_hh_l0"))
            continue;
        for (size_t k = 0; k < ravel_tensor_count(&c->tensors[i]); k++)
            c->data[i][k] *= others;
        c->data[i][3] = value;
    }
    checkpoint.data = ravel_checkpoint_file(c, &checkpoint.size);
    file model = import(&checkpoint, NULL, RAVEL_F16, &came);
    free(checkpoint.data);
    free(model.data);
    ravel_checkpoint_free(c);
    return came;
}

Test(narrow, weights_beyond_f16_keep_their_type)
{
    const int n_all = narrowed_with(65504.0f, 1.0f).n_narrowed;
    cr_expect_eq(narrowed_with(65504.0f, 1.0f).n_kept, 0);
    cr_expect_eq(narrowed_with(0.0f, 0.0f).n_kept, 0);
    cr_expect_eq(narrowed_with(0x1p-14f, 0.0f).n_kept, 0);
    static const float beyond[] = {65505.0f, -1e30f, 0x1.fffffep-15f};
    for (int i = 0; i < 3; i++) {
        ravel_narrowing came = narrowed_with(beyond[i], 0.0f);
        cr_expect_geq(came.n_kept, 1);
        cr_expect_eq(came.n_kept + came.n_narrowed, n_all);
        cr_expect_not_null(strstr(came.kept, ".weight_hh"), "'%s'", came.kept);
    }
}

/* --- What is no number ------------------------------------------------------------------------ */

static const char *config_of(const char *small)
{
    int i = 0;
    while (strcmp(ravel_small_name(i), small) != 0)
        i++;
    return ravel_small_config(i);
}

static void fill(ravel_checkpoint *c, const char *name, float value)
{
    size_t i = 0;
    while (strcmp(c->names[i], name) != 0)
        i++;
    for (size_t k = 0; k < ravel_tensor_count(&c->tensors[i]); k++)
        c->data[i][k] = value;
}

/* A gain, and what takes it in, which are finite each: their product is not. */
Test(narrow, weights_that_became_infinite_are_named)
{
    static const char weight[] = "encoder.blocks.1.0.module.pw_conv2.weight'";
    ravel_checkpoint *c = ravel_checkpoint_small("sqcodec");
    fill(c, "encoder.blocks.1.0.module.grn.gamma", 3e38f);
    fill(c, "encoder.blocks.1.0.module.pw_conv2.parametrizations.weight.original0", 1e3f);
    for (ravel_dtype dtype = RAVEL_F16; dtype <= RAVEL_I8; dtype += RAVEL_I8 - RAVEL_F16) {
        ravel_error error = {RAVEL_OK, ""};
        ravel_narrowing came = {.dtype = dtype};
        ravel_import_source from = {.narrowing = &came};
        file model;
        void *checkpoint = ravel_checkpoint_file(c, &from.weights_size);
        from.weights = checkpoint;
        from.config = config_of("sqcodec");
        from.config_size = strlen(from.config);
        cr_assert_lt(ravel_import(NULL, &from, &model.data, &model.size, &error), 0);
        cr_expect_not_null(strstr(error.text, weight), "%s", error.text);
        free(checkpoint);
    }
    ravel_checkpoint_free(c);
}
