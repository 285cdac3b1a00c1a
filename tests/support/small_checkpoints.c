/* SPDX-License-Identifier: BSD-3-Clause */
#include "tests/support/small_checkpoints.h"

typedef struct {
    const char *name, *config, *tensors;
} small_checkpoint;

static const char dac[] = "encoder.block.0 g 4 1 7\n"
                          "encoder.block.{1-2}.block.{0-2}.block.{0,2}.alpha t 1 4 1\n"
                          "encoder.block.{1-2}.block.{0-2}.block.1 g 4 4 7\n"
                          "encoder.block.{1-2}.block.{0-2}.block.3 g 4 4 1\n"
                          "encoder.block.{1-2}.block.3.alpha t 1 4 1\n"
                          "encoder.block.1.block.4 g 4 4 4\n"
                          "encoder.block.2.block.4 g 4 4 6\n"
                          "encoder.block.3.alpha t 1 4 1\n"
                          "encoder.block.4 g 5 4 3\n"
                          "quantizer.quantizers.{0-2}.in_proj g 2 5 1\n"
                          "quantizer.quantizers.{0-2}.out_proj g 5 2 1\n"
                          "quantizer.quantizers.{0-2}.codebook.weight t 6 2\n"
                          "decoder.model.0 g 4 5 7\n"
                          "decoder.model.{1-2}.block.0.alpha t 1 4 1\n"
                          "decoder.model.1.block.1 G 4 4 6\n"
                          "decoder.model.2.block.1 G 4 4 4\n"
                          "decoder.model.{1-2}.block.{2-4}.block.{0,2}.alpha t 1 4 1\n"
                          "decoder.model.{1-2}.block.{2-4}.block.1 g 4 4 7\n"
                          "decoder.model.{1-2}.block.{2-4}.block.3 g 4 4 1\n"
                          "decoder.model.3.alpha t 1 4 1\n"
                          "decoder.model.4 g 1 4 7\n";

static const char dualcodec[] = "convnext_encoder.0 g 4 5 1\n"
                                "semantic_vq.quantizers.0.in_proj g 2 4 1\n"
                                "semantic_vq.quantizers.0.out_proj g 4 2 1\n"
                                "semantic_vq.quantizers.0.codebook.weight t 7 2\n"
                                "convnext_decoder.{0-1}.dwconv w 4 1 7\n"
                                "convnext_decoder.{0-1}.norm w 4\n"
                                "convnext_decoder.{0-1}.pwconv1 w 6 4\n"
                                "convnext_decoder.{0-1}.pwconv2 w 4 6\n"
                                "convnext_decoder.2 g 5 4 1\n"
                                "dac.encoder.block.0 g 4 1 7\n"
                                "dac.quantizer.quantizers.{0-1}.in_proj g 2 5 1\n"
                                "dac.quantizer.quantizers.{0-1}.out_proj g 5 2 1\n"
                                "dac.quantizer.quantizers.{0-1}.codebook.weight t 6 2\n"
                                "dac.decoder.model.0 g 4 5 7\n"
                                "dac.decoder.model.1.block.0.alpha t 1 4 1\n"
                                "dac.decoder.model.1.block.1 G 4 4 10\n"
                                "dac.decoder.model.1.block.{2-4}.block.{0,2}.alpha t 1 4 1\n"
                                "dac.decoder.model.1.block.{2-4}.block.1 g 4 4 7\n"
                                "dac.decoder.model.1.block.{2-4}.block.3 g 4 4 1\n"
                                "dac.decoder.model.2.alpha t 1 4 1\n"
                                "dac.decoder.model.3 g 1 4 7\n";

