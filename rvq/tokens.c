/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Token layouts (ravel/tokens.h). All that distinguishes them is which code stands where
 * (ravel_token_place); both directions walk over the places.
 */
#include "rvq/tokens.h"

#include <stdbool.h>
#include <string.h>

#include "nn/error.h"

static const char *const order_names[] = {"parallel", "delay", "flat", "coarse-first",
                                          "interleaved"};
static const char *const numbers_names[] = {"apart", "shared", "places"};

const char *ravel_token_order_name(int order)
{
    return order >= RAVEL_TOKENS_PARALLEL && order <= RAVEL_TOKENS_INTERLEAVED ? order_names[order]
                                                                               : NULL;
}

const char *ravel_token_numbers_name(int numbers)
{
    return numbers >= RAVEL_TOKENS_APART && numbers <= RAVEL_TOKENS_PLACES ? numbers_names[numbers]
                                                                           : NULL;
}

/* --- Making one ------------------------------------------------------------------------------- */

static int longest_delay(const ravel_token_layout *layout)
{
    int longest = 0;
    for (int b = 0; b < layout->n_codebooks; b++)
        if (layout->delay_frames[b] > longest)
            longest = layout->delay_frames[b];
    return longest;
}

static int set_delays(ravel_token_layout *layout, const int *delays, ravel_error *error)
{
    for (int b = 0; b < layout->n_codebooks; b++) {
        const int delay = delays != NULL ? delays[b] : b;
        if (delay < 0 || delay > RAVEL_TOKENS_MAX_DELAY)
            return ravel_error_set(error, RAVEL_ERR_ARGUMENT,
                                   "codebook %d has a delay of %d frames; 0 to %d are possible",
                                   b + 1, delay, RAVEL_TOKENS_MAX_DELAY);
        layout->delay_frames[b] = delay;
    }
    return 0;
}

/* The first number that no code has. */
static uint64_t end_of_codes(const ravel_token_layout *layout)
{
    uint64_t all = 0, greatest = 0;
    for (int b = 0; b < layout->n_codebooks; b++) {
        const uint64_t size = (uint64_t)layout->codebook_size[b];
        const bool each_step = layout->numbers == RAVEL_TOKENS_PLACES;
        all += size * (each_step ? (uint64_t)layout->steps_per_frame[b] : 1);
        greatest = size > greatest ? size : greatest;
    }
    return layout->base + (layout->numbers == RAVEL_TOKENS_SHARED ? greatest : all);
}

/* The special tokens that are in use follow those of the codes. */
static int number_tokens(ravel_token_layout *layout, const ravel_token_options *options,
                         ravel_error *error)
{
    uint64_t next = end_of_codes(layout);
    layout->pad = longest_delay(layout) > 0 ? (int64_t)next++ : -1;
    layout->begin = options->begin ? (int64_t)next++ : -1;
    layout->end = options->end ? (int64_t)next++ : -1;
    if (next > UINT32_MAX)
        return ravel_error_set(
            error, RAVEL_ERR_ARGUMENT, "from %lu on there is no room for %llu tokens in 32 bits",
            (unsigned long)layout->base, (unsigned long long)(next - layout->base));
    layout->vocabulary = (uint32_t)next;
    return 0;
}

static int check_options(const ravel_model_info *model, const ravel_token_options *options,
                         ravel_error *error)
{
    if (options->n_codebooks < 0 || options->n_codebooks > model->n_codebooks)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "%d codebooks; the model has 1 to %d",
                               options->n_codebooks, model->n_codebooks);
    if (ravel_token_order_name((int)options->order) == NULL)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "there is no token order %d",
                               (int)options->order);
    if (ravel_token_numbers_name((int)options->numbers) == NULL)
        return ravel_error_set(error, RAVEL_ERR_ARGUMENT, "there are no token numbers %d",
                               (int)options->numbers);
    return 0;
}

int ravel_token_layout_make(ravel_token_layout *layout, const ravel_model_info *model,
                            const ravel_token_options *options, ravel_error *error)
{
    static const ravel_token_options usual = {.order = RAVEL_TOKENS_PARALLEL,
                                              .numbers = RAVEL_TOKENS_SHARED};
    if (options == NULL)
        options = &usual;
    int status = check_options(model, options, error);
    if (status < 0)
        return status;
    memset(layout, 0, sizeof *layout);
    layout->order = options->order;
    layout->n_codebooks = options->n_codebooks > 0 ? options->n_codebooks : model->n_codebooks;
    layout->base = options->base;
    layout->numbers = options->numbers;
    for (int b = 0; b < layout->n_codebooks; b++) {
        layout->codebook_size[b] = model->codebook_size[b];
        layout->steps_per_frame[b] = model->steps_per_frame[b];
        layout->columns += model->steps_per_frame[b];
    }
    if (layout->order == RAVEL_TOKENS_DELAY)
        status = set_delays(layout, options->delay_frames, error);
    bool rows = layout->order == RAVEL_TOKENS_PARALLEL || layout->order == RAVEL_TOKENS_DELAY;
    layout->row_tokens = rows ? layout->columns : 1;
    return status < 0 ? status : number_tokens(layout, options, error);
}

