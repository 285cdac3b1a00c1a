/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/conformance.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/conformance/checks.h"

/* Forms in which a reference was run, and the setting that brings it about. */
static const struct {
    const char *name, *setting;
} forms[] = {
    {"", NULL},
    {"whole_", NULL}, /* DAC's files of one window: the same run */
    {"zeropad_", "pad_mode=constant"},
    {"stream_", "streaming=true"},
};

enum { N_FORMS = sizeof forms / sizeof forms[0] };

int ravel_conformance_present(const char *dir)
{
    ravel_set set;
    int present = ravel_set_open(&set, dir, stderr) == 0;
    if (present)
        ravel_set_close(&set);
    return present;
}

/* Whether there is any array of a recording in a form. */
static bool has_form(const ravel_set *set, const char *recording, const char *form)
{
    static const char *const arrays[] = {"latent", "codes", "codes_0", "codes_seg0", "output"};
    for (int i = 0; i < 5; i++)
        if (ravel_set_has(set, "%s%s%s.npy", recording, form, arrays[i]))
            return true;
    return form[0] == '\0'; /* the modules of a recording */
}

static void check_case(ravel_case *c, bool other_model)
{
    ravel_npy input = ravel_set_array(c->set, "%sinput", c->recording);
    c->pcm = ravel_signal_take(&input, false);
    bool decodes_only = c->subject->model->info.decodes_only;
    if (decodes_only || c->pcm.width == (size_t)c->subject->model->info.channels) {
        ravel_check_arrays(c);
        ravel_check_segments(c);
        ravel_check_modules(c);
        if (other_model)
            ravel_check_pieces(c);
        if (other_model && !decodes_only && c->recording[0] == '\0')
            ravel_check_delay(c);
    } else {
        ravel_set_check(c->set, false, "input", "%zu channels, not %d", c->pcm.width,
                        c->subject->model->info.channels);
    }
    ravel_signal_free(&c->pcm);
}

static void describe(ravel_set *set, const ravel_model *model)
{
    const ravel_model_info *info = &model->info;
    (void)fprintf(set->report, "model %s: %d Hz, %d channels, hop %d, %d codebooks\n", info->name,
                  info->sample_rate_hz, info->channels, info->hop_samples, info->n_codebooks);
}

/* All recordings of a form. */
static void check_form(ravel_set *set, int form)
{
    char recording[RAVEL_SET_NAME];
    ravel_subject subject = {0};
    /* Codes that were made elsewhere have no input. */
    const char *begin =
        ravel_set_next(set, "input.npy", &(int){0}, recording) ? "input.npy" : "codes.npy";
    for (int i = 0; ravel_set_next(set, begin, &i, recording); i++) {
        if (!has_form(set, recording, forms[form].name))
            continue;
        if (!subject.model && !ravel_subject_import(&subject, set, "model.safetensors",
                                                    "config.json", forms[form].setting))
            break;
        if (form == 0 && recording[0] == '\0')
            describe(set, subject.model);
        ravel_case c = {.set = set,
                        .recording = recording,
                        .form = forms[form].name,
                        .subject = &subject,
                        /* HiFi-Codec writes a line a frame. */
                        .time_first = cJSON_HasObjectItem(set->config, "n_code_groups")};
        check_case(&c, form == 0 || forms[form].setting);
    }
    ravel_subject_close(&subject);
}

/* Files that no check took, and why. */
static void skip_the_rest(ravel_set *set)
{
    ravel_set_settle(set, "README.md");
    ravel_set_settle(set, "LICENSE");
    ravel_set_skip_all(set, "lm_", "the language model's floats are another machine's");
    ravel_set_skip_all(set, "lm.", "the language model's floats are another machine's");
    ravel_set_skip_all(set, "chunked", "windows without padding are no run of the whole graph");
    ravel_set_skip_all(set, ".dac", "a Python pickle, which is not read");
    ravel_set_skip_all(set, "", "no check knows this file");
}

ravel_conformance ravel_conformance_run(const char *dir, FILE *report)
{
    ravel_set set;
    if (ravel_set_open(&set, dir, report)) {
        (void)fprintf(report, "FAIL  %s cannot be read\n", dir);
        return (ravel_conformance){.n_checks = 1, .n_failed = 1};
    }
    bool is_lyra = ravel_check_lyra(&set);
    for (int form = 0; form < N_FORMS && !is_lyra; form++)
        check_form(&set, form);
    skip_the_rest(&set);
    ravel_set_close(&set);
    if (set.n_checks == 0)
        ravel_set_check(&set, false, dir, "holds no vectors");
    return (ravel_conformance){set.n_checks, set.n_failed, set.n_skipped, set.n_excused};
}