static const char encodec[] = "encoder.model.0.conv.conv g 4 1 7\n"
                              "encoder.model.1.block.1.conv.conv g 2 4 3\n"
                              "encoder.model.1.block.3.conv.conv g 4 2 1\n"
                              "encoder.model.1.shortcut.conv.conv g 4 4 1\n"
                              "encoder.model.3.conv.conv g 8 4 6\n"
                              "encoder.model.4.lstm.weight_{ih,hh}_l{0-1} t 32 8\n"
                              "encoder.model.4.lstm.bias_{ih,hh}_l{0-1} t 32\n"
                              "encoder.model.6.conv.conv g 5 8 7\n"
                              "quantizer.vq.layers.{0-2}._codebook.embed t 6 5\n"
                              "decoder.model.0.conv.conv g 8 5 7\n"
                              "decoder.model.1.lstm.weight_{ih,hh}_l{0-1} t 32 8\n"
                              "decoder.model.1.lstm.bias_{ih,hh}_l{0-1} t 32\n"
                              "decoder.model.3.convtr.convtr G 8 4 6\n"
                              "decoder.model.4.block.1.conv.conv g 2 4 3\n"
                              "decoder.model.4.block.3.conv.conv g 4 2 1\n"
                              "decoder.model.4.shortcut.conv.conv g 4 4 1\n"
                              "decoder.model.6.conv.conv g 1 4 7\n";

/* Stereo, normalised over segments of 100 samples. */
static const char segments[] = "encoder.model.0.conv.conv w 4 2 7\n"
                               "encoder.model.0.conv.norm w 4\n"
                               "encoder.model.1.block.1.conv.conv w 2 4 3\n"
                               "encoder.model.1.block.1.conv.norm w 2\n"
                               "encoder.model.1.block.3.conv.conv w 4 2 1\n"
                               "encoder.model.1.block.3.conv.norm w 4\n"
                               "encoder.model.1.shortcut.conv.conv w 4 4 1\n"
                               "encoder.model.1.shortcut.conv.norm w 4\n"
                               "encoder.model.3.conv.conv w 8 4 10\n"
                               "encoder.model.3.conv.norm w 8\n"
                               "encoder.model.4.lstm.weight_{ih,hh}_l0 t 32 8\n"
                               "encoder.model.4.lstm.bias_{ih,hh}_l0 t 32\n"
                               "encoder.model.6.conv.conv w 3 8 7\n"
                               "encoder.model.6.conv.norm w 3\n"
                               "quantizer.vq.layers.{0-1}._codebook.embed t 6 3\n"
                               "decoder.model.0.conv.conv w 8 3 7\n"
                               "decoder.model.0.conv.norm w 8\n"
                               "decoder.model.1.lstm.weight_{ih,hh}_l0 t 32 8\n"
                               "decoder.model.1.lstm.bias_{ih,hh}_l0 t 32\n"
                               "decoder.model.3.convtr.convtr W 8 4 10\n"
                               "decoder.model.3.convtr.norm w 4\n"
                               "decoder.model.4.block.1.conv.conv w 2 4 3\n"
                               "decoder.model.4.block.1.conv.norm w 2\n"
                               "decoder.model.4.block.3.conv.conv w 4 2 1\n"
                               "decoder.model.4.block.3.conv.norm w 4\n"
                               "decoder.model.4.shortcut.conv.conv w 4 4 1\n"
                               "decoder.model.4.shortcut.conv.norm w 4\n"
                               "decoder.model.6.conv.conv w 2 4 7\n"
                               "decoder.model.6.conv.norm w 2\n";

#define BLOCK       "decompressor.layers.{0-1}.focal_block."
#define VOCOS_LAYER "decoder.backbone.layers.{0-1}."

static const char focalcodec[] =
    "compressor.out_proj w 5 4\n"
    "decompressor.in_proj w 6 5\n" BLOCK "{modulation,feed_forward}_norm w 6\n" BLOCK
    "modulation.in_proj w 15 6\n" BLOCK "modulation.layers.{0-1}.0 w 6 1 4\n" BLOCK
    "modulation.context_proj w 6 6 1\n" BLOCK "modulation.out_proj w 6 6\n" BLOCK
    "feed_forward.in_proj w 8 6\n" BLOCK "feed_forward.out_proj w 6 8\n"
    "decompressor.layers.{0-1}.upscale.activation.alpha t 6 1\n"
    "decompressor.layers.0.upscale.upscale W 6 6 1\n"
    "decompressor.layers.1.upscale.upscale W 6 6 2\n"
    "decoder.backbone.embedding w 6 6 7\n"
    "decoder.backbone.{input,output}_norm w 6\n" VOCOS_LAYER "dwconv w 6 1 7\n" VOCOS_LAYER
    "norm w 6\n" VOCOS_LAYER "pwconv1 w 8 6\n" VOCOS_LAYER "pwconv2 w 6 8\n" VOCOS_LAYER
    "gamma t 6\n"
    "decoder.head.proj w 42 6\n";

