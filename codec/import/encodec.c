/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EnCodec (Defossez et al., arXiv 2210.13438), in its authors' and in Hugging Face's checkpoints: 24
 * kHz, causal; 32 kHz, of MusicGen (arXiv 2306.05284), not causal and without convolutions in its
 * shortcuts; 48 kHz, with norms. And AcademiCodec's models of that architecture, "Encodec" and
 * "SoundStream" (Yang et al., arXiv 2305.02765), not causal and of wider latents.
 */
#include <string.h>

#include "codec/import/seanet.h"

enum {
    LATENT_DIM = 128, /* of all models of EnCodec's authors */
    MAX_SEGMENT_S = 1000
};

/* What tensors do not tell, as it is in the published models that have such tensors. */
typedef struct {
    const char *name;
    bool causal;
    int sample_rate_hz; /* 0: 16 kHz with a hop of 320 samples, else 24 kHz */
    double segment_s;   /* 0: the sound is one piece */
} published;

static published recognise(ravel_draft *draft, const ravel_seanet *net)
{
    static const published encodec24 = {"encodec_24khz", true, 24000, 0},
                           encodec32 = {"encodec_32khz", false, 32000, 0},
                           encodec48 = {"encodec_48khz", false, 48000, 1.0},
                           academicodec = {"academicodec", false, 0, 0};
    if (ravel_seanet_latent_dim(net, draft) > LATENT_DIM)
        return academicodec;
    if (ravel_seanet_has(net, draft, net->hugging_face ? "0.norm" : "0.conv.norm"))
        return encodec48;
    return ravel_seanet_has(net, draft, "1.shortcut") ? encodec24 : encodec32;
}

static int sample_rate(ravel_draft *draft, const published *model, int hop)
{
    int rate = model->sample_rate_hz ? model->sample_rate_hz : hop == 320 ? 16000 : 24000;
    rate = ravel_draft_config_int(draft, "sampling_rate", rate, 1000, 768000);
    return ravel_draft_config_int(draft, "sample_rate", rate, 1000, 768000);
}

bool ravel_import_is_encodec(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "quantizer.vq.layers.") ||
           ravel_draft_has(draft, "quantizer.layers.0.codebook.") ||
           ravel_draft_has(draft, "module.quantizer.vq.layers.");
}

/* --- Segments ------------------------------------------------------------------------------- */

typedef struct {
    cJSON *encoder, *quantizer, *decoder;
    int hop; /* samples of a row of the encoder's */
} parts;

/* length 0: no segments */
typedef struct {
    int length, hop;
    bool normalize;
} segments;

/* Sizes are cut to whole samples as the authors' program does, in double. */
static segments read_segments(ravel_draft *draft, double segment_s, int sample_rate_hz)
{
    bool normalize = ravel_draft_config_bool(draft, "normalize", segment_s > 0.0);
    double overlap = ravel_draft_config_number(draft, "overlap", 0.01, 0.0, 0.99);
    segment_s = ravel_draft_config_number(draft, "chunk_length_s", segment_s, 0.0, MAX_SEGMENT_S);
    segment_s = ravel_draft_config_number(draft, "segment", segment_s, 0.0, MAX_SEGMENT_S);
    const int length = (int)(segment_s * sample_rate_hz);
    const int hop = (int)((1.0 - overlap) * length);
    if (normalize && length == 0)
        ravel_draft_fail(draft, "configuration: 'normalize' without segments cannot stream");
    return (segments){length, hop > 1 ? hop : 1, normalize};
}

static cJSON *wrap(ravel_draft *draft, const char *type, cJSON *inner)
{
    cJSON *node = ravel_draft_node(draft, type, NULL);
    ravel_draft_child(draft, node, "inner", inner);
    return node;
}

static void put_into_segments(ravel_draft *draft, parts *model, const segments *to)
{
    const int steps = (to->length - 1) / model->hop + 1;
    model->encoder = wrap(draft, "segment", model->encoder);
    ravel_draft_number(draft, model->encoder, "length", to->length);
    ravel_draft_number(draft, model->encoder, "hop", to->hop);
    if (to->normalize)
        ravel_draft_true(draft, model->encoder, "normalize");
    model->quantizer = wrap(draft, "strided", model->quantizer);
    ravel_draft_number(draft, model->quantizer, "steps", steps);
    model->quantizer = wrap(draft, "segment", model->quantizer);
    ravel_draft_number(draft, model->quantizer, "steps", steps);
    model->decoder = wrap(draft, "overlap_add", model->decoder);
    ravel_draft_number(draft, model->decoder, "steps", steps);
    ravel_draft_number(draft, model->decoder, "hop", to->hop);
    model->hop = to->hop;
}

/* Channels of the sound, which the first convolution takes. */
static int count_channels(const ravel_draft *draft)
{
    for (size_t i = 0; i < draft->n_tensors; i++) {
        if (strcmp(draft->tensors[i].name, "encoder.model.0.conv.conv.weight") == 0)
            return draft->tensors[i].shape[1];
    }
    return 1;
}

void ravel_import_encodec(ravel_draft *draft)
{
    int decoder_hop;
    parts all = {0};
    const char *root = ravel_draft_has(draft, "module.") ? "module." : "";
    ravel_seanet net = ravel_seanet_open(draft, root);
    published model = recognise(draft, &net);
    ravel_seanet_set_causal(&net, draft, model.causal);
    const char *name = ravel_draft_config_string(draft, "name", model.name);
    all.encoder = ravel_seanet_network(&net, draft, "encoder", &all.hop);
    all.quantizer = ravel_seanet_residual(&net, draft, 0);
    all.decoder = ravel_seanet_network(&net, draft, "decoder", &decoder_hop);
    const int rate = sample_rate(draft, &model, all.hop);
    const segments cut = read_segments(draft, model.segment_s, rate);
    if (cut.length > 0)
        put_into_segments(draft, &all, &cut);
    ravel_draft_header(draft, name, NULL, rate, all.hop);
    ravel_draft_channels(draft, count_channels(draft));
    ravel_draft_part(draft, "encoder", all.encoder);
    ravel_draft_part(draft, "quantizer", all.quantizer);
    ravel_draft_part(draft, "decoder", all.decoder);
}
