/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel compare: how near sounds are to a reference, in figures and in a picture. */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/error.h"
#include "tools/compare/codecs.h"
#include "tools/compare/comparison.h"
#include "tools/measure/align.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel compare [OPTION]... REF [DEGRADED]...\n"
    "\n"
    "Measures how near the DEGRADED sounds are to REF. Without DEGRADED, REF itself goes through\n"
    "Ravel and through Opus at a ladder of bitrates.\n"
    "\n"
    "      --json              one JSON object on standard output\n"
    "      --png OUT.png       the spectrograms, one above the other\n"
    "  -m, --model FILE        the model of the ladder\n"
    "  -q, --quiet             no notes\n"
    "  -h, --help              this\n"
    "\n"
    "All is measured in mono at 24 kHz. Files are aligned first by a whole number of samples, up "
    "to\n"
    "a second; positive delays are late.\n"
    "\n"
    "  kb/s      sent: the codec's packets, without the pages or network headers around them\n"
    "  ESTOI     extended short-time objective intelligibility, 1 for equal sounds\n"
    "  STOI      short-time objective intelligibility\n"
    "  SI-SDR    scale-invariant signal-to-distortion ratio\n"
    "  segSNR    segmental signal-to-noise ratio, pieces of 20 ms\n"
    "  LSD       log-spectral distance, 0 for equal sounds\n"
    "  mel       mean difference of 80 mel bands, 0 for equal sounds\n"
    "\n"
    "Exit status 4 where some of several DEGRADED could not be measured.\n";

static const double model_kbps[] = {1.5, 3, 4.5, 6}, opus_kbps[] = {6, 9, 12, 16, 24};
enum { N_MODEL = 4, N_OPUS = 5, MAX_DELAY = RAVEL_MEASURE_RATE_HZ };

/* Below this, waveforms are too different to tell a delay: codecs that keep no phase can reach 0.7
 * some pitch periods off. */
static const double least_correlation = 0.8;

typedef struct {
    ravel_tool_options common;
    bool json;
    const char *png;
} compare_options;

static void note(const compare_options *options, const char *format, ...)
{
    va_list arguments;
    if (options->common.quiet)
        return;
    va_start(arguments, format);
    (void)fputs("ravel: ", stderr);
    (void)vfprintf(stderr, format, arguments);
    (void)fputc('\n', stderr);
    va_end(arguments);
}

/* --- Rows ------------------------------------------------------------------------------------- */

/* Where no delay can be told there is none, and sounds are measured as they are. */
static int find_delay(const ravel_comparison *c, const compare_options *options,
                      const ravel_sound *degraded, ravel_comparison_row *row, ravel_error *error)
{
    ravel_alignment found;
    if (ravel_align(c->sound.pcm, c->sound.n, degraded->pcm, degraded->n, MAX_DELAY, &found) < 0)
        return ravel_error_memory(error);
    bool certain = found.correlation >= least_correlation;
    row->delay_samples = certain ? found.delay_samples : 0;
    if (!certain && row->kbps <= 0) /* a codec's delay is known and was taken off */
        note(options, "'%s': the waveform is too different (correlation %.2f) to find a delay",
             row->name, found.correlation);
    return 0;
}

/*
 * Over the stretch that both sounds have. A tenth of a second less than the whole is nothing: delays,
 * and whole frames of a codec.
 */
static int measure_row(const ravel_comparison *c, const compare_options *options,
                       const ravel_sound *aligned, int end, ravel_comparison_row *row,
                       ravel_error *error)
{
    const double rate_hz = RAVEL_MEASURE_RATE_HZ;
    int first = row->delay_samples < 0 ? -row->delay_samples : 0;
    int last = end < c->sound.n ? end : c->sound.n, n = last > first ? last - first : 0;
    int status =
        n > 0 ? ravel_measure_all(c->sound.pcm + first, aligned->pcm + first, n, &row->measures)
              : RAVEL_ERR_DATA;
    if (status == RAVEL_ERR_DATA)
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "'%s', '%s': less than 0.4 s of sound to compare", c->reference,
                               row->name);
    if (status < 0)
        return ravel_error_memory(error);
    if (c->sound.n - n > RAVEL_MEASURE_RATE_HZ / 10)
        note(options, "'%s': measured over the %.2f of %.2f s that it has", row->name, n / rate_hz,
             c->sound.n / rate_hz);
    return 0;
}