#undef BLOCK
#undef VOCOS_LAYER
#define BLOCK       "decompressor.layers.0.focal_block."
#define VOCOS_LAYER "decoder.backbone.layers.0."

static const char focalcodec_chunks[] =
    "decompressor.in_proj w 6 5\n" BLOCK "{modulation,feed_forward}_norm.alpha t 1\n" BLOCK
    "modulation.in_proj w 14 6\n" BLOCK "modulation.layers.{0-1}.0 w 6 1 4\n" BLOCK
    "modulation.context_proj w 6 6 1\n" BLOCK "modulation.out_proj w 6 6\n" BLOCK
    "feed_forward.in_proj w 8 6\n" BLOCK "feed_forward.out_proj w 6 8\n"
    "decompressor.layers.0.upscale.activation.alpha t 6 1\n"
    "decompressor.layers.0.upscale.upscale W 6 6 1\n"
    "decompressor.refiner.in_proj w 8 12\n"
    "decompressor.refiner.out_proj w 12 8\n"
    "decoder.backbone.embedding w 6 6 7\n"
    "decoder.backbone.{input,output}_norm w 6\n" VOCOS_LAYER "dwconv w 6 1 7\n" VOCOS_LAYER
    "norm w 6\n" VOCOS_LAYER "pwconv1 w 8 6\n" VOCOS_LAYER "pwconv2 w 6 8\n" VOCOS_LAYER
    "gamma t 6\n"
    "decoder.head.proj w 20 6\n";

#undef BLOCK
#undef VOCOS_LAYER

static const char snac[] = "encoder.block.0 p 4 1 7\n"
                           "encoder.block.1.block.{0-2}.block.{0,2}.alpha t 1 4 1\n"
                           "encoder.block.1.block.{0-2}.block.1 p 4 1 7\n"
                           "encoder.block.1.block.{0-2}.block.3 p 4 4 1\n"
                           "encoder.block.1.block.3.alpha t 1 4 1\n"
                           "encoder.block.1.block.4 p 8 4 6\n"
                           "encoder.block.2 p 8 1 7\n"
                           "quantizer.quantizers.{0-2}.in_proj p 2 8 1\n"
                           "quantizer.quantizers.{0-2}.out_proj p 8 2 1\n"
                           "quantizer.quantizers.{0-2}.codebook.weight t 6 2\n"
                           "decoder.model.0 p 8 1 7\n"
                           "decoder.model.1 p 8 8 1\n"
                           "decoder.model.2.block.0.alpha t 1 8 1\n"
                           "decoder.model.2.block.1 P 8 4 6\n"
                           "decoder.model.2.block.2.linear q 4 4 1\n"
                           "decoder.model.2.block.{3-5}.block.{0,2}.alpha t 1 4 1\n"
                           "decoder.model.2.block.{3-5}.block.1 p 4 1 7\n"
                           "decoder.model.2.block.{3-5}.block.3 p 4 4 1\n"
                           "decoder.model.3.alpha t 1 4 1\n"
                           "decoder.model.4 p 1 4 7\n";

