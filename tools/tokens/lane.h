/* SPDX-License-Identifier: BSD-3-Clause */
/* An utterance on its way through the pipeline: its source, samples, encoder and codes. */
#ifndef RAVEL_TOOLS_TOKENS_LANE_H
#define RAVEL_TOOLS_TOKENS_LANE_H

#include <stdbool.h>

#include "audio_io/file/source.h"
#include "tools/tokens/item.h"
#include "tools/tokens/spool.h"

typedef enum {
    RAVEL_LANE_IDLE,   /* without an item */
    RAVEL_LANE_FILL,   /* wants samples */
    RAVEL_LANE_ENCODE, /* has samples */
    RAVEL_LANE_WRITE   /* has all codes */
} ravel_lane_state;

typedef struct ravel_token_lane ravel_token_lane;

struct ravel_token_lane {
    ravel_lane_state state;
    const ravel_model *model;
    ravel_item item;
    ravel_source *source;
    const float *rest; /* what the source gave and did not fit */
    int n_rest;
    float *pcm; /* [RAVEL_LANE_SAMPLES][channels] */
    int n_pcm;
    bool at_end;
    ravel_encoder *encoder;
    uint16_t *codes; /* [codes_room][columns] */
    int codes_room, columns;
    ravel_spool spool;
    int64_t n_samples; /* so far */
    ravel_error error; /* status < 0: the item failed */
    ravel_token_lane *next;
};

enum { RAVEL_LANE_SAMPLES = 1 << 15 };

/* return    0 or RAVEL_ERR_MEMORY; free it in either case */
int ravel_token_lane_init(ravel_token_lane *lane, const ravel_model *model, int n_codebooks);
void ravel_token_lane_free(ravel_token_lane *lane);

/* Opens the sound of lane->item. return    0 or a negative status, also in lane->error */
int ravel_token_lane_open(ravel_token_lane *lane);

/* Fills pcm. return    0 or a negative status, also in lane->error */
int ravel_token_lane_fill(ravel_token_lane *lane);

/* Encodes the samples of all n lanes together; what fails is in the lanes' errors. */
void ravel_token_lanes_encode(ravel_token_lane *const *lanes, int n, ravel_scratch *scratch,
                              ravel_encoder_job *jobs);

/* Ready for another item. */
void ravel_token_lane_reset(ravel_token_lane *lane);

#endif