/* --- Sizes ------------------------------------------------------------------------------------ */

static int64_t boundary_rows(const ravel_token_layout *layout)
{
    return (layout->begin >= 0) + (layout->end >= 0);
}

/* Rows of a frame, and those that each utterance has beyond its frames. */
static int rows_per_frame(const ravel_token_layout *layout)
{
    return layout->columns / layout->row_tokens;
}

static int64_t more_rows(const ravel_token_layout *layout)
{
    return boundary_rows(layout) + longest_delay(layout);
}

int64_t ravel_token_rows(const ravel_token_layout *layout, int64_t n_frames)
{
    return n_frames * rows_per_frame(layout) + more_rows(layout);
}

int64_t ravel_token_frames(const ravel_token_layout *layout, int64_t n_rows)
{
    const int64_t rows = n_rows - more_rows(layout);
    return rows >= 0 && rows % rows_per_frame(layout) == 0 ? rows / rows_per_frame(layout)
                                                           : RAVEL_ERR_DATA;
}

/* --- Within a frame --------------------------------------------------------------------------- */

/* Codebook of a column of a frame; *step is set to which of its steps it is. */
static int codebook_of(const ravel_token_layout *layout, int column, int *step)
{
    int b = 0;
    while (column >= layout->steps_per_frame[b])
        column -= layout->steps_per_frame[b++];
    *step = column;
    return b;
}

/*
 * Codes of codebook c that stand before a step of codebook b in a frame. Interleaved: those that begin
 * earlier, and at the same time where c is coarser. Step s of n begins at s / n of the frame.
 */
static int codes_before(const ravel_token_layout *layout, int c, int b, int step)
{
    const int steps = layout->steps_per_frame[b];
    const int scaled = step * layout->steps_per_frame[c];
    if (c == b)
        return step;
    if (layout->order != RAVEL_TOKENS_INTERLEAVED)
        return c < b ? layout->steps_per_frame[c] : 0;
    return c < b ? scaled / steps + 1 : (scaled + steps - 1) / steps;
}

/* Which code of a frame a step of a codebook is. */
static int place_in_frame(const ravel_token_layout *layout, int b, int step)
{
    int place = 0;
    for (int c = 0; c < layout->n_codebooks; c++)
        place += codes_before(layout, c, b, step);
    return place;
}

/* The way back: places grow with the steps of each codebook. */
static int column_of_place(const ravel_token_layout *layout, int place)
{
    int first_column = 0;
    for (int b = 0; b < layout->n_codebooks; first_column += layout->steps_per_frame[b++]) {
        int low = 0, high = layout->steps_per_frame[b] - 1;
        while (low < high) {
            const int middle = (low + high) / 2;
            if (place_in_frame(layout, b, middle) < place)
                low = middle + 1;
            else
                high = middle;
        }
        if (place_in_frame(layout, b, low) == place)
            return first_column + low;
    }
    return 0; /* not reached: every place has a code */
}

uint32_t ravel_token_offset(const ravel_token_layout *layout, int column)
{
    int step;
    const int b = codebook_of(layout, column, &step);
    uint32_t offset = layout->base;
    for (int c = 0; c < layout->n_codebooks; c++) {
        int sizes = c < b;
        if (layout->numbers == RAVEL_TOKENS_SHARED)
            sizes = 0;
        else if (layout->numbers == RAVEL_TOKENS_PLACES)
            sizes = codes_before(layout, c, b, step);
        offset += (uint32_t)sizes * (uint32_t)layout->codebook_size[c];
    }
    return offset;
}

/* --- Places ----------------------------------------------------------------------------------- */

/* Codebook after codebook, each with all its steps in order of time. */
static int64_t coarse_first_place(const ravel_token_layout *layout, int64_t n_frames, int64_t row)
{
    int first_column = 0, b = 0;
    while (row >= n_frames * layout->steps_per_frame[b]) {
        row -= n_frames * layout->steps_per_frame[b];
        first_column += layout->steps_per_frame[b++];
    }
    const int64_t frame = row / layout->steps_per_frame[b];
    return frame * layout->columns + first_column + row % layout->steps_per_frame[b];
}

static int64_t delayed_place(const ravel_token_layout *layout, int64_t n_frames, int64_t row,
                             int column)
{
    int step;
    const int64_t frame = row - layout->delay_frames[codebook_of(layout, column, &step)];
    return frame >= 0 && frame < n_frames ? frame * layout->columns + column : -1;
}