/* Aligns the degraded sound, too. */
static int fill_row(const ravel_comparison *c, const compare_options *options,
                    ravel_sound *degraded, ravel_comparison_row *row, ravel_error *error)
{
    int status = find_delay(c, options, degraded, row, error);
    int end = degraded->n - row->delay_samples;
    if (status == 0)
        status = ravel_sound_shift(degraded, row->delay_samples, c->sound.n, error);
    if (status == 0)
        status = measure_row(c, options, degraded, end, row, error);
    if (status == 0 && options->png != NULL) {
        row->spectrogram = ravel_spectrogram_new(degraded);
        if (row->spectrogram == NULL)
            status = ravel_error_memory(error);
    }
    return status;
}

/* kbps: 0 for a file */
static int add_row(ravel_comparison *c, const compare_options *options, const char *name,
                   double kbps, ravel_sound *degraded, ravel_error *error)
{
    ravel_comparison_row *grown = realloc(c->rows, (size_t)(c->n_rows + 1) * sizeof *grown);
    if (grown == NULL)
        return ravel_error_memory(error);
    c->rows = grown;
    ravel_comparison_row row = {.name = strdup(name), .kbps = kbps};
    int status =
        row.name != NULL ? fill_row(c, options, degraded, &row, error) : ravel_error_memory(error);
    if (status < 0)
        free(row.name);
    else
        c->rows[c->n_rows++] = row;
    return status;
}

static void comparison_free(ravel_comparison *c)
{
    for (int i = 0; i < c->n_rows; i++) {
        free(c->rows[i].name);
        ravel_spectrogram_free(c->rows[i].spectrogram);
    }
    free(c->rows);
    ravel_spectrogram_free(c->spectrogram);
    ravel_sound_free(&c->sound);
}

/* --- Files ------------------------------------------------------------------------------------ */

static int compare_file(ravel_comparison *c, const compare_options *options, const char *path,
                        ravel_error *error)
{
    ravel_sound sound;
    int status = ravel_sound_load(&sound, path, RAVEL_MEASURE_RATE_HZ, error);
    if (status == 0)
        status = add_row(c, options, path, 0, &sound, error);
    ravel_sound_free(&sound);
    return status;
}

/* return    an exit code */
static int compare_files(ravel_comparison *c, const compare_options *options, int n_names,
                         char **names)
{
    int n_failed = 0, status = 0;
    for (int i = 0; i < n_names && !ravel_tool_stopped(); i++) {
        ravel_error error = {0};
        int file_status = compare_file(c, options, names[i], &error);
        if (file_status < 0) {
            (void)fprintf(stderr, "ravel: %s\n", error.text);
            status = file_status;
            n_failed++;
        }
    }
    return n_failed > 0 && n_names > 1 ? RAVEL_EXIT_BATCH : ravel_tool_exit_code(status);
}

/* --- The ladder ------------------------------------------------------------------------------- */

/* The most codebooks within a bitrate, 0 where one is too many already. */
static int codebooks_within(const ravel_model *model, double kbps)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    int k = info->n_codebooks;
    while (k >= info->least_codebooks && ravel_model_bitrate(model, k) > kbps * 1000.1)
        k--;
    return k >= info->least_codebooks ? k : 0;
}

static int climb_model(ravel_comparison *c, const compare_options *options,
                       const ravel_model *model, int n_codebooks, ravel_error *error)
{
    char name[80];
    ravel_sound decoded;
    double kbps = 0;
    const char *codec =
        options->common.opened != NULL ? ravel_model_get_info(model)->name : "Ravel";
    (void)snprintf(name, sizeof name, "%.60s %.3g kb/s", codec,
                   ravel_model_bitrate(model, n_codebooks) / 1e3);
    note(options, "%s", name);
    int status = ravel_through_model(model, n_codebooks, &c->sound, &decoded, &kbps, error);
    if (status == 0)
        status = add_row(c, options, name, kbps, &decoded, error);
    ravel_sound_free(&decoded);
    return status;
}

