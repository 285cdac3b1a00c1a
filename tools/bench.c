/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel bench: how fast a model runs on one core, for people or as JSON. */
#include <cjson/cJSON.h>
#include <getopt.h>
#include <stdio.h>

#include "codec/model.h"
#include "nn/error.h"
#include "tools/bench.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel bench [OPTION]...\n"
    "\n"
    "Times a model on one core: a file, many frames at once (offline), and a call, one frame at a\n"
    "time (steps). GMAC/s are 10^9 multiply-adds a second; their peak is what the core's\n"
    "multiply-adders reach in the same run; GB/s are of weights read, their peak what the core\n"
    "reads when it does nothing else. Times are of the processor, unless they are called wall.\n"
    "There are no steps where the model's delay is above a second.\n"
    "\n"
    "      --json              one JSON object on standard output\n"
    "      --seconds S         of sound, 1 to 3600 (30)\n"
    "  -m, --model FILE        in the place of the built-in model\n"
    "  -h, --help              this\n";

/* --- Figures ---------------------------------------------------------------------------------- */

/* `share` of the way through ascending values */
static double quantile(const double *values, int n, double share)
{
    return values[(int)(share * (n - 1))];
}

static double step_macs(const ravel_bench *bench, const ravel_bench_part *part)
{
    return part->macs_per_s * bench->audio_s / bench->n_steps;
}

static void add_offline(cJSON *facts, const ravel_bench *bench, const ravel_bench_part *part)
{
    cJSON *offline = cJSON_AddObjectToObject(facts, "offline");
    const double macs_per_s = part->macs_per_s * bench->audio_s / part->offline.cpu_s;
    cJSON_AddNumberToObject(offline, "times_real_time", bench->audio_s / part->offline.cpu_s);
    cJSON_AddNumberToObject(offline, "times_real_time_wall", bench->audio_s / part->offline.wall_s);
    cJSON_AddNumberToObject(offline, "gmac_per_s", macs_per_s / 1e9);
    cJSON_AddNumberToObject(offline, "share_of_peak", macs_per_s / bench->peak_offline);
}

static void add_steps(cJSON *facts, const ravel_bench *bench, const ravel_bench_part *part)
{
    cJSON *steps = cJSON_AddObjectToObject(facts, "steps");
    const double median_s = quantile(part->step_cpu_s, bench->n_steps, 0.5);
    const double macs_per_s = step_macs(bench, part) / median_s;
    cJSON_AddNumberToObject(steps, "cpu_ms_median", 1e3 * median_s);
    cJSON_AddNumberToObject(steps, "cpu_ms_p99",
                            1e3 * quantile(part->step_cpu_s, bench->n_steps, 0.99));
    cJSON_AddNumberToObject(steps, "wall_ms_median",
                            1e3 * quantile(part->step_wall_s, bench->n_steps, 0.5));
    cJSON_AddNumberToObject(steps, "wall_ms_p99",
                            1e3 * quantile(part->step_wall_s, bench->n_steps, 0.99));
    cJSON_AddNumberToObject(steps, "gmac_per_s", macs_per_s / 1e9);
    cJSON_AddNumberToObject(steps, "share_of_peak", macs_per_s / bench->peak_steps);
    cJSON_AddNumberToObject(steps, "weight_bytes", (double)part->weight_bytes);
    cJSON_AddNumberToObject(steps, "gb_per_s", (double)part->weight_bytes / median_s / 1e9);
    cJSON_AddNumberToObject(steps, "share_of_peak_read",
                            (double)part->weight_bytes / median_s / bench->peak_read);
}

static void add_memory(cJSON *facts, const ravel_model *model)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    cJSON *memory = cJSON_AddObjectToObject(facts, "memory_bytes");
    cJSON_AddNumberToObject(memory, "weights",
                            (double)info->encoder_weight_bytes +
                                (double)model->quantizer->held_bytes +
                                (double)info->decoder_weight_bytes);
    cJSON_AddNumberToObject(memory, "encoder", (double)ravel_encoder_size(model));
    cJSON_AddNumberToObject(memory, "decoder", (double)ravel_decoder_size(model));
    cJSON_AddNumberToObject(memory, "scratch", (double)ravel_scratch_size(model, 1));
}

