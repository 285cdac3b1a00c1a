/* SPDX-License-Identifier: BSD-3-Clause */
/* ravel import: a published checkpoint to a model file. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "audio_io/file/whole_file.h"
#include "codec/import/import.h"
#include "nn/error.h"
#include "tools/tool.h"

static const char usage[] =
    "Usage: ravel import [KIND] SOURCE [CONFIG.json] [--set KEY=VALUE]... [--weights TYPE]\n"
    "                    -o MODEL.safetensors\n"
    "\n"
    "Converts a published checkpoint to a model file, which encode and decode take with -m.\n"
    "SOURCE is a safetensors file, or a folder with model.safetensors and perhaps config.json.\n"
    "Without KIND the names of its tensors tell what it is.\n"
    "\n"
    "  dac                     DAC 16, 24, 44.1 kHz, of its authors' or Hugging Face's names;\n"
    "                          CONFIG may say sample_rate, name\n"
    "  dualcodec               DualCodec's decoder: tokens to sound only\n"
    "  encodec                 EnCodec and AcademiCodec; CONFIG may say causal, pad_mode,\n"
    "                          sample_rate, segment, overlap, normalize, name\n"
    "  focalcodec              FocalCodec's decoder: tokens to sound only; CONFIG may say\n"
    "                          decoder_name (Vocos), decoder_config.hop_length, name\n"
    "  hificodec               HiFi-Codec; CONFIG may say upsample_rates, sampling_rate,\n"
    "                          piece_seconds (20), name\n"
    "  languagecodec           Language-Codec; CONFIG may say bandwidth_id (0), sample_rate, name\n"
    "  lyra                    Lyra V2; CONFIG is its graph, lyra_v2_graph.json\n"
    "  mimi                    Mimi, of Kyutai's or Hugging Face's names; streaming=true: as in\n"
    "                          Moshi's streams; num_attention_heads (8), sliding_window (250)\n"
    "  nemo                    NVIDIA NeMo's low-frame-rate codec; CONFIG is its model_config\n"
    "  ravel                   a model file, to make it narrower by --weights\n"
    "  snac                    SNAC; needs sampling_rate with attention, may have vq_strides,\n"
    "                          attn_window_size, noise (true), seed (0), name\n"
    "  sqcodec                 SQCodec and L3AC; CONFIG is their TOML file as JSON, and may say\n"
    "                          piece_seconds (20)\n"
    "  wavtokenizer            WavTokenizer; as languagecodec\n"
    "\n"
    "  -o, --output FILE       the model file\n"
    "      --set KEY=VALUE     in the place of what CONFIG says; a.b=VALUE within an object a\n"
    "      --weights TYPE      f16 or i8: the weights of matrices in 16 or 8 bits, for smaller\n"
    "                          files, less memory and faster live steps. Another tokenizer:\n"
    "                          its tokens are nearly those of the checkpoint\n"
    "  -h, --help              this\n";

enum { MAX_SETTINGS = 64, PATH_ROOM = 4096, OPTION_SET = RAVEL_TOOL_OWN, OPTION_WEIGHTS };

static const struct option long_options[] = {{"output", required_argument, NULL, 'o'},
                                             {"set", required_argument, NULL, OPTION_SET},
                                             {"weights", required_argument, NULL, OPTION_WEIGHTS},
                                             {"help", no_argument, NULL, 'h'},
                                             {NULL, 0, NULL, 0}};

/* What the command line says. */
typedef struct {
    const char *kind;   /* or NULL */
    const char *source; /* file or folder */
    const char *config; /* or NULL */
    const char *output;
    const char *settings[MAX_SETTINGS];
    int n_settings;
    ravel_dtype weights; /* to make them; RAVEL_F32: they stay as they are */
} import_arguments;

/* --- Sources ---------------------------------------------------------------------------------- */

static bool exists(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0;
}