static const char snac_attention[] = "encoder.block.0 p 4 1 7\n"
                                     "encoder.block.1.block.{0-2}.block.{0,2}.alpha t 1 4 1\n"
                                     "encoder.block.1.block.{0-2}.block.1 p 4 1 7\n"
                                     "encoder.block.1.block.{0-2}.block.3 p 4 4 1\n"
                                     "encoder.block.1.block.3.alpha t 1 4 1\n"
                                     "encoder.block.1.block.4 p 64 4 4\n"
                                     "encoder.block.2.norm w 64\n"
                                     "encoder.block.2.to_qkv.weight t 192 64\n"
                                     "encoder.block.2.to_out.weight t 64 64\n"
                                     "encoder.block.2.rel_pos.inv_freq t 32\n"
                                     "encoder.block.3 p 64 1 7\n"
                                     "quantizer.quantizers.{0-1}.in_proj p 2 64 1\n"
                                     "quantizer.quantizers.{0-1}.out_proj p 64 2 1\n"
                                     "quantizer.quantizers.{0-1}.codebook.weight t 6 2\n"
                                     "decoder.model.0 p 64 1 7\n"
                                     "decoder.model.1 p 64 64 1\n"
                                     "decoder.model.2.norm w 64\n"
                                     "decoder.model.2.to_qkv.weight t 192 64\n"
                                     "decoder.model.2.to_out.weight t 64 64\n"
                                     "decoder.model.2.rel_pos.inv_freq t 32\n"
                                     "decoder.model.3.block.0.alpha t 1 64 1\n"
                                     "decoder.model.3.block.1 P 64 4 4\n"
                                     "decoder.model.3.block.2.linear q 4 4 1\n"
                                     "decoder.model.3.block.{3-5}.block.{0,2}.alpha t 1 4 1\n"
                                     "decoder.model.3.block.{3-5}.block.1 p 4 1 7\n"
                                     "decoder.model.3.block.{3-5}.block.3 p 4 4 1\n"
                                     "decoder.model.4.alpha t 1 4 1\n"
                                     "decoder.model.5 p 1 4 7\n";

#define TRANSFORMER(which)                                                                         \
    which ".transformer.layers.0.self_attn.in_proj_weight t 24 8\n" which                          \
          ".transformer.layers.0.self_attn.out_proj.weight t 8 8\n" which                          \
          ".transformer.layers.0.norm{1,2} w 8\n" which                                            \
          ".transformer.layers.0.linear1.weight t 12 8\n" which                                    \
          ".transformer.layers.0.linear2.weight t 8 12\n" which                                    \
          ".transformer.layers.0.layer_scale_{1,2}.scale t 8\n"

static const char mimi[] =
    "encoder.model.0.conv.conv w 4 1 7\n"
    "encoder.model.1.block.1.conv.conv w 2 4 3\n"
    "encoder.model.1.block.3.conv.conv w 4 2 1\n"
    "encoder.model.3.conv.conv w 8 4 6\n"
    "encoder.model.5.conv.conv w 8 8 3\n" TRANSFORMER("encoder_transformer")
        TRANSFORMER("decoder_transformer") "downsample.conv.conv.conv v 8 8 4\n"
                                           "upsample.convtr.convtr.convtr v 8 1 4\n"
                                           "quantizer.rvq_{first,rest}.input_proj v 3 8 1\n"
                                           "quantizer.rvq_{first,rest}.output_proj v 8 3 1\n"
                                           "quantizer.rvq_first.vq.layers.0._codebook."
                                           "cluster_usage t 6\n"
                                           "quantizer.rvq_first.vq.layers.0._codebook."
                                           "embedding_sum t 6 3\n"
                                           "quantizer.rvq_rest.vq.layers.{0-1}._codebook."
                                           "cluster_usage t 6\n"
                                           "quantizer.rvq_rest.vq.layers.{0-1}._codebook."
                                           "embedding_sum t 6 3\n"
                                           "decoder.model.0.conv.conv w 8 8 7\n"
                                           "decoder.model.2.convtr.convtr W 8 4 6\n"
                                           "decoder.model.3.block.1.conv.conv w 2 4 3\n"
                                           "decoder.model.3.block.3.conv.conv w 4 2 1\n"
                                           "decoder.model.5.conv.conv w 1 4 3\n";

static const char nemo[] =
    "audio_encoder.pre_conv.conv g 3 1 7\n"
    "audio_encoder.down_sample_conv_layers.0.conv g 6 3 4\n"
    "audio_encoder.res_layers.0.res_blocks.{0-1}.res_blocks.{0-1}.{input,skip}_conv.conv g 3 3 3\n"
    "audio_encoder.post_conv.conv g 4 6 7\n"
    "vector_quantizer.fsqs.{0-1}.num_levels i 5 3\n"
    "vector_quantizer.fsqs.{0-1}.dim_base_index i 1 5\n"
    "audio_decoder.pre_conv.conv g 6 4 7\n"
    "audio_decoder.up_sample_conv_layers.0.conv G 6 3 4\n"
    "audio_decoder.res_layers.0.res_blocks.{0-1}.res_blocks.{0-1}.{input,skip}_conv.conv g 3 3 3\n"
    "audio_decoder.post_conv.conv g 1 3 3\n";

