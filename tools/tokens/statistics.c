/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/tokens/statistics.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"

/* --- Triples ---------------------------------------------------------------------------------- */

static uint64_t triple_key(uint16_t a, uint16_t b, uint16_t c)
{
    return UINT64_C(1) << 48 | (uint64_t)a << 32 | (uint64_t)b << 16 | c;
}

/* Where a key is or belongs; the multiplier spreads neighbours (Knuth, 6.4). */
static ravel_triple *find_triple(ravel_triple *triples, size_t room, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 20) & (room - 1);
    while (triples[at].key != 0 && triples[at].key != key)
        at = (at + 1) & (room - 1);
    return &triples[at];
}

static int grow_triples(ravel_statistics *s)
{
    const size_t room = s->triples_room > 0 ? 2 * s->triples_room : 1 << 12;
    ravel_triple *larger = calloc(room, sizeof *larger);
    if (larger == NULL)
        return RAVEL_ERR_MEMORY;
    for (size_t i = 0; i < s->triples_room; i++)
        if (s->triples[i].key != 0)
            *find_triple(larger, room, s->triples[i].key) = s->triples[i];
    free(s->triples);
    s->triples = larger;
    s->triples_room = room;
    return 0;
}

static int add_triple(ravel_statistics *s, uint64_t key)
{
    if (s->n_triples >= s->triples_room / 4 * 3 && grow_triples(s) < 0)
        return RAVEL_ERR_MEMORY;
    ravel_triple *slot = find_triple(s->triples, s->triples_room, key);
    s->n_triples += slot->key == 0;
    slot->key = key;
    slot->n++;
    s->n_triple_codes++;
    return 0;
}

/* --- Counting --------------------------------------------------------------------------------- */

void ravel_statistics_free(ravel_statistics *s)
{
    for (int b = 0; b < RAVEL_MAX_CODEBOOKS; b++) {
        free(s->codebooks[b].codes);
        free(s->codebooks[b].pairs);
    }
    free(s->triples);
    *s = (ravel_statistics){0};
}

static int begin(ravel_statistics *s, const ravel_token_meta *meta, ravel_error *error)
{
    s->meta = *meta;
    s->begun = true;
    for (int b = 0; b < meta->layout.n_codebooks; b++) {
        ravel_codebook_counts *counts = &s->codebooks[b];
        const size_t size = (size_t)meta->layout.codebook_size[b];
        const bool pairs = size <= RAVEL_PAIRS_MAX_CODEWORDS;
        counts->size = (int)size;
        counts->codes = calloc(size, sizeof *counts->codes);
        counts->pairs = pairs ? calloc(size * size, sizeof *counts->pairs) : NULL;
        if (counts->codes == NULL || (pairs && counts->pairs == NULL))
            return ravel_error_memory(error);
    }
    return 0;
}

/* The codes of a codebook, in order of time. */
static void add_codebook(ravel_codebook_counts *counts, const ravel_utterance *u, int column,
                         int steps)
{
    int before = -1;
    for (int64_t f = 0; f < u->n_frames; f++) {
        const uint16_t *codes = u->codes + f * u->meta.layout.columns + column;
        for (int step = 0; step < steps; step++) {
            counts->codes[codes[step]]++;
            if (before >= 0 && counts->pairs != NULL)
                counts->pairs[(size_t)before * (size_t)counts->size + codes[step]]++;
            counts->n_pairs += before >= 0;
            before = codes[step];
        }
    }
    counts->n += u->n_frames * steps;
}

static int add_triples(ravel_statistics *s, const ravel_utterance *u, ravel_error *error)
{
    const int64_t columns = u->meta.layout.columns;
    const uint16_t *codes = u->codes;
    for (int64_t f = 2; f < u->n_frames && s->n_triple_codes < RAVEL_TRIPLES_MAX_FRAMES; f++)
        if (add_triple(s, triple_key(codes[(f - 2) * columns], codes[(f - 1) * columns],
                                     codes[f * columns])) < 0)
            return ravel_error_memory(error);
    return 0;
}

int ravel_statistics_add(ravel_statistics *s, const ravel_utterance *u, ravel_error *error)
{
    const ravel_token_layout *layout = &u->meta.layout;
    int status = s->begun ? 0 : begin(s, &u->meta, error);
    if (status < 0)
        return status;
    const int n_known =
        u->meta.n_identity < s->meta.n_identity ? u->meta.n_identity : s->meta.n_identity;
    if (memcmp(u->meta.identity, s->meta.identity, (size_t)n_known) != 0 ||
        layout->n_codebooks != s->meta.layout.n_codebooks)
        return ravel_error_set(error, RAVEL_ERR_MODEL,
                               "'%s' is of another model or number of codebooks than those before",
                               u->name);
    int column = 0;
    for (int b = 0; b < layout->n_codebooks; b++) {
        add_codebook(&s->codebooks[b], u, column, layout->steps_per_frame[b]);
        column += layout->steps_per_frame[b];
    }
    s->n_utterances++;
    s->n_frames += u->n_frames;
    return layout->steps_per_frame[0] == 1 ? add_triples(s, u, error) : 0;
}

/* --- Entropies -------------------------------------------------------------------------------- */

static double information(double count, double total)
{
    return count > 0.0 ? count / total * log2(total / count) : 0.0;
}

