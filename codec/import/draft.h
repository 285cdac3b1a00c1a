/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * A model file in the making, for the converters: tensors taken from a checkpoint, and the nodes of
 * a graph.
 *
 * The first failure is remembered, with the name of the tensor; after it every function does
 * nothing or returns NULL, so that a converter reads like the architecture it describes. The cJSON
 * functions take NULL in the same way.
 */
#ifndef RAVEL_CODEC_IMPORT_DRAFT_H
#define RAVEL_CODEC_IMPORT_DRAFT_H

#include <cjson/cJSON.h>

#include "codec/import/import.h"
#include "codec/safetensors.h"
#include "nn/error.h"

enum { RAVEL_DRAFT_NAME = 200 };

typedef struct {
    ravel_safetensors st;        /* the checkpoint; `parts` of an entry is set once it was used */
    cJSON *config;               /* what lies beside it, with what the user set, or NULL */
    const char *const *settings; /* [n_settings] "KEY=VALUE" */
    int n_settings;
    uint64_t settings_read; /* a bit for each that a converter asked for */
    cJSON *graph;
    ravel_tensor *tensors; /* [n_tensors], names and data owned */
    size_t n_tensors, room;
    bool failed;
    ravel_error *error;
} ravel_draft;

void ravel_draft_fail(ravel_draft *draft, const char *format, ...) RAVEL_PRINTF(2, 3);

/* "PREFIX.SUFFIX"; the suffix is a format. */
void ravel_draft_name(char name[RAVEL_DRAFT_NAME], const char *prefix, const char *format, ...)
    RAVEL_PRINTF(3, 4);

/* Whether the checkpoint has a tensor whose name begins so. */
bool ravel_draft_has(const ravel_draft *draft, const char *beginning);

/* The same of "PREFIX.BEGINNING"; of an empty beginning, whether there is anything in PREFIX. */
bool ravel_draft_has_part(const ravel_draft *draft, const char *prefix, const char *beginning);

/* The tensor of the checkpoint, marked as used; NULL where it is missing. */
const ravel_tensor *ravel_draft_find(ravel_draft *draft, const char *name);

/* As find, but a missing tensor, or one of another rank, is a failure. */
const ravel_tensor *ravel_draft_need(ravel_draft *draft, const char *name, int rank);

/* Gives the model a copy of a tensor under a name of its own. NULL is allowed and does nothing. */
void ravel_draft_add(ravel_draft *draft, const char *name, const ravel_tensor *tensor);

/*
 * Gives the model a tensor of F32 that the checkpoint has not, or has in another form.
 * shape     [rank], each > 0, of sizes that tensors of the checkpoint have
 * return    its values, zeros, to be filled in; NULL on failure
 */
float *ravel_draft_make(ravel_draft *draft, const char *name, int rank, const int *shape);

/*
 * The weight of a convolution in any of its three spellings (PREFIX.weight; .weight_g and .weight_v;
 * .parametrizations.weight.original0 and 1), with weight norm folded, and PREFIX.bias where there is
 * one, become tensors of the model under the same prefix.
 * return    the folded weight, of rank 3; NULL on failure. Valid until the next tensor is added.
 */
const ravel_tensor *ravel_draft_conv_weight(ravel_draft *draft, const char *prefix);

/* The same under another prefix in the model, so that one model has several sources. */
const ravel_tensor *ravel_draft_conv_weight_as(ravel_draft *draft, const char *prefix,
                                               const char *source);

/*
 * The weight PREFIX in any of the three spellings, its norm folded, for a tensor that is made of it;
 * it is not added to the model, nor is its bias.
 * shape     what it is like, name included
 * return    its values, to be freed; NULL on failure
 */
float *ravel_draft_weight_values(ravel_draft *draft, const char *prefix, int rank,
                                 ravel_tensor *shape);

/* Marks tensors as used that a model does not need: the one of that name; all that begin so. */
void ravel_draft_ignore(ravel_draft *draft, const char *name);
void ravel_draft_ignore_all(ravel_draft *draft, const char *beginning);

/* Fails where a tensor of the checkpoint was not used. */
void ravel_draft_check_all_used(ravel_draft *draft);

