/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Codes in the files of other codecs' own tools: bytes to codes and back, for a model that was made
 * of the codec's checkpoint. Such files have no index and no checksums; they are read and written
 * whole.
 */
#ifndef RAVEL_CODEC_IMPORT_CODE_FILE_H
#define RAVEL_CODEC_IMPORT_CODE_FILE_H

#include <stddef.h>

#include "codec/model.h"

/* All codes of one stream. */
typedef struct {
    uint16_t *codes; /* [n_frames][codes of a frame of n_codebooks] */
    int n_frames, n_codebooks;
    int64_t n_samples; /* of each channel */
} ravel_code_list;

typedef struct {
    const char *suffix; /* of the names of such files, ".ecdc" */
    /*
     * bytes    from anybody
     * list     n_codebooks: how many there are, for files that do not tell; 0 to find out. The rest
     *          is set; free() the codes, also after a failure
     * return   0, or a negative status with *error filled
     */
    int (*read)(const ravel_model *model, const uint8_t *bytes, size_t size, ravel_code_list *list,
                ravel_error *error);
    /* Whether so many codebooks of the model go into such a file. 0, or negative with *error */
    int (*check)(const ravel_model *model, int n_codebooks, ravel_error *error);
    /* *bytes: the file; free() it. list: as `check` allows */
    int (*write)(const ravel_model *model, const ravel_code_list *list, uint8_t **bytes,
                 size_t *size, ravel_error *error);
} ravel_code_file;

/* EnCodec's files (arXiv 2210.13438, version 0 of the format), without its language model. */
extern const ravel_code_file ravel_ecdc_file;

/* Lyra's packets one after the other: 16, 30 or 46 codes of 4 bits a frame. */
extern const ravel_code_file ravel_lyra_file;

/* The format that the end of a file's name tells; NULL for .rvl and all else. */
const ravel_code_file *ravel_code_file_of(const char *path);

#endif
