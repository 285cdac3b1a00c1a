/* SPDX-License-Identifier: BSD-3-Clause */
#include "nn/window.h"

#include <string.h>

#include "nn/layer_impl.h"

/* Followed by the held rows, the last ones of the padded stream so far. */
typedef struct {
    int64_t n_taken; /* rows of the stream, without padding */
    int32_t n_held;
    int32_t next; /* where the next window starts, counted from the first held row */
    int32_t any;  /* a window has been complete */
    int32_t unused[3];
} window_state;

static int max_int(int a, int b)
{
    return a > b ? a : b;
}

static size_t row_floats(const ravel_window *window, ptrdiff_t rows)
{
    return (size_t)rows * (size_t)window->channels;
}

static void copy_rows(const ravel_window *window, float *to, const float *from, ptrdiff_t rows)
{
    if (rows > 0) {
        memcpy(to, from, row_floats(window, rows) * sizeof(float));
    }
}

/* Windows are the rows themselves: nothing to remember. */
static bool is_direct(const ravel_window *window)
{
    return window->span == 1 && window->stride == 1 && window->pad_left == 0 &&
           window->pad_right == 0;
}

/* Rows that must be there before the padding at the start can be made. */
static int rows_to_start(const ravel_window *window)
{
    if (window->pad_left == 0 || window->mode == RAVEL_PAD_ZERO) {
        return 0;
    }
    return window->mode == RAVEL_PAD_REFLECT ? window->pad_left + 1 : 1;
}

/* Most rows added to complete the last window: it is short by less than a stride, or the first. */
static int max_completion(const ravel_window *window)
{
    return window->complete_last ? max_int(window->stride, window->span) - 1 : 0;
}

/*
 * Rows that the padding at the end reads. The completion of a first window counts for no more than
 * a stride: before the first window is complete, all rows are held anyway.
 */
static int rows_to_end(const ravel_window *window)
{
    const int pad = window->pad_right + (window->complete_last ? window->stride - 1 : 0);
    if (window->mode == RAVEL_PAD_ZERO || pad == 0) {
        return 0;
    }
    return window->mode == RAVEL_PAD_REFLECT ? pad + 1 : 1;
}

static int max_held(const ravel_window *window)
{
    const int start = window->mode == RAVEL_PAD_ZERO ? window->pad_left : rows_to_start(window) - 1;
    return max_int(max_int(window->span - 1, start), rows_to_end(window));
}

bool ravel_window_check(const ravel_window *window, ravel_error *error)
{
    if (window->channels < 1 || window->channels > RAVEL_MAX_DIM || window->span < 1 ||
        window->span > RAVEL_MAX_DIM || window->stride < 1 || window->stride > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL,
                        "%d channels, a span of %d rows or a stride of %d is not in 1 ... %d",
                        window->channels, window->span, window->stride, RAVEL_MAX_DIM);
        return false;
    }
    if (window->pad_left < 0 || window->pad_left > RAVEL_MAX_DIM || window->pad_right < 0 ||
        window->pad_right > RAVEL_MAX_DIM) {
        ravel_error_set(error, RAVEL_ERR_MODEL, "padding %d, %d is not in 0 ... %d",
                        window->pad_left, window->pad_right, RAVEL_MAX_DIM);
        return false;
    }
    return true;
}

void ravel_window_describe(const ravel_window *window, ravel_layer *layer)
{
    const int lookahead = window->span - window->stride - window->pad_left;
    const int wait = max_int(rows_to_start(window) - 1, 0);
    const int late = max_int(wait - lookahead, 0) + window->pad_right;
    const bool may_add =
        window->complete_last && (window->stride > 1 || lookahead > window->pad_right);
    layer->in_channels = window->channels;
    layer->up = 1;
    layer->down = window->stride;
    layer->lookahead_in = lookahead;
    layer->lookahead_out = 0;
    layer->start_rows = rows_to_start(window);
    layer->hold_rows = max_int(max_int(lookahead + window->stride - 1, wait), 0);
    layer->extra_out =
        is_direct(window) ? 0 : (late + window->stride - 1) / window->stride + may_add;
    layer->state_size = ravel_window_state_size(window);
}

size_t ravel_window_state_size(const ravel_window *window)
{
    if (is_direct(window)) {
        return 0;
    }
    return ravel_state_bytes(sizeof(window_state) +
                             row_floats(window, max_held(window)) * sizeof(float));
}

void ravel_window_reset(const ravel_window *window, void *state)
{
    if (is_direct(window)) {
        return;
    }
    memset(state, 0, ravel_window_state_size(window));
    if (window->mode == RAVEL_PAD_ZERO) {
        ((window_state *)state)->n_held = window->pad_left;
    }
}

/* Windows that are complete in n rows, counted from the start of the next one. */
static int count_windows(const ravel_window *window, int64_t n)
{
    return n < window->span ? 0 : (int)((n - window->span) / window->stride) + 1;
}

/*
 * Keeps what later windows and the padding at the end need of `total` rows: the held ones, then
 * the last of `in`. The held rows may be shifted in place.
 */
static void retain(const ravel_window *window, window_state *state, const float *in, int total)
{
    float *held = (float *)(state + 1);
    const int n_new = total - state->n_held;
    const int needed = max_int(max_int(total - state->next, 0), rows_to_end(window));
    const int drop = max_int(total - needed, 0);
    const int stay = max_int(state->n_held - drop, 0);
    if (drop > 0 && stay > 0) {
        memmove(held, held + row_floats(window, drop), row_floats(window, stay) * sizeof(float));
    }
    const int skip = n_new - (total - drop - stay);
    copy_rows(window, held + row_floats(window, stay), in + row_floats(window, skip), n_new - skip);
    state->n_held = total - drop;
    state->next -= drop;
}