#define VOCOS                                                                                      \
    "feature_extractor.encodec.encoder.model.0.conv.conv g 4 1 7\n"                                \
    "feature_extractor.encodec.encoder.model.1.block.1.conv.conv g 2 4 3\n"                        \
    "feature_extractor.encodec.encoder.model.1.block.3.conv.conv g 4 2 1\n"                        \
    "feature_extractor.encodec.encoder.model.1.shortcut.conv.conv g 4 4 1\n"                       \
    "feature_extractor.encodec.encoder.model.3.conv.conv g 8 4 8\n"                                \
    "feature_extractor.encodec.encoder.model.4.lstm.weight_{ih,hh}_l0 t 32 8\n"                    \
    "feature_extractor.encodec.encoder.model.4.lstm.bias_{ih,hh}_l0 t 32\n"                        \
    "feature_extractor.encodec.encoder.model.6.conv.conv g 6 8 7\n"                                \
    "backbone.embed w 32 6 7\n"                                                                    \
    "backbone.norm.{scale,shift}.weight t 2 32\n"                                                  \
    "backbone.convnext.0.dwconv w 32 1 7\n"                                                        \
    "backbone.convnext.0.norm.{scale,shift}.weight t 2 32\n"                                       \
    "backbone.convnext.0.pwconv1 w 40 32\n"                                                        \
    "backbone.convnext.0.pwconv2 w 32 40\n"                                                        \
    "backbone.convnext.0.gamma t 32\n"                                                             \
    "backbone.final_layer_norm w 32\n"                                                             \
    "head.out w 18 32\n"

static const char hificodec[] = "encoder.conv_pre g 4 1 7\n"
                                "encoder.ups.0 g 4 4 4\n"
                                "encoder.ups.1 g 4 4 7\n"
                                "encoder.resblocks.{0-3}.convs{1,2}.{0-2} g 4 4 3\n"
                                "encoder.normalize.{0-3}.{weight,bias} t 4\n"
                                "encoder.conv_post w 6 4 3\n"
                                "quantizer.quantizer_modules.{0,1}.embedding.weight t 5 3\n"
                                "quantizer.quantizer_modules2.{0,1}.embedding.weight t 5 3\n"
                                "generator.conv_pre g 4 6 7\n"
                                "generator.ups.0 G 4 4 7\n"
                                "generator.ups.1 G 4 4 4\n"
                                "generator.resblocks.{0-3}.convs{1,2}.{0-2} g 4 4 3\n"
                                "generator.conv_post g 1 4 7\n";

static const char languagecodec[] =
    VOCOS "feature_extractor.encodec.quantizer.vq.layers.{0-3}._codebook.embed t 6 6\n";

static const char wavtokenizer[] =
    VOCOS "feature_extractor.encodec.quantizer.vq.layers.0._codebook.embed t 6 6\n"
          "backbone.pos_net.{0,1,3,4}.norm{1,2} w 32\n"
          "backbone.pos_net.{0,1,3,4}.conv{1,2} w 32 32 3\n"
          "backbone.pos_net.2.norm w 32\n"
          "backbone.pos_net.2.{q,k,v,proj_out} w 32 32 1\n"
          "backbone.pos_net.5 w 32\n";

