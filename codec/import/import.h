/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Converters: published checkpoints to model files. A converter reads the tensors under the names
 * that the codec's authors gave them, folds weight norm, and writes a graph; it runs nothing.
 */
#ifndef RAVEL_CODEC_IMPORT_IMPORT_H
#define RAVEL_CODEC_IMPORT_IMPORT_H

#include "nn/tensor.h"
#include "ravel/ravel.h"

enum { RAVEL_IMPORT_NAME = 160 };

/*
 * Narrower weights of matrix products: half the bytes or a quarter. Codes and sound are then nearly,
 * not exactly, those of the checkpoint, and the model is another tokenizer.
 */
typedef struct {
    ravel_dtype
        dtype;      /* RAVEL_F16, or RAVEL_I8 with a scale an output; wider weights become that */
    int n_narrowed; /* set: weights that were narrowed */
    /* set: weights that were not, as the greatest is no normal number in F16, and the first's name */
    int n_kept;
    char kept[RAVEL_IMPORT_NAME];
} ravel_narrowing;

typedef struct {
    const void *weights; /* a safetensors file in memory */
    size_t weights_size;
    const char *config; /* JSON text that lies beside it, or NULL; which one depends on the kind */
    size_t config_size;
    /* "KEY=VALUE" in the place of what the configuration says, or beside it: VALUE is JSON, or else
     * a string; KEY is dotted for nested objects. NULL for none. */
    const char *const *settings;
    int n_settings;
    ravel_narrowing *narrowing; /* NULL: weights keep the type that they have in the checkpoint */
} ravel_import_source;

/* Name of the i-th kind of checkpoint that can be read ("encodec", "lyra"), NULL after the last. */
const char *ravel_import_kind(int i);

/*
 * Converts a checkpoint. The bytes may come from a stranger: everything is checked, and every
 * tensor that is missing, surplus or of a wrong shape is named.
 *
 * kind      one of ravel_import_kind, or NULL to recognise it by the names of its tensors
 * file      set to the model file (ravel_model_open_memory reads it); free() it
 * size      set to its bytes
 * return    0, or a negative status with *error filled and *file NULL
 *
 * dac       config: optional; "sample_rate" or "sampling_rate" (by hop and number of codebooks those of
 *           the published models; needed for others), "name"
 * dualcodec config: optional; "is_causal" (true), "sample_rate" (24000), "name". Only decodes
 * encodec   config: optional, the authors' or Hugging Face's; "causal" ("use_causal_conv"),
 *           "sample_rate" ("sampling_rate"), "segment" ("chunk_length_s"), "overlap", "normalize":
 *           as the published model of such tensors; "pad_mode" ("reflect"; "constant",
 *           "replicate"), "dilation_base" ("dilation_growth_rate", 2), "name"
 * focalcodec
 *           config: optional; "decoder_config.hop_length" (320, or that of the head; 50 are a
 *           second), "decompressor_config.normalize_modulator" (false), "decoder_name" ("Vocos"; or
 *           "WaveNeXt"), "name". Only decodes
 * hificodec config: optional; "upsample_rates" (half the kernels), "sampling_rate" (24000),
 *           "resblock_dilation_sizes" (1, 3, 5), "groupnorm_channels_per_group" (16),
 *           "piece_seconds" of the sound that the encoder sees at once (20), "name"
 * languagecodec, wavtokenizer
 *           config: optional; "bandwidth_id" (0), "sample_rate" (24000), "head.padding" ("same"),
 *           "name"; for the encoder as encodec
 * lyra      config: lyra_v2_graph.json, needed
 * mimi      config: optional; "transformer.num_heads" or "num_attention_heads" (8),
 *           "transformer.context" or "sliding_window" (250), "transformer.max_period" or
 *           "rope_theta" (10000), "sample_rate" or "sampling_rate" (24000), "name"; "streaming"
 *           (false): what rows see is what they see in the authors' streams
 * nemo      config: optional; "sample_rate" (22050), and of "audio_encoder" and "audio_decoder"
 *           "resblock_dilation_sizes" (1, 3, 5), "pad_mode" ("reflect")
 * ravel     a model file: the same model, mostly to be made narrower. Tables and prior stay with it
 * snac      config: "sampling_rate", needed for models with attention; "vq_strides" (4, 2, 1 and the
 *           like), "attn_window_size" (32), "noise" (true), "seed" of the noise (0), "name"
 * sqcodec   config: the authors' TOML file as JSON, needed for "network_config"; "sample_rate"
 *           (16000), "model_name"; "piece_seconds" of the sound that the decoder sees at once (20)
 */
int ravel_import(const char *kind, const ravel_import_source *source, void **file, size_t *size,
                 ravel_error *error);

#endif
