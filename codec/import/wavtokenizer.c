/* SPDX-License-Identifier: BSD-3-Clause */
/* WavTokenizer (Ji et al., arXiv 2408.16532): one codebook, 40 or 75 codes a second. */
#include "codec/import/vocos.h"

bool ravel_import_is_wavtokenizer(const ravel_draft *draft)
{
    return ravel_draft_has(draft, "feature_extractor.encodec.") &&
           ravel_draft_has(draft, "backbone.pos_net.");
}

void ravel_import_wavtokenizer(ravel_draft *draft)
{
    ravel_seanet net = ravel_vocos_open(draft);
    ravel_vocos_codec(draft, &net, "wavtokenizer");
    ravel_draft_part(draft, "quantizer", ravel_seanet_codebook(&net, draft, 0));
}
