/* SPDX-License-Identifier: BSD-3-Clause */
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"

enum { MAX_DELAY_S = 120 };

static void check_decoder(const ravel_case *c, const ravel_codes *codes)
{
    char what[RAVEL_SET_NAME];
    ravel_signal pcm = ravel_run_decoder(c->subject->model, codes, RAVEL_AT_ONCE);
    ravel_signal cut = ravel_run_decoder(c->subject->model, codes, RAVEL_IN_PIECES);
    (void)snprintf(what, sizeof what, "%s%sdecoder in pieces", c->recording, c->form);
    bool equal = ravel_signal_equal(&pcm, &cut);
    ravel_set_check(c->set, equal, what, "%zu samples, %s", pcm.n,
                    equal ? "bit for bit as at once" : "not as at once");
    ravel_signal_free(&pcm);
    ravel_signal_free(&cut);
}

/* And the decoder on what it makes. */
static void check_encoder(const ravel_case *c)
{
    char what[RAVEL_SET_NAME];
    const ravel_model *model = c->subject->model;
    int n_codebooks = model->info.n_codebooks;
    ravel_signal whole = ravel_run_latents(model, &c->pcm, RAVEL_AT_ONCE);
    ravel_signal cut = ravel_run_latents(model, &c->pcm, RAVEL_IN_PIECES);
    ravel_codes codes = ravel_run_encoder(model, &c->pcm, n_codebooks, RAVEL_AT_ONCE);
    ravel_codes cut_codes = ravel_run_encoder(model, &c->pcm, n_codebooks, RAVEL_IN_PIECES);
    (void)snprintf(what, sizeof what, "%s%sencoder in pieces", c->recording, c->form);
    bool equal = ravel_signal_equal(&whole, &cut) && ravel_codes_equal(&codes, &cut_codes);
    ravel_set_check(c->set, equal, what, "%d frames, %s", codes.n_frames,
                    equal ? "bit for bit as at once" : "not as at once");
    check_decoder(c, &codes);
    ravel_signal_free(&whole);
    ravel_signal_free(&cut);
    ravel_codes_free(&codes);
    ravel_codes_free(&cut_codes);
}

void ravel_check_pieces(const ravel_case *c)
{
    char name[RAVEL_SET_NAME];
    if (c->subject->model->encoder) {
        check_encoder(c);
        return;
    }
    (void)snprintf(name, sizeof name, "%s%scodes", c->recording, c->form);
    ravel_decisions given = ravel_decisions_load(c->set, c->subject->model, name, c->time_first);
    ravel_codes codes = ravel_decisions_codes(&given);
    check_decoder(c, &codes);
    ravel_codes_free(&codes);
    ravel_decisions_free(&given);
}

/* --- Delay ------------------------------------------------------------------------------------ */

/* Encoder and decoder one after the other, as in a call. */
typedef struct {
    const ravel_model *model;
    ravel_encoder *encoder;
    ravel_decoder *decoder;
    ravel_scratch *scratch;
    const ravel_signal *pcm; /* again and again */
    int64_t given, taken;    /* samples */
    float *in, *out;         /* [hop] in; out grows */
    uint16_t *codes;
} line;

static line new_line(const ravel_case *c)
{
    const ravel_model *model = c->subject->model;
    line l = {.model = model, .pcm = &c->pcm};
    l.encoder = ravel_encoder_new(model, model->info.n_codebooks);
    l.decoder = ravel_decoder_new(model);
    l.scratch = ravel_scratch_new(model, 1);
    l.in = calloc((size_t)model->info.hop_samples * c->pcm.width, sizeof *l.in);
    return l;
}

static void free_line(line *l)
{
    ravel_encoder_free(l->encoder);
    ravel_decoder_free(l->decoder);
    ravel_scratch_free(l->scratch);
    free(l->in);
    free(l->out);
    free(l->codes);
}

/* n samples more, at most a hop. */
static void push(line *l, int n)
{
    const ravel_model_info *info = &l->model->info;
    size_t width = l->pcm->width;
    for (int i = 0; i < n; i++)
        memcpy(l->in + (size_t)i * width,
               l->pcm->values + (size_t)((l->given + i) % (int64_t)l->pcm->n) * width,
               width * sizeof *l->in);
    int room = ravel_encoder_frames(l->encoder, n, 0);
    int per_frame = ravel_model_codes_per_frame(l->model, info->n_codebooks);
    l->codes = realloc(l->codes, ((size_t)room * (size_t)per_frame + 1) * sizeof *l->codes);
    int n_frames = ravel_encoder_push(l->encoder, l->scratch, l->in, n, l->codes, room);
    room = ravel_decoder_samples(l->decoder, n_frames, 0);
    l->out = realloc(l->out, ((size_t)room * width + 1) * sizeof *l->out);
    l->taken += ravel_decoder_push(l->decoder, l->scratch, l->codes, n_frames, info->n_codebooks,
                                   l->out, room);
    l->given += n;
}

/* What a line shows while it runs, in samples. */
typedef struct {
    int64_t before;  /* given when the first samples came; what they waited longer than the rest */
    int64_t longest; /* between what was given and what was taken, from then on */
    int64_t late;    /* by which a sample came later than stated; 0 or less where none did */
} delays;

/* In pushes that end where a frame must come and just before: at no other time one could. */
static delays watch(line *l, int delay, int lookahead)
{
    delays seen = {0};
    int hop = l->model->info.hop_samples;
    int64_t end = 2 * (int64_t)delay + 40 * (int64_t)hop;
    push(l, ((lookahead - 1) % hop + hop) % hop);
    for (int turn = 0; l->given < end || seen.before == 0; turn++) {
        int n = turn % 2 ? hop - 1 : 1;
        bool begun = l->taken > 0;
        /* Until the push is there nothing more comes: by then sample given + n - delay is due. */
        int64_t late = begun ? l->given + n - delay - l->taken : 0;
        push(l, n);
        int64_t lag = l->given - l->taken;
        seen.before = seen.before == 0 && l->taken > 0 ? l->given : seen.before;
        seen.late = late > seen.late ? late : seen.late;
        seen.longest = begun && lag > seen.longest ? lag : seen.longest;
        if (l->given > 4 * end)
            break;
    }
    return seen;
}

void ravel_check_delay(const ravel_case *c)
{
    char what[RAVEL_SET_NAME], start[RAVEL_SET_NAME] = "";
    const ravel_model_info *info = &c->subject->model->info;
    int delay = info->delay_samples;
    (void)snprintf(what, sizeof what, "%sdelay", c->form);
    if (c->pcm.n == 0 || delay > MAX_DELAY_S * info->sample_rate_hz) {
        ravel_set_skip(c->set, what, "longer than what can be tried");
        return;
    }
    line l = new_line(c);
    delays seen = watch(&l, delay, info->encoder_lookahead_samples);
    free_line(&l);
    if (seen.before > delay || info->start_delay_samples > delay)
        (void)snprintf(start, sizeof start, "; at the start %d, %lld", info->start_delay_samples,
                       (long long)seen.before);
    long long needed = seen.late > 0 ? delay + seen.late : seen.longest + 1;
    bool in_time = info->start_delay_samples > delay ? seen.before == info->start_delay_samples
                                                     : seen.before <= delay;
    ravel_set_check(c->set, needed == delay && in_time, what, "%d samples stated, %lld needed%s",
                    delay, needed, start);
}
