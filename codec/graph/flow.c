/* SPDX-License-Identifier: BSD-3-Clause */
#include "codec/graph/flow.h"

#include <stdlib.h>

enum { MAX_REACH = 1 << 24 };

/* floor(a / b), b > 0 */
static int floor_div(int a, int b)
{
    return a / b - (a % b < 0);
}

/* Layers make nothing of nothing: T rows at the start leave T * up + surplus here, at least one. */
static void need_rows(ravel_flow *flow)
{
    int missing = 1 - flow->surplus;
    int least = missing > 0 ? (missing - 1) / flow->up + 1 : 0;
    if (flow->down == 1 && flow->least < least)
        flow->least = least;
}

/* Follows a change of rate, `up` rows for `down`, that sees `window` rows at the lower rate. */
static void follow_rate(const ravel_node *node, ravel_flow *flow, int up, int down, int window)
{
    int64_t up_all = (int64_t)flow->up * up, down_all = (int64_t)flow->down * down;
    if (up_all > RAVEL_MAX_RATE || down_all > RAVEL_MAX_RATE) {
        ravel_node_refuse(node, "the product of the strides is above %d", RAVEL_MAX_RATE);
        return;
    }
    /* Either way alone, the rows that are ready after each row are known exactly. */
    if (up_all > 1 && down_all > 1) {
        ravel_node_refuse(node, "the rate of the rows goes down and up in one part");
        return;
    }
    flow->up = (int)up_all;
    flow->down = (int)down_all;
    flow->reach = flow->reach * up + (int64_t)window * down_all;
    flow->short_of = flow->short_of || flow->surplus < 0;
    need_rows(flow);
    if (flow->reach > MAX_REACH || abs(flow->surplus) > MAX_REACH) {
        ravel_node_refuse(node, "the paddings and windows up to here reach over more than %d rows",
                          MAX_REACH);
    }
}

/* Windows in `rows` rows beyond those of whole strides. */
static int count_windows(int rows, int size, int stride, bool complete)
{
    int over = rows - size; /* rows beyond the last whole window */
    return (complete ? -floor_div(-over, stride) : floor_div(over, stride)) + 1;
}

void ravel_flow_window(const ravel_node *node, ravel_flow *flow, int size, int stride,
                       const int pad[2], bool complete)
{
    int rows = flow->surplus + pad[0] + pad[1], shorter = rows - 1 - flow->lost;
    if (complete && stride > 1 && pad[0] + pad[1] != size - stride) {
        ravel_node_refuse(node, "complete_last needs paddings of %d rows together", size - stride);
    }
    flow->surplus = count_windows(rows, size, stride, complete);
    flow->lost = flow->surplus - 1 - count_windows(shorter, size, stride, complete);
    flow->drops = flow->drops || (stride > 1 && !complete);
    flow->completes = flow->completes || (stride > 1 && complete);
    follow_rate(node, flow, 1, stride, size + pad[0] + pad[1]);
}

void ravel_flow_transposed(const ravel_node *node, ravel_flow *flow, int size, int stride,
                           const int trim[2], int output_padding)
{
    int64_t surplus =
        (int64_t)flow->surplus * stride + size - stride - trim[0] - trim[1] + output_padding;
    if (surplus > MAX_REACH || surplus < -MAX_REACH)
        surplus = MAX_REACH + 1;
    flow->surplus = (int)surplus;
    flow->lost = flow->lost < MAX_REACH / stride ? (1 + flow->lost) * stride - 1 : MAX_REACH;
    follow_rate(node, flow, stride, 1, size / stride + 1 + trim[0] + trim[1]);
}

void ravel_flow_segment(const ravel_node *node, ravel_flow *flow, int length, int hop)
{
    if (flow->surplus != 0 || flow->drops)
        ravel_node_refuse(node, "does not get every row of the stream, or gets more");
    flow->completes = flow->completes || hop > 1;
    follow_rate(node, flow, 1, hop, (length - 1) / hop + 1);
}

/* Pieces must make their share of rows, a shorter one at the end included: rounded down, or up. */
static void check_piece(const ravel_node *node, const ravel_flow *inner)
{
    if (inner->surplus != 0) {
        ravel_node_refuse(node, "a piece makes %d rows %s than its share", abs(inner->surplus),
                          inner->surplus > 0 ? "more" : "fewer");
    } else if (inner->short_of) {
        ravel_node_refuse(node, "loses rows on the way: a short piece would give none");
    } else if (inner->down > 1 && inner->lost != (inner->completes ? -1 : 0)) {
        ravel_node_refuse(node, "a row that is missing in the last piece costs %d, not %d",
                          1 + inner->lost, !inner->completes);
    }
}

void ravel_flow_pieces(const ravel_node *node, ravel_flow *flow, const ravel_flow *inner, int rows)
{
    static const int none[2] = {0, 0};
    check_piece(node, inner);
    follow_rate(node, flow, 1, 1, rows);
    if (inner->down > 1)
        ravel_flow_window(node, flow, inner->down, inner->down, none, inner->completes);
    else
        ravel_flow_transposed(node, flow, inner->up, inner->up, none, 0);
}

static void check_sides(const ravel_node *node, const ravel_flow *branch,
                        const ravel_flow *shortcut)
{
    if (branch->up != shortcut->up || branch->down != shortcut->down) {
        ravel_node_refuse(node,
                          "the branch makes %d rows for %d at the start, the shortcut %d for %d",
                          branch->up, branch->down, shortcut->up, shortcut->down);
    } else if (branch->channels != shortcut->channels) {
        ravel_node_refuse(node, "the branch makes %d channels, the shortcut %d", branch->channels,
                          shortcut->channels);
    } else if (branch->surplus != shortcut->surplus) {
        ravel_node_refuse(node, "the branch makes %d rows more than the shortcut",
                          branch->surplus - shortcut->surplus);
    }
}

void ravel_flow_meet(const ravel_node *node, ravel_flow *flow, const ravel_flow *other)
{
    check_sides(node, flow, other);
    if (flow->reach < other->reach)
        flow->reach = other->reach;
    if (flow->lost < other->lost)
        flow->lost = other->lost;
    if (flow->least < other->least)
        flow->least = other->least;
    flow->short_of = flow->short_of || other->short_of;
    flow->drops = flow->drops || other->drops;
    flow->completes = flow->completes || other->completes;
}

double ravel_flow_hz(const ravel_builder *builder, const ravel_flow *flow)
{
    return builder->begin_hz * flow->up / flow->down;
}