/* Everything that is printed, in either form. */
static cJSON *collect(const ravel_bench *bench, const ravel_model *model)
{
    const ravel_model_info *info = ravel_model_get_info(model);
    cJSON *facts = cJSON_CreateObject();
    cJSON_AddStringToObject(facts, "name", info->name);
    cJSON_AddStringToObject(facts, "kernels", bench->kernels);
    cJSON_AddNumberToObject(facts, "codebooks", info->n_codebooks);
    cJSON_AddNumberToObject(facts, "audio_s", bench->audio_s);
    cJSON_AddNumberToObject(facts, "frame_ms", 1e3 * info->hop_samples / info->sample_rate_hz);
    cJSON_AddNumberToObject(facts, "delay_ms", 1e3 * info->delay_samples / info->sample_rate_hz);
    cJSON_AddNumberToObject(facts, "peak_offline_gmac_per_s", bench->peak_offline / 1e9);
    if (bench->n_steps > 0)
        cJSON_AddNumberToObject(facts, "peak_steps_gmac_per_s", bench->peak_steps / 1e9);
    cJSON_AddNumberToObject(facts, "peak_read_gb_per_s", bench->peak_read / 1e9);
    cJSON *parts = cJSON_AddObjectToObject(facts, "parts");
    for (int i = 0; i < RAVEL_BENCH_PARTS; i++) {
        const ravel_bench_part *part = &bench->parts[i];
        cJSON *one = cJSON_AddObjectToObject(parts, part->name);
        cJSON_AddNumberToObject(one, "mmac_per_s_of_audio", part->macs_per_s / 1e6);
        add_offline(one, bench, part);
        if (bench->n_steps > 0)
            add_steps(one, bench, part);
    }
    add_memory(facts, model);
    return facts;
}

/* --- Words ------------------------------------------------------------------------------------ */

static double number(const cJSON *facts, const char *name)
{
    return cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(facts, name));
}

/* The encoder's two parts stand below it. */
static const char *row_name(const cJSON *parts, const cJSON *part, char text[RAVEL_TOOL_TEXT])
{
    const bool inner = part != parts->child && part->next != NULL;
    (void)snprintf(text, RAVEL_TOOL_TEXT, "%s%s", inner ? "  " : "", part->string);
    return text;
}

static void print_offline(const cJSON *parts)
{
    char text[RAVEL_TOOL_TEXT];
    (void)printf("\n%-14s %12s %12s %9s %9s\n", "offline", "x real time", "(wall)", "GMAC/s",
                 "of peak");
    for (const cJSON *part = parts->child; part != NULL; part = part->next) {
        const cJSON *offline = cJSON_GetObjectItemCaseSensitive(part, "offline");
        (void)printf("%-14s %12.1f %12.1f %9.2f %7.1f %%\n", row_name(parts, part, text),
                     number(offline, "times_real_time"), number(offline, "times_real_time_wall"),
                     number(offline, "gmac_per_s"), 1e2 * number(offline, "share_of_peak"));
    }
}

static void print_steps(const cJSON *parts)
{
    char text[RAVEL_TOOL_TEXT];
    (void)printf("\n%-14s %9s %7s %9s %7s %9s %9s %10s %7s\n", "steps, ms", "median", "p99", "wall",
                 "p99", "GMAC/s", "of peak", "weights", "GB/s");
    for (const cJSON *part = parts->child; part != NULL; part = part->next) {
        const cJSON *steps = cJSON_GetObjectItemCaseSensitive(part, "steps");
        (void)printf("%-14s %8.3f %7.3f %8.3f %7.3f %8.2f %6.1f %% %7.2f MB %7.2f %6.1f %%\n",
                     row_name(parts, part, text), number(steps, "cpu_ms_median"),
                     number(steps, "cpu_ms_p99"), number(steps, "wall_ms_median"),
                     number(steps, "wall_ms_p99"), number(steps, "gmac_per_s"),
                     1e2 * number(steps, "share_of_peak"), number(steps, "weight_bytes") / 1e6,
                     number(steps, "gb_per_s"), 1e2 * number(steps, "share_of_peak_read"));
    }
}

