/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel import: a published checkpoint to a model file. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audio_io/file/whole_file.h"
#include "codec/import/import.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel import [KIND] WEIGHTS.safetensors [CONFIG.json] -o MODEL.safetensors\n"
    "\n"
    "Converts a published checkpoint to a model file, which encode and decode take with -m.\n"
    "Without KIND the names of its tensors tell what it is.\n"
    "\n"
    "  encodec                 EnCodec 24 kHz; CONFIG may say pad_mode, sample_rate, name\n"
    "  lyra                    Lyra V2; CONFIG is its graph, lyra_v2_graph.json\n"
    "\n"
    "  -o, --output FILE       the model file\n"
    "  -h, --help              this\n";

static const struct option long_options[] = {
    {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};

static bool is_kind(const char *name)
{
    for (int i = 0; ravel_import_kind(i) != NULL; i++)
        if (strcmp(name, ravel_import_kind(i)) == 0)
            return true;
    return false;
}

static int convert(const char *kind, const ravel_import_source *source, const char *output,
                   ravel_error *error)
{
    void *file;
    size_t size;
    int status = ravel_import(kind, source, &file, &size, error);
    if (status == 0)
        status = ravel_whole_file_write(output, file, size, error);
    free(file);
    return status;
}

/* sources: the weights, and the configuration or NULL */
static int import(const char *kind, const char *weights, const char *config, const char *output,
                  ravel_error *error)
{
    ravel_import_source source = {0};
    void *weights_file = ravel_whole_file_read(weights, &source.weights_size, error);
    void *config_file = NULL;
    source.weights = weights_file;
    int status = weights_file != NULL ? 0 : (int)error->status;
    if (status == 0 && config != NULL) {
        source.config = config_file = ravel_whole_file_read(config, &source.config_size, error);
        status = config_file != NULL ? 0 : (int)error->status;
    }
    if (status == 0)
        status = convert(kind, &source, output, error);
    free(weights_file);
    free(config_file);
    return status;
}

int ravel_tool_import(int argc, char **argv)
{
    const char *output = NULL, *kind = NULL;
    int letter;
    while ((letter = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
        if (letter == 'h') {
            (void)fputs(usage, stdout);
            return RAVEL_EXIT_DONE;
        }
        if (letter != 'o')
            return RAVEL_EXIT_USAGE;
        output = optarg;
    }
    char **names = argv + optind;
    int n_names = argc - optind;
    if (n_names > 0 && is_kind(names[0])) {
        kind = names[0];
        names++;
        n_names--;
    }
    if (n_names < 1 || n_names > 2 || output == NULL)
        return ravel_tool_usage_error("import", "WEIGHTS, perhaps CONFIG, and -o MODEL are needed");
    ravel_error error = {0};
    int status = import(kind, names[0], n_names > 1 ? names[1] : NULL, output, &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}
