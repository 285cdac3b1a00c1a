/* SPDX-License-Identifier: BSD-3-Clause */
/* The listing of a graph adds up to what the model says of itself. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "codec/model.h"
#include "tests/support/tiny_model.h"

static bool has_inside(const ravel_listing *listing, int i)
{
    return i + 1 < listing->n && listing->nodes[i + 1].part == listing->nodes[i].part &&
           listing->nodes[i + 1].depth > listing->nodes[i].depth;
}

/* Of the nodes just inside of node i; i = -1: of those of the part that are in none. */
static ravel_listed_node sum_inside(const ravel_listing *listing, int i, ravel_part part)
{
    ravel_listed_node sum = {0};
    const int depth = i >= 0 ? listing->nodes[i].depth + 1 : 0;
    for (int k = i + 1; k < listing->n; k++) {
        const ravel_listed_node *node = &listing->nodes[k];
        if (i >= 0 && node->depth < depth)
            break;
        if (node->depth != depth || node->part != part)
            continue;
        sum.macs_hz += node->macs_hz;
        sum.lookahead_s += node->lookahead_s;
    }
    return sum;
}

static void is_near(double value, double expected, const char *what, const ravel_model *model)
{
    cr_assert(fabs(value - expected) <= 1e-9 * (fabs(expected) + 1e-3), "%s: %s %.12g, not %.12g",
              model->name, what, value, expected);
}

static void check_totals(const ravel_model *model)
{
    const ravel_model_info *info = &model->info;
    const ravel_listing *listing = &model->listing;
    const ravel_listed_node encoder = sum_inside(listing, -1, RAVEL_PART_ENCODER);
    const ravel_listed_node quantizer = sum_inside(listing, -1, RAVEL_PART_QUANTIZER);
    const ravel_listed_node decoder = sum_inside(listing, -1, RAVEL_PART_DECODER);
    is_near(encoder.macs_hz, info->encoder_macs, "encoder", model);
    is_near(quantizer.macs_hz, info->quantizer_macs, "quantizer", model);
    is_near(decoder.macs_hz, info->decoder_macs, "decoder", model);
}

/* Whatever has nodes inside and no weights of its own does what these do. */
static void check_containers(const ravel_model *model)
{
    static const char *const summed[] = {"residual",    "product", "segment",
                                         "overlap_add", "whole",   "strided"};
    const ravel_listing *listing = &model->listing;
    for (int i = 0; i < listing->n; i++) {
        const ravel_listed_node *node = &listing->nodes[i];
        for (size_t t = 0; t < sizeof summed / sizeof summed[0] && has_inside(listing, i); t++) {
            if (strcmp(node->type, summed[t]) == 0)
                is_near(sum_inside(listing, i, node->part).macs_hz, node->macs_hz, node->type,
                        model);
        }
    }
}

Test(listing, adds_up)
{
    for (int kind = 0; kind < RAVEL_TINY_KINDS; kind++) {
        ravel_model *model = ravel_test_model_open((ravel_tiny_kind)kind);
        cr_assert_gt(model->listing.n, 5);
        check_totals(model);
        check_containers(model);
        ravel_model_free(model);
    }
}

static const ravel_listed_node *find(const ravel_model *model, const char *name)
{
    for (int i = 0; i < model->listing.n; i++) {
        if (strcmp(model->listing.nodes[i].name, name) == 0)
            return &model->listing.nodes[i];
    }
    cr_assert_fail("no node '%s'", name);
    return NULL;
}

/* The encoder has strides of 2 and 3; whatever it is inside of, its rows come at the sound's rate. */
Test(listing, tells_rates_and_places)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_WHOLE);
    const ravel_listed_node *whole = &model->listing.nodes[0];
    const ravel_listed_node *first = find(model, "e.first"), *down = find(model, "e.b.down");
    cr_assert_str_eq(whole->type, "whole");
    cr_assert_eq(whole->depth, 0);
    is_near(whole->lookahead_s, 54.0 / 8000, "whole", model);
    cr_assert_eq(first->depth, 1);
    cr_assert_str_eq(first->type, "conv");
    is_near(first->rows_hz, 8000, "first", model);
    is_near(first->lookahead_s, 3.0 / 8000, "first", model);
    is_near(first->macs_hz, 8000 * 7 * 4, "first", model);
    cr_assert(first->channels_in == 1 && first->channels_out == 4);
    is_near(down->rows_hz, 8000.0 / 6, "down", model);
    cr_assert(find(model, "e.a.first")->is_shortcut);
    cr_assert_not(find(model, "e.a.block")->is_shortcut);
    const ravel_listed_node *codebook = find(model, "rvq.1");
    cr_assert(codebook->part == RAVEL_PART_QUANTIZER && codebook->n_codewords == 16);
    ravel_model_free(model);
}

/* 24 of 20 samples of a second are in two segments. */
Test(listing, counts_what_overlaps_twice)
{
    ravel_model *model = ravel_test_model_open(RAVEL_TINY_SEGMENTS);
    const ravel_listed_node *segment = &model->listing.nodes[0], *inside = segment + 1;
    cr_assert_str_eq(segment->type, "segment");
    is_near(segment->rows_hz, 8000.0 / 20, "segment", model);
    is_near(inside->rows_hz, 8000.0 * 24 / 20, "inside", model);
    ravel_model_free(model);
}