/* The same codecs under the names of Hugging Face. */
static const char dac_huggingface[] = "encoder.conv1 w 4 1 7\n"
                                      "encoder.block.{0-1}.res_unit{1-3}.snake{1,2}.alpha t 1 4 1\n"
                                      "encoder.block.{0-1}.res_unit{1-3}.conv1 w 4 4 7\n"
                                      "encoder.block.{0-1}.res_unit{1-3}.conv2 w 4 4 1\n"
                                      "encoder.block.{0-1}.snake1.alpha t 1 4 1\n"
                                      "encoder.block.0.conv1 w 4 4 4\n"
                                      "encoder.block.1.conv1 w 4 4 6\n"
                                      "encoder.snake1.alpha t 1 4 1\n"
                                      "encoder.conv2 w 5 4 3\n"
                                      "quantizer.quantizers.{0-2}.in_proj w 2 5 1\n"
                                      "quantizer.quantizers.{0-2}.out_proj w 5 2 1\n"
                                      "quantizer.quantizers.{0-2}.codebook.weight t 6 2\n"
                                      "decoder.conv1 w 4 5 7\n"
                                      "decoder.block.{0-1}.snake1.alpha t 1 4 1\n"
                                      "decoder.block.0.conv_t1 W 4 4 6\n"
                                      "decoder.block.1.conv_t1 W 4 4 4\n"
                                      "decoder.block.{0-1}.res_unit{1-3}.snake{1,2}.alpha t 1 4 1\n"
                                      "decoder.block.{0-1}.res_unit{1-3}.conv1 w 4 4 7\n"
                                      "decoder.block.{0-1}.res_unit{1-3}.conv2 w 4 4 1\n"
                                      "decoder.snake1.alpha t 1 4 1\n"
                                      "decoder.conv2 w 1 4 7\n";

static const char encodec_huggingface[] = "encoder.layers.0.conv p 4 1 7\n"
                                          "encoder.layers.1.block.1.conv p 2 4 3\n"
                                          "encoder.layers.1.block.3.conv p 4 2 1\n"
                                          "encoder.layers.3.conv p 8 4 6\n"
                                          "encoder.layers.4.lstm.weight_{ih,hh}_l0 t 32 8\n"
                                          "encoder.layers.4.lstm.bias_{ih,hh}_l0 t 32\n"
                                          "encoder.layers.6.conv p 5 8 7\n"
                                          "quantizer.layers.{0-1}.codebook.embed t 6 5\n"
                                          "decoder.layers.0.conv p 8 5 7\n"
                                          "decoder.layers.1.lstm.weight_{ih,hh}_l0 t 32 8\n"
                                          "decoder.layers.1.lstm.bias_{ih,hh}_l0 t 32\n"
                                          "decoder.layers.3.conv P 8 4 6\n"
                                          "decoder.layers.4.block.1.conv p 2 4 3\n"
                                          "decoder.layers.4.block.3.conv p 4 2 1\n"
                                          "decoder.layers.6.conv p 1 4 7\n";

#define ACOUSTIC "quantizer.{semantic,acoustic}_residual_vector_quantizer."
#define LAYER    "{encoder,decoder}_transformer.layers.0."

static const char mimi_huggingface[] =
    "encoder.layers.0.conv w 4 1 7\n"
    "encoder.layers.1.block.1.conv w 2 4 3\n"
    "encoder.layers.1.block.3.conv w 4 2 1\n"
    "encoder.layers.3.conv w 8 4 6\n"
    "encoder.layers.5.conv w 8 8 3\n" LAYER "self_attn.{q,k,v,o}_proj.weight t 8 8\n" LAYER
    "{input,post_attention}_layernorm w 8\n" LAYER "mlp.fc1.weight t 12 8\n" LAYER
    "mlp.fc2.weight t 8 12\n" LAYER "{self_attn,mlp}_layer_scale.scale t 8\n"
    "downsample.conv v 8 8 4\n"
    "upsample.conv v 8 1 4\n" ACOUSTIC "input_proj v 3 8 1\n" ACOUSTIC
    "output_proj v 8 3 1\n" ACOUSTIC "layers.0.codebook.embed_sum t 6 3\n" ACOUSTIC
    "layers.0.codebook.cluster_usage t 6\n"
    "decoder.layers.0.conv w 8 8 7\n"
    "decoder.layers.2.conv W 8 4 6\n"
    "decoder.layers.3.block.1.conv w 2 4 3\n"
    "decoder.layers.3.block.3.conv w 4 2 1\n"
    "decoder.layers.5.conv w 1 4 3\n";