static bool is_folder(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

/* FOLDER/NAME. return    whether it is there */
static bool in_folder(char path[PATH_ROOM], const char *folder, const char *name)
{
    int length = snprintf(path, PATH_ROOM, "%s/%s", folder, name);
    return length < PATH_ROOM && exists(path);
}

static int refuse_pickle(const char *path, ravel_error *error)
{
    return ravel_error_set(error, RAVEL_ERR_DATA,
                           "'%s' is no safetensors file: train/to_safetensors.py makes one of it",
                           path);
}

static bool is_pickle(const char *path)
{
    static const char *const suffixes[] = {".bin", ".pt", ".pth", ".th", ".ckpt"};
    const char *dot = strrchr(path, '.');
    for (size_t i = 0; dot != NULL && i < sizeof suffixes / sizeof suffixes[0]; i++)
        if (strcmp(dot, suffixes[i]) == 0)
            return true;
    return false;
}

/* What a folder holds where it has no model.safetensors. */
static int refuse_folder(const char *folder, ravel_error *error)
{
    static const char *const others[] = {"pytorch_model.bin", "model.pth", "model.pt"};
    char path[PATH_ROOM];
    if (in_folder(path, folder, "model.safetensors.index.json"))
        return ravel_error_set(error, RAVEL_ERR_DATA,
                               "'%s': a checkpoint in several files; save it as one", path);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (in_folder(path, folder, others[i]))
            return refuse_pickle(path, error);
    return ravel_error_set(error, RAVEL_ERR_DATA, "no model.safetensors in the folder '%s'",
                           folder);
}

/* The files that are to be read; config is "" for none. */
static int find_files(const import_arguments *arguments, char weights[PATH_ROOM],
                      char config[PATH_ROOM], ravel_error *error)
{
    const char *source = arguments->source;
    bool folder = is_folder(source);
    config[0] = '\0';
    if (folder && !in_folder(weights, source, "model.safetensors"))
        return refuse_folder(source, error);
    if (folder && !in_folder(config, source, "config.json"))
        config[0] = '\0';
    if (!folder && is_pickle(source))
        return refuse_pickle(source, error);
    if (!folder)
        (void)snprintf(weights, PATH_ROOM, "%s", source);
    if (arguments->config != NULL)
        (void)snprintf(config, PATH_ROOM, "%s", arguments->config);
    return 0;
}

/* --- Conversion ------------------------------------------------------------------------------- */

static void tell(const ravel_narrowing *narrowing)
{
    (void)fprintf(stderr,
                  "ravel: matrices that are now of %zu bits: %d. This is another tokenizer, with "
                  "nearly, not exactly, the tokens of the source\n",
                  8 * ravel_dtype_size(narrowing->dtype), narrowing->n_narrowed);
    if (narrowing->n_kept > 0)
        (void)fprintf(stderr,
                      "ravel: matrices of values beyond f16, left as they were: %d, '%s'%s\n",
                      narrowing->n_kept, narrowing->kept, narrowing->n_kept > 1 ? " ..." : "");
}

/* weights: the path of the source, for messages */
static int convert(const import_arguments *arguments, const char *weights,
                   const ravel_import_source *source, ravel_error *error)
{
    void *file;
    size_t size;
    ravel_error reason = {0};
    int status = ravel_import(arguments->kind, source, &file, &size, &reason);
    if (status < 0)
        ravel_error_set(error, (ravel_status)status, "'%s': %s", weights, reason.text);
    else
        status = ravel_whole_file_write(arguments->output, file, size, error);
    free(file);
    if (status == 0 && source->narrowing)
        tell(source->narrowing);
    return status;
}

static int import(const import_arguments *arguments, ravel_error *error)
{
    char weights[PATH_ROOM], config[PATH_ROOM];
    ravel_narrowing narrowing = {.dtype = arguments->weights};
    ravel_import_source source = {.settings = arguments->settings,
                                  .n_settings = arguments->n_settings,
                                  .narrowing = arguments->weights != RAVEL_F32 ? &narrowing : NULL};
    if (find_files(arguments, weights, config, error) != 0)
        return (int)error->status;
    void *weights_file = ravel_whole_file_read(weights, &source.weights_size, error);
    void *config_file = NULL;
    source.weights = weights_file;
    int status = weights_file != NULL ? 0 : (int)error->status;
    if (status == 0 && config[0] != '\0') {
        source.config = config_file = ravel_whole_file_read(config, &source.config_size, error);
        status = config_file != NULL ? 0 : (int)error->status;
    }
    if (status == 0)
        status = convert(arguments, weights, &source, error);
    free(weights_file);
    free(config_file);
    return status;
}

/* --- The command line ------------------------------------------------------------------------- */

static bool is_kind(const char *name)
{
    for (int i = 0; ravel_import_kind(i) != NULL; i++)
        if (strcmp(name, ravel_import_kind(i)) == 0)
            return true;
    return false;
}

/* [KIND] SOURCE [CONFIG]. return    whether it is that */
static bool take_names(import_arguments *arguments, int n_names, char **names)
{
    if (n_names > 0 && is_kind(names[0])) {
        arguments->kind = names[0];
        names++;
        n_names--;
    }
    if (n_names < 1 || n_names > 2)
        return false;
    arguments->source = names[0];
    arguments->config = n_names > 1 ? names[1] : NULL;
    return true;
}

static int take_setting(import_arguments *arguments, const char *setting)
{
    if (strchr(setting, '=') == NULL)
        return ravel_tool_usage_error("import", "--set takes KEY=VALUE, not '%s'", setting);
    if (arguments->n_settings == MAX_SETTINGS)
        return ravel_tool_usage_error("import", "more than %d --set", MAX_SETTINGS);
    arguments->settings[arguments->n_settings++] = setting;
    return -1;
}

static int take_weights(import_arguments *arguments, const char *type)
{
    const bool is_f16 = strcmp(type, "f16") == 0;
    if (!is_f16 && strcmp(type, "i8") != 0)
        return ravel_tool_usage_error("import", "--weights takes f16 or i8, not '%s'", type);
    arguments->weights = is_f16 ? RAVEL_F16 : RAVEL_I8;
    return -1;
}

/* return    exit code, or -1 to go on */
static int take_options(import_arguments *arguments, int argc, char **argv)
{
    int letter, code = -1;
    while (code < 0 && (letter = getopt_long(argc, argv, "o:h", long_options, NULL)) >= 0) {
        if (letter == 'h') {
            (void)fputs(usage, stdout);
            code = RAVEL_EXIT_DONE;
        } else if (letter == 'o')
            arguments->output = optarg;
        else if (letter == OPTION_SET)
            code = take_setting(arguments, optarg);
        else if (letter == OPTION_WEIGHTS)
            code = take_weights(arguments, optarg);
        else
            code = RAVEL_EXIT_USAGE;
    }
    return code;
}

int ravel_tool_import(int argc, char **argv)
{
    import_arguments arguments = {0};
    int code = take_options(&arguments, argc, argv);
    if (code >= 0)
        return code;
    if (!take_names(&arguments, argc - optind, argv + optind) || arguments.output == NULL)
        return ravel_tool_usage_error("import", "SOURCE, perhaps CONFIG, and -o MODEL are needed");
    ravel_error error = {0};
    int status = import(&arguments, &error);
    if (status < 0)
        (void)fprintf(stderr, "ravel: %s\n", error.text);
    return ravel_tool_exit_code(status);
}
