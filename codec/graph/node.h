/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Reading the nodes of a graph (docs/format.md): fields with defaults and ranges, and the tensors
 * that a node names.
 *
 * The first thing that is wrong is remembered in the reader, with the way to the node in words
 * ("encoder[3].branch[1] conv"); after it every function returns a harmless value, so that a caller
 * reads all it needs and asks once.
 */
#ifndef RAVEL_CODEC_NODE_H
#define RAVEL_CODEC_NODE_H

#include "codec/safetensors.h"
#include "nn/error.h"

struct cJSON;

/* Longest name of a node, and a zero. */
enum { RAVEL_NODE_NAME = 151 };

/* Which part of the model is read: a bit in ravel_entry.parts. */
typedef enum {
    RAVEL_PART_ENCODER = 1,
    RAVEL_PART_QUANTIZER = 2,
    RAVEL_PART_DECODER = 4,
    RAVEL_PART_PRIOR = 8 /* static tables too: what codes are told by in advance */
} ravel_part;

typedef struct {
    ravel_safetensors *st;
    ravel_part part;
    int n_nodes; /* read so far */
    bool failed;
    ravel_error *error;
} ravel_reader;

/* A place in the graph; the parents are needed for messages only. */
typedef struct ravel_node {
    ravel_reader *reader;
    const struct cJSON *json;
    const struct ravel_node *parent;
    const char *key; /* in the parent's object, or of the graph */
    int index;       /* in the parent's array, where key is NULL */
    int depth;
} ravel_node;

/* Remembers what is wrong with a node, where nothing is known to be wrong so far. */
void ravel_node_refuse(const ravel_node *node, const char *format, ...) RAVEL_PRINTF(2, 3);

/* As ravel_node_refuse for an error that a constructor reported. */
void ravel_node_refuse_as(const ravel_node *node, const ravel_error *reason);

/* To be called once for each node: refuses those nested too deeply, and too many. */
void ravel_node_enter(const ravel_node *node);

/* The node's "type"; NULL where the node is no object with one, or something was wrong before. */
const char *ravel_node_type(const ravel_node *node);

/* Refuses what is no object, keys other than "type" and those named (NULL ends the list), and
 * repeated ones. */
void ravel_node_only(const ravel_node *node, const char *const *keys);

/* The node under `key` of an object; json is NULL where it is missing. */
ravel_node ravel_node_child(const ravel_node *node, const char *key);
/* The i-th node of an array; `json` is it. */
ravel_node ravel_node_item(const ravel_node *node, const struct cJSON *json, int i);

/* Fields. A missing one is the default; without a default (fallback below min) it is refused. */
int ravel_node_int(const ravel_node *node, const char *key, int fallback, int min, int max);
float ravel_node_float(const ravel_node *node, const char *key, float fallback, float min,
                       float max);
bool ravel_node_bool(const ravel_node *node, const char *key, bool fallback);
/* Two whole numbers 0 ... max; 0, 0 where the field is missing. */
void ravel_node_pair(const ravel_node *node, const char *key, int pair[2], int max);
/* A list of 1 ... room whole numbers min ... max; how many. 0 where it is refused. */
int ravel_node_ints(const ravel_node *node, const char *key, int *values, int room, int min,
                    int max);
/* Which of `names` (NULL ends the list) the field is; 0 where it is missing. */
int ravel_node_choice(const ravel_node *node, const char *key, const char *const *names);
/* A string of 1 ... 150 bytes; "" where it is missing. */
const char *ravel_node_string(const ravel_node *node, const char *key);

/*
 * The tensor "NAME.SUFFIX", where NAME is the node's name; marked as used by the part. Its values
 * are finite. NULL where it is missing; refused as well where it is required.
 */
const ravel_tensor *ravel_node_tensor(const ravel_node *node, const char *suffix, bool required);

#endif