static const char lyra[] = "encoder.first w 6 1 4\n"
                           "encoder.b.res0.dw v 6 1 3\n"
                           "encoder.b.res0.pw v 6 3 1\n"
                           "encoder.down w 5 6 4\n"
                           "decoder.up W 5 4 4\n"
                           "decoder.last W 4 1 4\n"
                           "quantizer.codebooks t 3 16 5\n";

#define LYRA_LAYER(name, op, in, out, k, s, groups, act, overlap)                                  \
    "{\"name\":\"" name "\",\"op\":\"" op "\",\"in_channels\":" #in ",\"out_channels\":" #out      \
    ",\"kernel\":" #k ",\"stride\":" #s ",\"dilation\":1,\"groups\":" #groups ",\"act_in\":\"" act \
    "\",\"" overlap "}"

static const char lyra_config[] =
    "{\"sample_rate\":16000,\"frame_samples\":4,\"leaky_relu_alpha\":0.3,\"encoder\":"
    "[" LYRA_LAYER("encoder.first", "conv1d", 1, 6, 4, 2, 1, "none", "state_in_steps\":2") "," LYRA_LAYER(
        "encoder.b.res0.dw", "conv1d", 6, 6, 3, 1, 6, "leaky_relu(0.3)",
        "state_in_steps\":2") "," LYRA_LAYER("encoder.b.res0.pw", "conv1d", 6, 6, 1, 1, 2, "none",
                                             "state_in_steps\":0") "," LYRA_LAYER("encoder."
                                                                                  "down",
                                                                                  "conv1d", 6, 5, 4,
                                                                                  2, 1,
                                                                                  "leaky_"
                                                                                  "relu(0."
                                                                                  "3)",
                                                                                  "state_"
                                                                                  "in_"
                                                                                  "steps\":"
                                                                                  "2") "],"
                                                                                       "\"d"
                                                                                       "eco"
                                                                                       "der"
                                                                                       "\":"
                                                                                       "[" LYRA_LAYER(
                                                                                           "decoder"
                                                                                           ".up",
                                                                                           "conv_"
                                                                                           "transpo"
                                                                                           "se1d",
                                                                                           5, 4, 4,
                                                                                           2, 1,
                                                                                           "none",
                                                                                           "overlap"
                                                                                           "_out_"
                                                                                           "steps\""
                                                                                           ":2") "," LYRA_LAYER("decoder.last",
                                                                                                                "conv_transpose1d",
                                                                                                                4,
                                                                                                                1,
                                                                                                                4,
                                                                                                                2,
                                                                                                                1,
                                                                                                                "leaky_relu(0.3)",
                                                                                                                "overlap_out_steps\":2") "]}";

#define UNITS                                                                                      \
    "{encoder.blocks.1,encoder.blocks.3,encoder.blocks.5,decoder.blocks.1,decoder.blocks.4}.0."    \
    "module."
#define LAYERS                                                                                     \
    "{en_encoder.down_trans.trans,en_encoder.local_trans,en_decoder.local_trans,"                  \
    "en_decoder.up_trans.trans}."