/* A model of few bitrates stands on fewer rungs; one above them all on its lowest. */
static int climb_model_ladder(ravel_comparison *c, const compare_options *options,
                              const ravel_model *model, ravel_error *error)
{
    int last = 0, status = 0;
    for (int i = 0; i < N_MODEL && status == 0 && !ravel_tool_stopped(); i++) {
        int k = codebooks_within(model, model_kbps[i]);
        if (k == 0 && i == N_MODEL - 1)
            k = ravel_model_get_info(model)->least_codebooks;
        if (k > last)
            status = climb_model(c, options, model, k, error);
        last = k;
    }
    return status;
}

static int climb_opus(ravel_comparison *c, const compare_options *options, double asked_kbps,
                      ravel_error *error)
{
    char name[32];
    ravel_sound decoded;
    double kbps = 0;
    (void)snprintf(name, sizeof name, "Opus %g kb/s", asked_kbps);
    note(options, "%s", name);
    int status = ravel_through_opus((int)(asked_kbps * 1000), &c->sound, &decoded, &kbps, error);
    if (status == 0)
        status = add_row(c, options, name, kbps, &decoded, error);
    ravel_sound_free(&decoded);
    return status;
}

/* return    an exit code */
static int climb(ravel_comparison *c, compare_options *options)
{
    ravel_error error = {0};
    const ravel_model *model = ravel_tool_encoding_model(&options->common, &error);
    int status = model != NULL ? climb_model_ladder(c, options, model, &error) : RAVEL_ERR_MODEL;
    for (int i = 0; i < N_OPUS && status == 0 && !ravel_tool_stopped(); i++)
        status = climb_opus(c, options, opus_kbps[i], &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}

/* --- The verb --------------------------------------------------------------------------------- */

static int show(const ravel_comparison *c, const compare_options *options)
{
    ravel_error error = {0};
    int status = 0;
    if (!options->json)
        ravel_comparison_print(c);
    else if (ravel_comparison_print_json(c) < 0)
        status = ravel_error_memory(&error);
    if (status == 0 && options->png != NULL)
        status = ravel_comparison_draw(c, options->png, &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}

static int load_reference(ravel_comparison *c, const compare_options *options, ravel_error *error)
{
    int status = ravel_sound_load(&c->sound, c->reference, RAVEL_MEASURE_RATE_HZ, error);
    if (status == 0 && options->png != NULL) {
        c->spectrogram = ravel_spectrogram_new(&c->sound);
        if (c->spectrogram == NULL)
            status = ravel_error_memory(error);
    }
    return status;
}

static int run(compare_options *options, int n_names, char **names)
{
    ravel_comparison c = {.reference = names[0]};
    ravel_error error = {0};
    int status = load_reference(&c, options, &error);
    int code = ravel_tool_exit_code(status);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    else if (n_names > 1)
        code = compare_files(&c, options, n_names - 1, names + 1);
    else
        code = climb(&c, options);
    if (c.n_rows > 0 && (code == RAVEL_EXIT_DONE || code == RAVEL_EXIT_BATCH) &&
        !ravel_tool_stopped()) {
        int shown = show(&c, options);
        code = shown != RAVEL_EXIT_DONE ? shown : code;
    }
    comparison_free(&c);
    return code;
}

enum { OPT_JSON = RAVEL_TOOL_OWN, OPT_PNG };

int ravel_tool_compare(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"json", no_argument, NULL, OPT_JSON},   {"png", required_argument, NULL, OPT_PNG},
        {"model", required_argument, NULL, 'm'}, {"quiet", no_argument, NULL, 'q'},
        {"help", no_argument, NULL, 'h'},        {NULL, 0, NULL, 0}};
    compare_options options = {.common = ravel_tool_options_new()};
    int letter, code;
    while ((letter = getopt_long(argc, argv, "m:qh", long_options, NULL)) >= 0) {
        if (letter == OPT_JSON)
            options.json = true;
        else if (letter == OPT_PNG)
            options.png = optarg;
        else if (!ravel_tool_option(&options.common, letter, optarg, usage, &code))
            return code;
    }
    if (optind == argc)
        return ravel_tool_usage_error("compare", "a reference is needed");
    code = run(&options, argc - optind, argv + optind);
    ravel_tool_options_free(&options.common);
    return code;
}
