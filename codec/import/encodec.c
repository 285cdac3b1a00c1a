/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * EnCodec (Defossez et al., arXiv 2210.13438), in its authors' and in Hugging Face's checkpoints: 24
 * kHz, causal; 32 kHz, of MusicGen (arXiv 2306.05284), not causal and without convolutions in its
 * shortcuts; 48 kHz, with norms. And AcademiCodec's models of that architecture, "Encodec" and
 * "SoundStream" (Yang et al., arXiv 2305.02765), not causal and of wider latents.
 */
#include "codec/import/seanet.h"

enum { LATENT_DIM = 128 }; /* of all models of EnCodec's authors */

/* What tensors do not tell, as it is in the published models that have such tensors. */
typedef struct {
    const char *name;
    bool causal;
    int sample_rate_hz; /* 0: 16 kHz with a hop of 320 samples, else 24 kHz */
} published;

static published recognise(ravel_draft *draft, const ravel_seanet *net)
{
    static const published encodec24 = {"encodec_24khz", true, 24000},
                           encodec32 = {"encodec_32khz", false, 32000},
                           encodec48 = {"encodec_48khz", false, 48000},
                           academicodec = {"academicodec", false, 0};
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

void ravel_import_encodec(ravel_draft *draft)
{
    int hop, decoder_hop;
    const char *root = ravel_draft_has(draft, "module.") ? "module." : "";
    ravel_seanet net = ravel_seanet_open(draft, root);
    published model = recognise(draft, &net);
    ravel_seanet_set_causal(&net, draft, model.causal);
    const char *name = ravel_draft_config_string(draft, "name", model.name);
    cJSON *encoder = ravel_seanet_network(&net, draft, "encoder", &hop);
    cJSON *quantizer = ravel_seanet_residual(&net, draft, 0);
    cJSON *decoder = ravel_seanet_network(&net, draft, "decoder", &decoder_hop);
    ravel_draft_header(draft, name, "as the publisher of the checkpoint says",
                       sample_rate(draft, &model, hop), hop);
    ravel_draft_part(draft, "encoder", encoder);
    ravel_draft_part(draft, "quantizer", quantizer);
    ravel_draft_part(draft, "decoder", decoder);
}
