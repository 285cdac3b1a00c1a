/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/layer_check.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

enum { GUARD = 4096, GUARD_BYTE = 0x5a, MAX_LANES = 5 };

int ravel_test_between(ravel_test_random *random, int least, int most)
{
    return least + ravel_random_below(&random->seed, most - least + 1);
}

double *ravel_test_zeros(int n)
{
    return calloc((size_t)n + 1, sizeof(double));
}

float *ravel_test_values(ravel_test_random *random, int n)
{
    float *values = malloc(((size_t)n + 1) * sizeof *values);
    for (int i = 0; i < n; i++) {
        values[i] = ravel_random_float(&random->seed);
    }
    return values;
}

ravel_tensor ravel_test_tensor(ravel_test_random *random, const char *name, int a, int b, int c)
{
    ravel_tensor tensor = {.name = name, .dtype = RAVEL_F32, .shape = {a, b, c}};
    while (tensor.rank < RAVEL_MAX_RANK && tensor.shape[tensor.rank] > 0) {
        tensor.rank++;
    }
    tensor.data = ravel_test_values(random, (int)ravel_tensor_count(&tensor));
    return tensor;
}

/* A stream under test. */
typedef struct {
    const float *in;
    int n, taken;
    bool finished;
    char *state;
    ravel_test_rows out;
} stream;

static void *guarded(size_t bytes)
{
    char *memory = aligned_alloc(64, ((bytes + 63) & ~(size_t)63) + GUARD);
    memset(memory, GUARD_BYTE, bytes + GUARD);
    return memory;
}

static bool is_untouched(const void *memory, size_t bytes)
{
    const char *guard = (const char *)memory + bytes;
    for (int i = 0; i < GUARD; i++) {
        if (guard[i] != GUARD_BYTE) {
            return false;
        }
    }
    return true;
}

static stream open_stream(const ravel_layer *layer, const float *in, int n)
{
    stream opened = {.in = in, .n = n, .state = guarded(layer->state_size)};
    ravel_layer_reset(layer, opened.state);
    opened.out.rows = malloc(((size_t)ravel_layer_max_out(layer, n) + 1) *
                             (size_t)layer->out_channels * sizeof(float));
    return opened;
}

static void collect(const ravel_layer *layer, stream *from, const ravel_lane *lane)
{
    const size_t row = (size_t)layer->out_channels;
    const int most = ravel_layer_max_out(layer, from->n);
    cr_assert(lane->n_out <= ravel_layer_max_out(layer, lane->n_in));
    cr_assert(is_untouched(lane->out, (size_t)lane->n_out * row * sizeof(float)));
    cr_assert(is_untouched(from->state, layer->state_size));
    cr_assert(from->out.n + lane->n_out <= most);
    memcpy(from->out.rows + (size_t)from->out.n * row, lane->out,
           (size_t)lane->n_out * row * sizeof(float));
    from->out.n += lane->n_out;
    from->taken += lane->n_in;
    from->finished = lane->finish;
    if (!lane->finish) {
        const int64_t least = (int64_t)(from->taken - layer->hold_rows) * layer->up;
        cr_assert((int64_t)from->out.n * layer->down >= least, "%d rows of %d held, not %d",
                  from->taken, from->out.n, layer->hold_rows);
    }
}

/* A step of one stream. */
typedef struct {
    stream *of;
    int n_rows;
    bool finish;
} piece;

static void push(const ravel_layer *layer, const piece *pieces, int n_pieces)
{
    ravel_lane lanes[MAX_LANES];
    int longest = 0;
    for (int i = 0; i < n_pieces; i++) {
        const stream *of = pieces[i].of;
        const int room = ravel_layer_max_out(layer, pieces[i].n_rows);
        longest = pieces[i].n_rows > longest ? pieces[i].n_rows : longest;
        lanes[i] =
            (ravel_lane){.state = of->state,
                         .in = of->in + (ptrdiff_t)of->taken * layer->in_channels,
                         .out = guarded((size_t)room * (size_t)layer->out_channels * sizeof(float)),
                         .n_in = pieces[i].n_rows,
                         .finish = pieces[i].finish};
    }
    const size_t size = ravel_layer_scratch_size(layer, longest, n_pieces);
    ravel_arena scratch = {.base = guarded(size), .size = size};
    ravel_layer_push(layer, lanes, n_pieces, &scratch);
    cr_assert(scratch.used == 0);
    cr_assert(is_untouched(scratch.base, size), "a push of %d rows exceeds its scratch", longest);
    free(scratch.base);
    for (int i = 0; i < n_pieces; i++) {
        collect(layer, pieces[i].of, &lanes[i]);
        free(lanes[i].out);
    }
}