double ravel_statistics_entropy(const ravel_codebook_counts *counts)
{
    double bits = 0.0;
    for (int c = 0; c < counts->size; c++)
        bits += information((double)counts->codes[c], (double)counts->n);
    return bits;
}

/* H(before, code) - H(before) */
double ravel_statistics_pair_entropy(const ravel_codebook_counts *counts)
{
    double pairs = 0.0, before = 0.0;
    if (counts->pairs == NULL || counts->n_pairs == 0)
        return -1.0;
    for (int a = 0; a < counts->size; a++) {
        double row = 0.0;
        for (int b = 0; b < counts->size; b++) {
            const double n = counts->pairs[(size_t)a * (size_t)counts->size + (size_t)b];
            pairs += information(n, (double)counts->n_pairs);
            row += n;
        }
        before += information(row, (double)counts->n_pairs);
    }
    return pairs - before;
}

static int by_key(const void *a, const void *b)
{
    const ravel_triple *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

/* H(all three) - H(first two); the triples are looked at in order of their first two. */
double ravel_statistics_triple_entropy(const ravel_statistics *s)
{
    double triples = 0.0, contexts = 0.0, context = 0.0;
    ravel_triple *sorted = calloc(s->triples_room + 1, sizeof *sorted);
    if (sorted == NULL || s->n_triple_codes == 0) {
        free(sorted);
        return -1.0;
    }
    size_t n = 0;
    for (size_t i = 0; i < s->triples_room; i++)
        if (s->triples[i].key != 0)
            sorted[n++] = s->triples[i];
    qsort(sorted, n, sizeof *sorted, by_key);
    for (size_t i = 0; i < n; i++) {
        triples += information((double)sorted[i].n, (double)s->n_triple_codes);
        context += (double)sorted[i].n;
        if (i + 1 == n || sorted[i + 1].key >> 16 != sorted[i].key >> 16) {
            contexts += information(context, (double)s->n_triple_codes);
            context = 0.0;
        }
    }
    free(sorted);
    return triples - contexts;
}

int ravel_statistics_used(const ravel_codebook_counts *counts)
{
    int used = 0;
    for (int c = 0; c < counts->size; c++)
        used += counts->codes[c] > 0;
    return used;
}

double ravel_statistics_hours(const ravel_statistics *s)
{
    return (double)s->n_frames * s->meta.hop_samples / s->meta.sample_rate_hz / 3600.0;
}

/* --- Telling ---------------------------------------------------------------------------------- */

static void add_number(cJSON *json, const char *name, double value)
{
    cJSON_AddNumberToObject(json, name, floor(value * 1e4 + 0.5) / 1e4);
}

static cJSON *codebook_json(const ravel_codebook_counts *counts)
{
    cJSON *json = cJSON_CreateObject();
    const double bits = ravel_statistics_entropy(counts);
    const double pair_bits = ravel_statistics_pair_entropy(counts);
    cJSON_AddNumberToObject(json, "codewords", counts->size);
    cJSON_AddNumberToObject(json, "used", ravel_statistics_used(counts));
    add_number(json, "perplexity", exp2(bits));
    add_number(json, "entropy_bits", bits);
    if (pair_bits >= 0.0)
        add_number(json, "bigram_entropy_bits", pair_bits);
    return json;
}

cJSON *ravel_statistics_json(const ravel_statistics *s)
{
    cJSON *json = cJSON_CreateObject();
    const double triple_bits = ravel_statistics_triple_entropy(s);
    cJSON_AddStringToObject(json, "model", s->meta.model_name);
    cJSON_AddNumberToObject(json, "utterances", (double)s->n_utterances);
    cJSON_AddNumberToObject(json, "frames", (double)s->n_frames);
    add_number(json, "hours", ravel_statistics_hours(s));
    cJSON *codebooks = cJSON_AddArrayToObject(json, "codebooks");
    for (int b = 0; b < s->meta.layout.n_codebooks; b++)
        cJSON_AddItemToArray(codebooks, codebook_json(&s->codebooks[b]));
    if (triple_bits >= 0.0)
        add_number(json, "trigram_entropy_bits", triple_bits);
    return json;
}

static void print_codebook(const ravel_codebook_counts *counts, int number)
{
    const double bits = ravel_statistics_entropy(counts);
    const double pair_bits = ravel_statistics_pair_entropy(counts);
    const int used = ravel_statistics_used(counts);
    (void)printf("%8d %10d %8d  %5.1f %% %11.1f %9.2f", number, counts->size, used,
                 100.0 * used / counts->size, exp2(bits), bits);
    if (pair_bits >= 0.0)
        (void)printf(" %12.2f", pair_bits);
    (void)putchar('\n');
}

void ravel_statistics_print(const ravel_statistics *s)
{
    const double triple_bits = ravel_statistics_triple_entropy(s);
    (void)printf("%s: %lld utterances, %lld frames, %.3f hours\n\n", s->meta.model_name,
                 (long long)s->n_utterances, (long long)s->n_frames, ravel_statistics_hours(s));
    (void)puts("codebook  codewords     used          perplexity      bits  after one");
    for (int b = 0; b < s->meta.layout.n_codebooks; b++)
        print_codebook(&s->codebooks[b], b + 1);
    if (triple_bits >= 0.0)
        (void)printf(
            "\nthe first codebook after two codes: %.2f bits (%zu different triples of %lld)\n",
            triple_bits, s->n_triples, (long long)s->n_triple_codes);
}