static void print_peaks(const cJSON *facts)
{
    (void)printf("\n%-14s %.1f GMAC/s offline", "peak", number(facts, "peak_offline_gmac_per_s"));
    if (cJSON_GetObjectItemCaseSensitive(facts, "peak_steps_gmac_per_s") != NULL)
        (void)printf("; %.1f GMAC/s and %.1f GB/s by steps", number(facts, "peak_steps_gmac_per_s"),
                     number(facts, "peak_read_gb_per_s"));
    (void)printf("\n%-14s", "memory");
}

static void print_table(const cJSON *facts)
{
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(facts, "parts");
    (void)printf("%s, %.0f codebooks, frames of %.3g ms; %.1f s of sound on one core, %s\n",
                 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(facts, "name")),
                 number(facts, "codebooks"), number(facts, "frame_ms"), number(facts, "audio_s"),
                 cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(facts, "kernels")));
    print_offline(parts);
    if (cJSON_GetObjectItemCaseSensitive(parts->child, "steps") != NULL)
        print_steps(parts);
    else
        (void)printf("\nno steps: a delay of %.3g s is too long for a call\n",
                     1e-3 * number(facts, "delay_ms"));
    print_peaks(facts);
    const cJSON *memory = cJSON_GetObjectItemCaseSensitive(facts, "memory_bytes");
    for (const cJSON *item = memory->child; item != NULL; item = item->next) {
        char text[RAVEL_TOOL_TEXT];
        (void)printf(" %s %s%s", item->string, ravel_tool_size(item->valuedouble, text),
                     item->next != NULL ? "," : "\n");
    }
}

static int print_facts(const cJSON *facts, bool json)
{
    if (json)
        return ravel_tool_print_json(facts);
    print_table(facts);
    return RAVEL_OK;
}

/* --- The verb --------------------------------------------------------------------------------- */

static int run(bool json, double seconds, ravel_tool_options *options)
{
    ravel_error error = {0};
    ravel_bench bench = {0};
    const ravel_model *model = ravel_tool_encoding_model(options, &error);
    int status = model != NULL ? ravel_bench_run(&bench, model, seconds) : RAVEL_ERR_MODEL;
    if (ravel_tool_stopped())
        status = ravel_tool_interrupted(&error);
    if (status == RAVEL_OK) {
        cJSON *facts = collect(&bench, model);
        status = facts != NULL ? print_facts(facts, json) : RAVEL_ERR_MEMORY;
        cJSON_Delete(facts);
    }
    if (status == RAVEL_ERR_MEMORY)
        ravel_error_memory(&error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    ravel_bench_free(&bench);
    return ravel_tool_exit_code(status);
}

enum { OPT_JSON = RAVEL_TOOL_OWN, OPT_SECONDS };

int ravel_tool_bench(int argc, char **argv)
{
    static const struct option long_options[] = {{"json", no_argument, NULL, OPT_JSON},
                                                 {"seconds", required_argument, NULL, OPT_SECONDS},
                                                 {"model", required_argument, NULL, 'm'},
                                                 {"help", no_argument, NULL, 'h'},
                                                 {NULL, 0, NULL, 0}};
    ravel_tool_options options = ravel_tool_options_new();
    bool json = false;
    double seconds = 30.0;
    int letter, code;
    while ((letter = getopt_long(argc, argv, "m:h", long_options, NULL)) >= 0) {
        if (letter == OPT_JSON)
            json = true;
        else if (letter == OPT_SECONDS && !ravel_tool_double(optarg, 1.0, 3600.0, &seconds))
            return ravel_tool_usage_error("bench", "--seconds is 1 to 3600, not '%s'", optarg);
        else if (letter != OPT_SECONDS &&
                 !ravel_tool_option(&options, letter, optarg, usage, &code))
            return code;
    }
    if (argc > optind)
        return ravel_tool_usage_error("bench", "'%s' is no option", argv[optind]);
    code = run(json, seconds, &options);
    ravel_tool_options_free(&options);
    return code;
}