/* Random sizes: often none or one row, sometimes many; the end comes with rows or after them. */
static piece cut(stream *of, ravel_test_random *random)
{
    const int left = of->n - of->taken;
    const int most = ravel_test_between(random, 0, 2) == 0 || left < 3 ? left : 3;
    const int n_rows = ravel_test_between(random, 0, most);
    return (piece){of, n_rows, n_rows == left && ravel_test_between(random, 0, 1) == 0};
}

ravel_test_rows ravel_test_run(const ravel_layer *layer, const float *in, int n,
                               ravel_test_random *random)
{
    stream only = open_stream(layer, in, n);
    while (!only.finished) {
        const piece next = random != NULL ? cut(&only, random) : (piece){&only, n, true};
        push(layer, &next, 1);
    }
    free(only.state);
    return only.out;
}

static void expect_equal(const ravel_layer *layer, const ravel_test_rows *a,
                         const ravel_test_rows *b, const char *what)
{
    const size_t bytes = (size_t)a->n * (size_t)layer->out_channels * sizeof(float);
    cr_assert(a->n == b->n, "%s: %d rows, not %d", what, b->n, a->n);
    cr_assert(memcmp(a->rows, b->rows, bytes) == 0, "%s: other bits", what);
}

/* Streams of different lengths in random pieces; those that have ended stay away. */
static void run_lanes(const ravel_layer *layer, stream *all, int n, ravel_test_random *random)
{
    for (;;) {
        piece pieces[MAX_LANES];
        int count = 0;
        for (int i = 0; i < n; i++) {
            if (!all[i].finished) {
                pieces[count++] = cut(&all[i], random);
            }
        }
        if (count == 0) {
            return;
        }
        push(layer, pieces, count);
    }
}

static void check_lanes(const ravel_layer *layer, const float *in, int n, ravel_test_random *random)
{
    stream all[MAX_LANES];
    for (int i = 0; i < MAX_LANES; i++) {
        const int length = ravel_test_between(random, 0, n);
        all[i] = open_stream(layer, in + (ptrdiff_t)(n - length) * layer->in_channels, length);
    }
    run_lanes(layer, all, MAX_LANES, random);
    for (int i = 0; i < MAX_LANES; i++) {
        ravel_test_rows alone = ravel_test_run(layer, all[i].in, all[i].n, NULL);
        expect_equal(layer, &alone, &all[i].out, "lanes");
        free(alone.rows);
        free(all[i].out.rows);
        free(all[i].state);
    }
}

void ravel_test_streaming(const ravel_layer *layer, int n, ravel_test_random *random)
{
    float *in = ravel_test_values(random, n * layer->in_channels);
    ravel_test_rows whole = ravel_test_run(layer, in, n, NULL);
    for (int trial = 0; trial < 3; trial++) {
        ravel_test_rows pieces = ravel_test_run(layer, in, n, random);
        expect_equal(layer, &whole, &pieces, "pieces");
        free(pieces.rows);
    }
    check_lanes(layer, in, n, random);
    free(whole.rows);
    free(in);
}

void ravel_test_near(const ravel_test_rows *rows, const double *reference, int n, int channels,
                     const char *what)
{
    double largest = 1e-30, error = 0;
    cr_assert(rows->n == n, "%s: %d rows, not %d", what, rows->n, n);
    for (int i = 0; i < n * channels; i++) {
        largest = fmax(largest, fabs(reference[i]));
        error = fmax(error, fabs(reference[i] - (double)rows->rows[i]));
    }
    cr_assert(error <= 1e-5 * largest, "%s: error %g of %g", what, error, largest);
}
