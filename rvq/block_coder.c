/* SPDX-License-Identifier: BSD-3-Clause */
#include "rvq/block_coder.h"

#include <stdlib.h>
#include <string.h>

#include "nn/fpenv.h"
#include "rvq/bytes.h"
#include "rvq/frequencies.h"
#include "rvq/header.h"

enum {
    SLICE_FRAMES = RAVEL_TABLES_MAX_ROWS, /* of a block, encoded as rows of one batch */
    GOOD_LANES = 8,
    GOOD_STATE_BYTES = 3 << 20,
    CHECK_BYTES = 1,
    PAYLOAD_AT = RAVEL_BLOCK_HEADER_BYTES + CHECK_BYTES,
    ALIGNMENT = 64
};

/* A block that is being read. */
typedef struct {
    ravel_block_job *job;
    ravel_range_decoder range;
} open_block;

struct ravel_block_coder {
    ravel_code_models models;
    int n_lanes, n_rows;
    size_t bytes, state_size;
    uint32_t range_written;
    char *states;              /* [n_lanes][state_size], of the prior */
    ravel_prior_lane *pushes;  /* [n_lanes] */
    open_block *active;        /* [n_lanes] */
    uint16_t *frames;          /* [n_lanes][RAVEL_MAX_CODEBOOKS], the frame in work */
    ravel_interval *intervals; /* [SLICE_FRAMES][RAVEL_MAX_CODEBOOKS] */
    float *contexts;           /* [n_rows][width of the prior] */
    float *logits;             /* [n_rows][greatest codebook] */
    uint32_t *cumulative;      /* [greatest codebook + 1] */
    ravel_arena scratch;       /* of the prior */
};

/* --- Construction ----------------------------------------------------------------------------- */

int ravel_block_coder_good_lanes(const ravel_code_models *models)
{
    if (!models->prior)
        return 1;
    const size_t fit = GOOD_STATE_BYTES / ravel_prior_state_size(models->prior);
    return fit < 1 ? 1 : fit < GOOD_LANES ? (int)fit : GOOD_LANES;
}