/* A push that completes no window: rows are appended, older ones dropped when space runs out. */
static void append(const ravel_window *window, window_state *state, const float *in, int n_in)
{
    if (state->n_held + n_in > max_held(window)) {
        retain(window, state, in, state->n_held + n_in);
    } else {
        float *held = (float *)(state + 1);
        copy_rows(window, held + row_floats(window, state->n_held), in, n_in);
        state->n_held += n_in;
    }
}

/* What is being laid out for a push. */
typedef struct {
    const ravel_window *window;
    float *rows;
    int n_rows;
} layout;

/* Appends row `index` of the stream, of which `end` points behind the last of `length` rows. */
static void put_row(layout *to, const float *end, int64_t length, int64_t index)
{
    const int channels = to->window->channels;
    float *row = to->rows + row_floats(to->window, to->n_rows++);
    if (index < length) {
        copy_rows(to->window, row, end - (length - index) * channels, 1);
    } else {
        memset(row, 0, (size_t)channels * sizeof(float));
    }
}

/* The padding before the first row; the stream so far lies before `end`. */
static void put_start(layout *to, const float *end, int64_t length)
{
    for (int i = to->window->pad_left; i > 0; i--) {
        put_row(to, end, length, to->window->mode == RAVEL_PAD_REFLECT ? i : 0);
    }
}

/* n rows of padding behind the last one. */
static void put_end(layout *to, int64_t length, int n)
{
    const ravel_pad_mode mode = to->window->mode;
    const float *end = to->rows + row_floats(to->window, to->n_rows);
    const int64_t least = max_int(to->window->pad_left, n) + 1;
    const int64_t turn = length < least ? least : length; /* the length that is reflected */
    for (int64_t i = length; i < length + n; i++) {
        const int64_t mirrored = i < turn ? i : 2 * (turn - 1) - i;
        put_row(to, end, length,
                mode == RAVEL_PAD_ZERO        ? length
                : mode == RAVEL_PAD_REPLICATE ? length - 1
                                              : mirrored);
    }
}

/* Rows to add at the end when `rest` rows lie behind the start of the next window. */
static int end_padding(const ravel_window *window, const window_state *state, int64_t rest)
{
    const int64_t padded = rest + window->pad_right;
    if (!window->complete_last || (state->any && padded <= window->span - window->stride)) {
        return window->pad_right;
    }
    const int64_t beyond = padded - window->span;
    const int64_t steps = beyond <= 0 ? 0 : (beyond + window->stride - 1) / window->stride;
    return (int)(steps * window->stride - beyond) + window->pad_right;
}

static bool must_wait(const ravel_window *window, const window_state *state, int n_in, bool finish)
{
    const int64_t taken = state->n_taken + n_in;
    if (finish || taken == 0) {
        return taken == 0;
    }
    if (state->n_taken < rows_to_start(window)) {
        return taken < rows_to_start(window);
    }
    return count_windows(window, (int64_t)state->n_held + n_in - state->next) == 0;
}

/* Most rows that a push lays out. */
static size_t max_rows(const ravel_window *window, int max_in)
{
    const int start = rows_to_start(window) > 0 ? window->pad_left : 0;
    return (size_t)max_held(window) + (size_t)start + (size_t)max_in + (size_t)window->pad_right +
           (size_t)max_completion(window);
}

/* Lays out [padding at the start] held rows, new rows [padding at the end]. */
static layout lay_out(const ravel_window *window, const window_state *state, const float *in,
                      int n_in, bool finish, float *rows)
{
    const float *held = (const float *)(state + 1);
    const bool starts = state->n_taken < rows_to_start(window);
    const int pad = starts ? window->pad_left : 0;
    const int64_t length = state->n_taken + n_in;
    layout to = {.window = window, .rows = rows};
    float *own = rows + row_floats(window, pad);
    copy_rows(window, own, held, state->n_held);
    copy_rows(window, own + row_floats(window, state->n_held), in, n_in);
    const int n_own = state->n_held + n_in;
    if (starts) {
        put_start(&to, own + row_floats(window, n_own), length);
    }
    to.n_rows += n_own;
    if (finish) {
        put_end(&to, length, end_padding(window, state, (int64_t)to.n_rows - state->next));
    }
    return to;
}

ravel_window_view ravel_window_push(const ravel_window *window, void *state_memory, const float *in,
                                    int n_in, bool finish, ravel_arena *scratch)
{
    if (is_direct(window)) {
        return (ravel_window_view){in, n_in};
    }
    window_state *state = state_memory;
    if (must_wait(window, state, n_in, finish)) {
        append(window, state, in, n_in);
        state->n_taken += n_in;
        return (ravel_window_view){NULL, 0};
    }
    float *rows = ravel_arena_take(scratch, row_floats(window, (ptrdiff_t)max_rows(window, n_in)) *
                                                sizeof(float));
    const layout laid = lay_out(window, state, in, n_in, finish, rows);
    const int first = state->next;
    const int n_windows = count_windows(window, (int64_t)laid.n_rows - first);
    state->next += n_windows * window->stride;
    state->n_held = 0;
    if (!finish) {
        retain(window, state, rows, laid.n_rows);
    }
    state->any |= n_windows > 0;
    state->n_taken += n_in;
    return (ravel_window_view){n_windows > 0 ? rows + row_floats(window, first) : NULL, n_windows};
}

size_t ravel_window_scratch_size(const ravel_window *window, int max_in)
{
    if (is_direct(window)) {
        return 0;
    }
    const size_t row = (size_t)window->channels * sizeof(float);
    return ravel_arena_bytes(ravel_size_mul(max_rows(window, max_in), row));
}