static const char sqcodec[] =
    "encoder.blocks.0.blocks.{0-4}.1 p 1 1 7\n"
    "encoder.blocks.0.conv_1 p 6 5 1\n"
    "encoder.blocks.0.conv_2 p 4 7 1\n" UNITS "dw_conv p 4 1 7\n" UNITS "norm w 4\n" UNITS
    "pw_conv1 p 6 4\n" UNITS "act.alpha t 1 1 6\n" UNITS "grn.{gamma,beta} t 1 6\n" UNITS
    "pw_conv2 p 4 6\n"
    "encoder.blocks.2.0 p 4 4 2\n"
    "encoder.blocks.4.0 p 4 4 3\n"
    "encoder.blocks.{2,4}.1 w 4\n"
    "encoder.blocks.6 p 4 4 3\n" LAYERS "dynamic_pos_bias.mlp.0 w 3 1\n" LAYERS
    "dynamic_pos_bias.mlp.2 w 3 3\n" LAYERS "dynamic_pos_bias.mlp.4 w 2 3\n" LAYERS
    "layers.0.0.norm w 4\n" LAYERS "layers.0.0.to_qkv.weight t 18 4\n" LAYERS
    "layers.0.0.to_out.weight t 4 6\n" LAYERS "layers.0.1.0 w 4\n" LAYERS
    "layers.0.1.1.weight t 10 4\n" LAYERS "layers.0.1.4.weight t 4 5\n"
    "en_encoder.down_trans.down_layer p 4 4 2\n"
    "quantizer.project_in w 3 4\n"
    "quantizer.project_out w 4 3\n"
    "decoder.blocks.0 p 4 4 3\n"
    "decoder.blocks.{2,5}.blocks.{0-3}.1 p 1 1 7\n"
    "decoder.blocks.{2,5}.merge_layer.0 w 4\n"
    "decoder.blocks.{2,5}.merge_layer.1 w 4 4 1\n"
    "decoder.blocks.{3,6}.0 p 4 4 1\n"
    "decoder.blocks.{3,6}.2 w 4\n"
    "decoder.blocks.7.block.0.{0-2}.module.block.{0,2}.alpha t 1 4 1\n"
    "decoder.blocks.7.block.0.{0-2}.module.block.1 p 4 4 7\n"
    "decoder.blocks.7.block.0.{0-2}.module.block.3 p 4 4 1\n"
    "decoder.blocks.7.block.1.alpha t 1 4 1\n"
    "decoder.blocks.7.block.2 p 1 4 7\n";

static const small_checkpoint all[] = {
    {"dac", "{\"sample_rate\":16000}", dac},
    {"dac of Hugging Face", "{\"sampling_rate\":24000}", dac_huggingface},
    {"dualcodec", "{\"is_causal\":false}", dualcodec},
    {"encodec", "{\"pad_mode\":\"constant\"}", encodec},
    {"encodec of Hugging Face",
     "{\"use_causal_conv\":false,\"sampling_rate\":32000,\"use_conv_shortcut\":false}",
     encodec_huggingface},
    {"encodec in segments",
     "{\"sample_rate\":8000,\"channels\":2,\"norm\":\"time_group_norm\",\"causal\":false,"
     "\"normalize\":true,\"segment\":0.0125,\"overlap\":0.1}",
     segments},
    {"focalcodec", "{\"decoder_config\":{\"hop_length\":20}}", focalcodec},
    {"focalcodec in chunks",
     "{\"decoder_name\":\"WaveNeXt\",\"decoder_config\":{\"hop_length\":20}}", focalcodec_chunks},
    {"hificodec",
     "{\"groupnorm_channels_per_group\":2,\"sampling_rate\":8000,\"upsample_rates\":[3,2],"
     "\"piece_seconds\":1}",
     hificodec},
    {"languagecodec", "{\"bandwidth_id\":1}", languagecodec},
    {"lyra", lyra_config, lyra},
    {"mimi", "{\"transformer\":{\"num_heads\":2,\"context\":4},\"sample_rate\":8000}", mimi},
    {"mimi of Hugging Face",
     "{\"num_attention_heads\":2,\"sliding_window\":4,\"sampling_rate\":8000}", mimi_huggingface},
    {"nemo", "{\"sample_rate\":22050}", nemo},
    {"snac", "{\"sampling_rate\":24000,\"vq_strides\":[4,2,1]}", snac},
    {"snac with attention", "{\"sampling_rate\":32000,\"vq_strides\":[2,1],\"attn_window_size\":4}",
     snac_attention},
    {"sqcodec",
     "{\"sample_rate\":8000,\"piece_seconds\":1,\"network_config\":{\"compress_rates\":[2,3],"
     "\"decode_rates\":[3,2],\"en_coder_window_size\":3,\"en_coder_compress_rate\":2,"
     "\"vq_config\":{\"name\":\"super_fsq\",\"levels\":[7,5,3]}}}",
     sqcodec},
    {"wavtokenizer", "{\"bandwidth_id\":0}", wavtokenizer},
};

enum { N_SMALL = sizeof all / sizeof all[0] };

const char *ravel_small_name(int i)
{
    return i >= 0 && i < N_SMALL ? all[i].name : NULL;
}

const char *ravel_small_config(int i)
{
    return all[i].config;
}

const char *ravel_small_tensors(int i)
{
    return all[i].tensors;
}