static size_t greater(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Of those that are range-coded. */
static size_t greatest_codebook(const ravel_code_models *models)
{
    int greatest = 0;
    const int n = models->tables || models->prior ? models->layout->n_codebooks : 0;
    for (int k = 0; k < n; k++) {
        const int size = models->layout->codebook_size[k];
        greatest = size > greatest ? size : greatest;
    }
    return (size_t)greatest;
}

static size_t scratch_size(const ravel_block_coder *coder)
{
    const ravel_prior *prior = coder->models.prior;
    if (!prior)
        return 0;
    const size_t push = greater(ravel_prior_push_scratch(prior, SLICE_FRAMES, 1),
                                ravel_prior_push_scratch(prior, 1, coder->n_lanes));
    const size_t logits = ravel_prior_logits_scratch(prior, coder->n_rows);
    return greater(push, logits);
}

enum { STATES, PUSHES, ACTIVE, FRAMES, INTERVALS, CONTEXTS, LOGITS, CUMULATIVE, SCRATCH, PARTS };

static void find_sizes(const ravel_block_coder *coder, size_t bytes[PARTS])
{
    const ravel_prior *prior = coder->models.prior;
    const size_t lanes = (size_t)coder->n_lanes, rows = (size_t)coder->n_rows;
    const size_t greatest = greatest_codebook(&coder->models);
    const size_t width = prior ? (size_t)ravel_prior_width(prior) : 0;
    bytes[STATES] = lanes * coder->state_size;
    bytes[PUSHES] = lanes * sizeof *coder->pushes;
    bytes[ACTIVE] = lanes * sizeof *coder->active;
    bytes[FRAMES] = lanes * RAVEL_MAX_CODEBOOKS * sizeof *coder->frames;
    bytes[INTERVALS] = (size_t)SLICE_FRAMES * RAVEL_MAX_CODEBOOKS * sizeof *coder->intervals;
    bytes[CONTEXTS] = rows * width * sizeof *coder->contexts;
    bytes[LOGITS] = rows * greatest * sizeof *coder->logits;
    bytes[CUMULATIVE] = (greatest + 1) * sizeof *coder->cumulative;
    bytes[SCRATCH] = scratch_size(coder);
}

static void lay_out(ravel_block_coder *coder, const size_t bytes[PARTS], ravel_arena *arena)
{
    void *part[PARTS];
    for (int i = 0; i < PARTS; i++) {
        part[i] = ravel_arena_take(arena, bytes[i]);
    }
    coder->states = part[STATES];
    coder->pushes = part[PUSHES];
    coder->active = part[ACTIVE];
    coder->frames = part[FRAMES];
    coder->intervals = part[INTERVALS];
    coder->contexts = part[CONTEXTS];
    coder->logits = part[LOGITS];
    coder->cumulative = part[CUMULATIVE];
    coder->scratch = (ravel_arena){part[SCRATCH], bytes[SCRATCH], 0};
}

ravel_block_coder *ravel_block_coder_new(const ravel_code_models *models, int n_lanes)
{
    ravel_block_coder plan = {.models = *models, .n_lanes = n_lanes};
    plan.n_rows = n_lanes > SLICE_FRAMES ? n_lanes : SLICE_FRAMES;
    plan.state_size = models->prior ? ravel_prior_state_size(models->prior) : 0;

    size_t bytes[PARTS];
    find_sizes(&plan, bytes);
    plan.bytes = ravel_arena_bytes(sizeof plan);
    for (int i = 0; i < PARTS; i++) {
        plan.bytes += ravel_arena_bytes(bytes[i]);
    }
    char *memory = aligned_alloc(ALIGNMENT, plan.bytes);
    if (!memory)
        return NULL;
    ravel_arena arena = {memory, plan.bytes, 0};
    ravel_block_coder *coder = ravel_arena_take(&arena, sizeof plan);
    *coder = plan;
    lay_out(coder, bytes, &arena);
    return coder;
}

void ravel_block_coder_free(ravel_block_coder *coder)
{
    free(coder);
}

size_t ravel_block_coder_bytes(const ravel_block_coder *coder)
{
    return coder->bytes;
}

uint32_t ravel_block_coder_range(const ravel_block_coder *coder)
{
    return coder->range_written;
}

bool ravel_block_coder_knows(const ravel_block_coder *coder, int kind)
{
    switch (kind) {
    case RAVEL_PAYLOAD_PACKED:
        return true;
    case RAVEL_PAYLOAD_STATIC:
        return coder->models.tables != NULL;
    case RAVEL_PAYLOAD_PRIOR:
        return coder->models.prior != NULL;
    default:
        return false;
    }
}

/* --- What both directions do ------------------------------------------------------------------ */

/*
 * Logits of codebook k for n rows, whose codes of earlier codebooks are codes[row * stride ...].
 * Of the prior the rows are those of coder->contexts.
 */
static void find_logits(ravel_block_coder *coder, int kind, int k, const uint16_t *codes,
                        int stride, int n)
{
    const ravel_code_models *models = &coder->models;
    ravel_arena scratch = coder->scratch;
    if (kind == RAVEL_PAYLOAD_PRIOR) {
        ravel_prior_logits(models->prior, k, coder->contexts, n, coder->logits, &scratch);
    } else {
        const uint16_t *before = codes + (k > 0 ? k - 1 : 0);
        ravel_tables_logits(models->tables, k, before, stride, n, coder->logits);
    }
}

/* Codebook k of n rows is known. */
static void go_on(ravel_block_coder *coder, int kind, int k, const uint16_t *codes, int stride,
                  int n)
{
    if (kind == RAVEL_PAYLOAD_PRIOR) {
        ravel_prior_add(coder->models.prior, k, codes + k, stride, n, coder->contexts);
    }
}

/* Sums of the frequencies of a row of logits, in coder->cumulative. */
static void find_frequencies(ravel_block_coder *coder, int row, int size)
{
    ravel_frequencies_make(coder->models.kernels, coder->logits + (ptrdiff_t)row * size, size,
                           coder->cumulative);
}

/* A guard of what Ogg does not see: of the first seven bytes and all codes. */
static uint8_t check_of(const uint8_t *header, const uint16_t *codes, size_t n)
{
    uint32_t crc = ravel_crc32(header, RAVEL_BLOCK_HEADER_BYTES);
    for (size_t i = 0; i < n; i++) {
        uint8_t code[2];
        ravel_put_u16(code, codes[i]);
        crc = ravel_crc32_more(crc, code, sizeof code);
    }
    return (uint8_t)(crc & 255);
}

static size_t block_codes(const ravel_block_info *info)
{
    return (size_t)info->n_frames * (size_t)info->n_codebooks;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Intervals of n frames of codes, which follow those of the slice before. */
static void find_intervals(ravel_block_coder *coder, int kind, const uint16_t *codes,
                           int n_codebooks, int n)
{
    for (int k = 0; k < n_codebooks; k++) {
        const int size = coder->models.layout->codebook_size[k];
        find_logits(coder, kind, k, codes, n_codebooks, n);
        for (int i = 0; i < n; i++) {
            find_frequencies(coder, i, size);
            coder->intervals[i * n_codebooks + k] =
                ravel_frequencies_interval(coder->cumulative, size, codes[i * n_codebooks + k]);
        }
        if (k + 1 < n_codebooks)
            go_on(coder, kind, k, codes, n_codebooks, n);
    }
}

/* Contexts of the next n frames of a block; codes are those of all its frames. */
static void push_slice(ravel_block_coder *coder, const ravel_block_info *info,
                       const uint16_t *codes, int n)
{
    ravel_arena scratch = coder->scratch;
    ravel_prior_lane lane = {.state = coder->states,
                             .codes = codes,
                             .code_stride = info->n_codebooks,
                             .n_codebooks = info->n_codebooks,
                             .n_frames = n,
                             .contexts = coder->contexts};
    ravel_prior_push(coder->models.prior, &lane, 1, &scratch);
}

static void encode_codes(ravel_block_coder *coder, const ravel_block_info *info,
                         const uint16_t *codes, ravel_range_encoder *range)
{
    const int n_codebooks = info->n_codebooks;
    if (info->kind == RAVEL_PAYLOAD_PRIOR)
        ravel_prior_reset(coder->models.prior, coder->states);
    for (int at = 0; at < info->n_frames && !range->failed; at += SLICE_FRAMES) {
        const int left = info->n_frames - at, n = left < SLICE_FRAMES ? left : SLICE_FRAMES;
        if (info->kind == RAVEL_PAYLOAD_PRIOR)
            push_slice(coder, info, codes, n);
        find_intervals(coder, info->kind, codes + (ptrdiff_t)at * n_codebooks, n_codebooks, n);
        for (int i = 0; i < n * n_codebooks; i++) {
            ravel_range_encode(range, coder->intervals[i]);
        }
    }
}

/* return    bytes, or 0 where capacity does not suffice */
static size_t write_coded(ravel_block_coder *coder, const ravel_block_info *info,
                          const uint16_t *codes, uint8_t *block, size_t capacity)
{
    ravel_range_encoder range;
    if (capacity < PAYLOAD_AT)
        return 0;
    ravel_range_encoder_init(&range, block + PAYLOAD_AT, capacity - PAYLOAD_AT);
    encode_codes(coder, info, codes, &range);
    const size_t size = ravel_range_encoder_finish(&range);
    if (range.failed)
        return 0;
    coder->range_written = range.state.range;
    ravel_block_put_header(info, block);
    block[RAVEL_BLOCK_HEADER_BYTES] = check_of(block, codes, block_codes(info));
    return PAYLOAD_AT + size;
}

int ravel_block_coder_write(ravel_block_coder *coder, const ravel_block_info *info,
                            const uint16_t *codes, uint8_t *block, size_t capacity)
{
    const ravel_layout *layout = coder->models.layout;
    const int packed = ravel_block_check(layout, info, codes);
    if (packed < 0)
        return packed;
    if (!ravel_block_coder_knows(coder, info->kind))
        return RAVEL_ERR_MODEL;
    size_t coded = 0;
    coder->range_written = 0;
    if (info->kind != RAVEL_PAYLOAD_PACKED && info->n_frames <= RAVEL_BLOCK_MAX_CODED_FRAMES) {
        const size_t less = (size_t)packed - 1;
        const uint64_t control = ravel_fpenv_enter();
        coded = write_coded(coder, info, codes, block, capacity < less ? capacity : less);
        ravel_fpenv_leave(control);
    }
    return coded > 0 ? (int)coded : ravel_block_write(layout, info, codes, block, capacity);
}

/* --- Reading ---------------------------------------------------------------------------------- */

static void read_packed(const ravel_layout *layout, ravel_block_job *job)
{
    const ravel_block_info *info = &job->info;
    const int n = ravel_block_read(layout, job->block, job->size, info, job->codes, info->n_frames);
    job->status = n < 0 ? n : RAVEL_OK;
    for (int k = 0; n >= 0 && job->bits && k < info->n_codebooks; k++) {
        job->bits[k] += (uint64_t)ravel_code_bits(layout->codebook_size[k]) *
                        (uint64_t)layout->steps_per_frame[k] * (uint64_t)n *
                        RAVEL_RANGE_TELL_PER_BIT;
    }
}

/* Whether what the first bytes of a coded block say can be. */
static int check_coded(const ravel_block_coder *coder, const ravel_block_job *job)
{
    const ravel_layout *layout = coder->models.layout;
    const ravel_block_info *info = &job->info;
    if (!ravel_block_coder_knows(coder, info->kind) || info->n_codebooks > layout->n_codebooks)
        return RAVEL_ERR_MODEL;
    const bool good = job->size >= PAYLOAD_AT && info->n_frames <= RAVEL_BLOCK_MAX_CODED_FRAMES &&
                      info->n_frames <= ravel_block_max_frames(layout, info->n_codebooks);
    return good ? RAVEL_OK : RAVEL_ERR_DATA;
}

/* Decodes codebook k of one row, and counts what it costs. */
static void decode_code(ravel_block_coder *coder, int k, int row)
{
    const int size = coder->models.layout->codebook_size[k];
    ravel_block_job *job = coder->active[row].job;
    ravel_range_decoder *range = &coder->active[row].range;
    const uint64_t before = ravel_range_tell(&range->state);
    find_frequencies(coder, row, size);
    const int code =
        ravel_frequencies_find(coder->cumulative, size, ravel_range_decoder_target(range));
    ravel_range_decode(range, ravel_frequencies_interval(coder->cumulative, size, code));
    coder->frames[row * RAVEL_MAX_CODEBOOKS + k] = (uint16_t)code;
    if (job->bits)
        job->bits[k] += ravel_range_tell(&range->state) - before;
}

/* One frame of n active blocks, those with more codebooks first. */
static void decode_frame(ravel_block_coder *coder, int kind, int n)
{
    for (int k = 0; n > 0; k++) {
        find_logits(coder, kind, k, coder->frames, RAVEL_MAX_CODEBOOKS, n);
        for (int row = 0; row < n; row++) {
            decode_code(coder, k, row);
        }
        while (n > 0 && coder->active[n - 1].job->info.n_codebooks <= k + 1)
            n--;
        if (n > 0)
            go_on(coder, kind, k, coder->frames, RAVEL_MAX_CODEBOOKS, n);
    }
}

/* The contexts of the next frame of n active blocks. */
static void push_frame(ravel_block_coder *coder, int n)
{
    const ravel_prior *prior = coder->models.prior;
    ravel_arena scratch = coder->scratch;
    for (int row = 0; row < n; row++) {
        coder->pushes[row].n_frames = 1;
        coder->pushes[row].contexts = coder->contexts + (ptrdiff_t)row * ravel_prior_width(prior);
    }
    ravel_prior_push(prior, coder->pushes, n, &scratch);
}

static void finish_job(ravel_block_job *job, const ravel_range_decoder *range)
{
    const uint8_t check = check_of(job->block, job->codes, block_codes(&job->info));
    const bool good =
        ravel_range_decoder_at_end(range) && check == job->block[RAVEL_BLOCK_HEADER_BYTES];
    job->range = range->state.range;
    job->status = good ? RAVEL_OK : RAVEL_ERR_DATA;
}

/*
 * Keeps the frame in each block's codes, and takes those away that end with it, or whose bytes have
 * ended before. return    blocks that go on
 */
static int keep_frame(ravel_block_coder *coder, int frame, int n)
{
    int kept = 0;
    for (int row = 0; row < n; row++) {
        ravel_block_job *job = coder->active[row].job;
        const int n_codebooks = job->info.n_codebooks;
        memcpy(job->codes + (ptrdiff_t)frame * n_codebooks,
               coder->frames + (ptrdiff_t)row * RAVEL_MAX_CODEBOOKS,
               (size_t)n_codebooks * sizeof *job->codes);
        if (ravel_range_decoder_overrun(&coder->active[row].range)) {
            job->status = RAVEL_ERR_DATA;
        } else if (frame + 1 == job->info.n_frames) {
            finish_job(job, &coder->active[row].range);
        } else {
            coder->active[kept] = coder->active[row];
            coder->pushes[kept++] = coder->pushes[row];
        }
    }
    return kept;
}

static void begin_row(ravel_block_coder *coder, int row)
{
    ravel_block_job *job = coder->active[row].job;
    const int n_codebooks = job->info.n_codebooks;
    ravel_range_decoder_init(&coder->active[row].range, job->block + PAYLOAD_AT,
                             job->size - PAYLOAD_AT);
    coder->pushes[row] = (ravel_prior_lane){
        .codes = job->codes, .code_stride = n_codebooks, .n_codebooks = n_codebooks};
}

/* Up to n_lanes jobs of that kind from the *next on, those with more codebooks first. */
static int gather(ravel_block_coder *coder, int kind, ravel_block_job *jobs, int n_jobs, int *next)
{
    open_block *active = coder->active;
    int n = 0;
    for (; *next < n_jobs && n < coder->n_lanes; ++*next) {
        ravel_block_job *job = &jobs[*next];
        if (job->info.kind != kind)
            continue;
        job->status = check_coded(coder, job);
        if (job->status)
            continue;
        int row = n++;
        for (; row > 0 && active[row - 1].job->info.n_codebooks < job->info.n_codebooks; row--) {
            active[row].job = active[row - 1].job;
        }
        active[row].job = job;
    }
    for (int row = 0; row < n; row++) {
        begin_row(coder, row);
    }
    return n;
}

static void decode_group(ravel_block_coder *coder, int kind, int n)
{
    for (int row = 0; kind == RAVEL_PAYLOAD_PRIOR && row < n; row++) {
        void *state = coder->states + (size_t)row * coder->state_size;
        coder->pushes[row].state = state;
        ravel_prior_reset(coder->models.prior, state);
    }
    for (int frame = 0; n > 0; frame++) {
        if (kind == RAVEL_PAYLOAD_PRIOR)
            push_frame(coder, n);
        decode_frame(coder, kind, n);
        n = keep_frame(coder, frame, n);
    }
}

void ravel_block_coder_read(ravel_block_coder *coder, ravel_block_job *jobs, int n_jobs)
{
    const uint64_t control = ravel_fpenv_enter();
    for (int kind = RAVEL_PAYLOAD_STATIC; kind < RAVEL_PAYLOADS; kind++) {
        int next = 0, n;
        while ((n = gather(coder, kind, jobs, n_jobs, &next)) > 0)
            decode_group(coder, kind, n);
    }
    ravel_fpenv_leave(control);
    for (int i = 0; i < n_jobs; i++) {
        if (jobs[i].info.kind == RAVEL_PAYLOAD_PACKED) {
            read_packed(coder->models.layout, &jobs[i]);
        } else if (jobs[i].info.kind >= RAVEL_PAYLOADS) {
            jobs[i].status = RAVEL_ERR_VERSION;
        }
    }
}