int64_t ravel_token_place(const ravel_token_layout *layout, int64_t n_frames, int64_t row,
                          int column, uint32_t *special)
{
    int64_t place = -1;
    *special = 0;
    if (layout->begin >= 0 && row-- == 0) {
        *special = (uint32_t)layout->begin;
        return -1;
    }
    if (row == ravel_token_rows(layout, n_frames) - boundary_rows(layout)) {
        *special = (uint32_t)layout->end;
        return -1;
    }
    switch (layout->order) {
    case RAVEL_TOKENS_PARALLEL:
        place = row * layout->columns + column;
        break;
    case RAVEL_TOKENS_DELAY:
        place = delayed_place(layout, n_frames, row, column);
        break;
    case RAVEL_TOKENS_FLAT:
        place = row;
        break;
    case RAVEL_TOKENS_COARSE_FIRST:
        place = coarse_first_place(layout, n_frames, row);
        break;
    case RAVEL_TOKENS_INTERLEAVED:
        place = row - row % layout->columns + column_of_place(layout, (int)(row % layout->columns));
        break;
    }
    if (place < 0)
        *special = (uint32_t)layout->pad;
    return place;
}

/* --- Both directions -------------------------------------------------------------------------- */

uint32_t ravel_token_of_code(const ravel_token_layout *layout, int64_t place, uint16_t code)
{
    return code + ravel_token_offset(layout, (int)(place % layout->columns));
}

static int check_codes(const ravel_token_layout *layout, const uint16_t *codes, int64_t n_frames,
                       ravel_error *error)
{
    for (int64_t place = 0; place < n_frames * layout->columns; place++) {
        int step;
        const int b = codebook_of(layout, (int)(place % layout->columns), &step);
        if (codes[place] >= layout->codebook_size[b])
            return ravel_error_set(error, RAVEL_ERR_DATA,
                                   "frame %lld: code %d of codebook %d, which has %d codewords",
                                   (long long)(place / layout->columns), codes[place], b + 1,
                                   layout->codebook_size[b]);
    }
    return 0;
}

int ravel_tokens_from_codes(const ravel_token_layout *layout, const uint16_t *codes,
                            int64_t n_frames, uint32_t *tokens, ravel_error *error)
{
    const int64_t n_rows = ravel_token_rows(layout, n_frames);
    const int status = check_codes(layout, codes, n_frames, error);
    if (status < 0)
        return status;
    for (int64_t row = 0; row < n_rows; row++) {
        for (int column = 0; column < layout->row_tokens; column++) {
            uint32_t special;
            const int64_t place = ravel_token_place(layout, n_frames, row, column, &special);
            *tokens++ = place >= 0 ? ravel_token_of_code(layout, place, codes[place]) : special;
        }
    }
    return 0;
}

/* One token at its place. */
static int take_token(const ravel_token_layout *layout, int64_t place, uint32_t token,
                      uint32_t special, uint16_t *codes)
{
    if (place < 0)
        return token == special ? 0 : RAVEL_ERR_DATA;
    int step;
    const int column = (int)(place % layout->columns);
    const int b = codebook_of(layout, column, &step);
    const uint32_t offset = ravel_token_offset(layout, column);
    if (token < offset || token - offset >= (uint32_t)layout->codebook_size[b])
        return RAVEL_ERR_DATA;
    codes[place] = (uint16_t)(token - offset);
    return 0;
}

static int refuse_token(const ravel_token_layout *layout, int64_t row, int column, int64_t place,
                        uint32_t token, uint32_t special, ravel_error *error)
{
    if (place < 0)
        return ravel_error_set(
            error, RAVEL_ERR_DATA, "row %lld, column %d: token %lu stands where %lu should",
            (long long)row, column, (unsigned long)token, (unsigned long)special);
    int step;
    const int frame_column = (int)(place % layout->columns);
    const int b = codebook_of(layout, frame_column, &step);
    const unsigned long offset = ravel_token_offset(layout, frame_column);
    return ravel_error_set(error, RAVEL_ERR_DATA,
                           "row %lld, column %d: token %lu is none of codebook %d, %lu to %lu",
                           (long long)row, column, (unsigned long)token, b + 1, offset,
                           offset + (unsigned long)layout->codebook_size[b] - 1);
}

int ravel_tokens_take(const ravel_token_layout *layout, int64_t n_frames, int64_t first_row,
                      int64_t n_rows, const uint32_t *tokens, uint16_t *codes, ravel_error *error)
{
    for (int64_t row = first_row; row < first_row + n_rows; row++) {
        for (int column = 0; column < layout->row_tokens; column++, tokens++) {
            uint32_t special;
            const int64_t place = ravel_token_place(layout, n_frames, row, column, &special);
            if (take_token(layout, place, *tokens, special, codes) < 0)
                return refuse_token(layout, row, column, place, *tokens, special, error);
        }
    }
    return 0;
}

int64_t ravel_tokens_to_codes(const ravel_token_layout *layout, const uint32_t *tokens,
                              int64_t n_rows, uint16_t *codes, ravel_error *error)
{
    const int64_t n_frames = ravel_token_frames(layout, n_rows);
    if (n_frames < 0)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "%lld rows of tokens are no whole number of frames in this layout",
                               (long long)n_rows);
    const int status = ravel_tokens_take(layout, n_frames, 0, n_rows, tokens, codes, error);
    return status < 0 ? status : n_frames;
}