/* Nodes. NULL after a failure. */
cJSON *ravel_draft_node(ravel_draft *draft, const char *type, const char *name);
void ravel_draft_number(ravel_draft *draft, cJSON *node, const char *key, double value);
void ravel_draft_string(ravel_draft *draft, cJSON *node, const char *key, const char *value);
void ravel_draft_true(ravel_draft *draft, cJSON *node, const char *key);
void ravel_draft_false(ravel_draft *draft, cJSON *node, const char *key);
void ravel_draft_pair(ravel_draft *draft, cJSON *node, const char *key, int first, int second);
/* Adds it to a sequence, or frees it after a failure. */
void ravel_draft_append(ravel_draft *draft, cJSON *sequence, cJSON *node);

/* Adds it to a node under a key, or frees it after a failure. */
void ravel_draft_child(ravel_draft *draft, cJSON *node, const char *key, cJSON *child);

/*
 * Begins the graph with its header; the caller adds encoder, quantizer and decoder.
 * licence    NULL: what the publisher says
 */
void ravel_draft_header(ravel_draft *draft, const char *name, const char *licence, int sample_rate,
                        int hop);

/* Of the sound; 1 where this is not called. */
void ravel_draft_channels(ravel_draft *draft, int channels);

/* Puts a part into the graph. */
void ravel_draft_part(ravel_draft *draft, const char *key, cJSON *part);

/*
 * The configuration. Keys are dotted where objects are nested ("model.channels"); null counts as
 * missing. Converters ask for everything by these functions: what is set but never asked for is
 * refused. The fallback is for what is missing.
 */
const cJSON *ravel_draft_config(ravel_draft *draft, const char *key); /* or NULL */
int ravel_draft_config_int(ravel_draft *draft, const char *key, int fallback, int min, int max);
double ravel_draft_config_number(ravel_draft *draft, const char *key, double fallback, double min,
                                 double max);
bool ravel_draft_config_bool(ravel_draft *draft, const char *key, bool fallback);
const char *ravel_draft_config_string(ravel_draft *draft, const char *key, const char *fallback);

/* Of ravel_import: reading the configuration, and setting parts of it. */
void ravel_draft_read_config(ravel_draft *draft, const char *config, size_t size);
void ravel_draft_set_config(ravel_draft *draft, const char *const *settings, int n_settings);
/* Fails where something was set that the converter did not ask for. */
void ravel_draft_check_all_set(ravel_draft *draft);

/*
 * Of ravel_import: stores the weights of matrix products in a narrower type (narrow.c). What they are
 * is known by the nodes of the graph.
 */
void ravel_draft_narrow(ravel_draft *draft, ravel_narrowing *narrowing);
/* Makes tables and prior those of the tokenizer that the draft now has (ravel.c). */
void ravel_draft_retarget(ravel_draft *draft);

/* The converters. The first of each pair tells by the names of the tensors whether they are of that
 * kind, and of no other; the second fills graph and tensors. */
bool ravel_import_is_dualcodec(const ravel_draft *draft);
void ravel_import_dualcodec(ravel_draft *draft);
bool ravel_import_is_dac(const ravel_draft *draft);
void ravel_import_dac(ravel_draft *draft);
bool ravel_import_is_encodec(const ravel_draft *draft);
void ravel_import_encodec(ravel_draft *draft);
bool ravel_import_is_focalcodec(const ravel_draft *draft);
void ravel_import_focalcodec(ravel_draft *draft);
bool ravel_import_is_hificodec(const ravel_draft *draft);
void ravel_import_hificodec(ravel_draft *draft);
bool ravel_import_is_languagecodec(const ravel_draft *draft);
void ravel_import_languagecodec(ravel_draft *draft);
bool ravel_import_is_lyra(const ravel_draft *draft);
void ravel_import_lyra(ravel_draft *draft);
bool ravel_import_is_mimi(const ravel_draft *draft);
void ravel_import_mimi(ravel_draft *draft);
bool ravel_import_is_nemo(const ravel_draft *draft);
void ravel_import_nemo(ravel_draft *draft);
bool ravel_import_is_ravel(const ravel_draft *draft);
void ravel_import_ravel(ravel_draft *draft);
bool ravel_import_is_snac(const ravel_draft *draft);
void ravel_import_snac(ravel_draft *draft);
bool ravel_import_is_sqcodec(const ravel_draft *draft);
void ravel_import_sqcodec(ravel_draft *draft);
bool ravel_import_is_wavtokenizer(const ravel_draft *draft);
void ravel_import_wavtokenizer(ravel_draft *draft);

#endif
