/* SPDX-License-Identifier: BSD-3-Clause */
/* What stream writer and reader need of a model, in the terms of rvq/. */
#ifndef RAVEL_AUDIO_IO_STREAM_LAYOUT_H
#define RAVEL_AUDIO_IO_STREAM_LAYOUT_H

#include "ravel/ravel.h"
#include "rvq/header.h"

/* The header of n_streams streams of a model, each of the model's channels. */
ravel_stream_header ravel_stream_header_of(const ravel_model_info *model, int n_streams);

#endif
