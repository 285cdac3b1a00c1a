/* SPDX-License-Identifier: BSD-3-Clause */
/* A comparison as a table and as JSON. */
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "tools/compare/comparison.h"
#include "tools/tool.h"

static double seconds(const ravel_comparison *c)
{
    return (double)c->sound.n / RAVEL_MEASURE_RATE_HZ;
}

static void print_row(const ravel_comparison_row *row, int width)
{
    const ravel_measures *m = &row->measures;
    char kbps[16] = "-";
    if (row->kbps > 0)
        (void)snprintf(kbps, sizeof kbps, "%.2f", row->kbps);
    (void)printf("%-*s  %6s  %6.3f  %6.3f  %7.1f  %7.1f  %6.1f  %6.1f  %6.2f\n", width, row->name,
                 kbps, m->estoi, m->stoi, m->si_sdr_db, m->seg_snr_db, m->lsd_db, m->mel_db,
                 1e3 * row->delay_samples / RAVEL_MEASURE_RATE_HZ);
}

void ravel_comparison_print(const ravel_comparison *c)
{
    int width = 0;
    char text[RAVEL_TOOL_TEXT];
    for (int i = 0; i < c->n_rows; i++)
        if ((int)strlen(c->rows[i].name) > width)
            width = (int)strlen(c->rows[i].name);
    (void)printf("%s: %s\n", c->reference, ravel_tool_duration(seconds(c), text));
    (void)printf("%-*s  %6s  %6s  %6s  %7s  %7s  %6s  %6s  %6s\n", width, "", "kb/s", "ESTOI",
                 "STOI", "SI-SDR", "segSNR", "LSD", "mel", "delay");
    (void)printf("%-*s  %6s  %6s  %6s  %7s  %7s  %6s  %6s  %6s\n", width, "", "", "", "", "dB",
                 "dB", "dB", "dB", "ms");
    for (int i = 0; i < c->n_rows; i++)
        print_row(c->rows + i, width);
}

/* Digits behind the fourth are noise. */
static void add_number(cJSON *object, const char *name, double value)
{
    cJSON_AddNumberToObject(object, name, floor(value * 1e4 + 0.5) / 1e4);
}

static cJSON *row_object(const ravel_comparison_row *row)
{
    const ravel_measures *m = &row->measures;
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "name", row->name);
    if (row->kbps > 0)
        add_number(object, "kbps", row->kbps);
    else
        cJSON_AddNullToObject(object, "kbps");
    add_number(object, "estoi", m->estoi);
    add_number(object, "stoi", m->stoi);
    add_number(object, "si_sdr_db", m->si_sdr_db);
    add_number(object, "seg_snr_db", m->seg_snr_db);
    add_number(object, "lsd_db", m->lsd_db);
    add_number(object, "mel_db", m->mel_db);
    cJSON_AddNumberToObject(object, "delay_samples", row->delay_samples);
    return object;
}

int ravel_comparison_print_json(const ravel_comparison *c)
{
    cJSON *object = cJSON_CreateObject();
    cJSON_AddStringToObject(object, "reference", c->reference);
    add_number(object, "duration_s", seconds(c));
    cJSON_AddNumberToObject(object, "measured_at_hz", RAVEL_MEASURE_RATE_HZ);
    cJSON *rows = cJSON_AddArrayToObject(object, "results");
    for (int i = 0; i < c->n_rows; i++)
        cJSON_AddItemToArray(rows, row_object(c->rows + i));
    const int status = ravel_tool_print_json(object);
    cJSON_Delete(object);
    return status;
}
