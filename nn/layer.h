/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Streaming layers. A layer turns rows [time][in_channels] into rows [time][out_channels]. It is
 * built once from weights and never changes; what a stream has to remember lies in a flat state,
 * free of pointers, that the caller owns and may copy.
 *
 * The one rule: however the input is cut into pushes, the rows that come out are the same, bit for
 * bit. A layer takes what it is given, returns the rows that are complete, and remembers the rest.
 * With `finish` set on the last push it applies its padding at the end and returns what is left.
 *
 * Several streams (lanes) are pushed together; each gets the bits it would get alone.
 */
#ifndef RAVEL_NN_LAYER_H
#define RAVEL_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "nn/kernels.h"
#include "ravel/ravel.h"

typedef struct ravel_layer ravel_layer;

/* One stream's share of a push. */
typedef struct {
    void *state;     /* this layer's state for this stream, 16-byte aligned */
    const float *in; /* [n_in][in_channels] */
    float *out;      /* room for the rows made, ravel_layer_max_out(layer, n_in) at most */
    int n_in;        /* rows given, may be 0 */
    int n_out;       /* rows made: set by the push */
    bool finish;     /* these are the stream's last rows */
} ravel_lane;

/* Memory for the length of a push, taken from a stack. Sizes are planned: it never runs out. */
typedef struct {
    char *base;
    size_t size, used;
} ravel_arena;

/* 64-byte aligned where base is. Asserts that the room is there. */
void *ravel_arena_take(ravel_arena *arena, size_t bytes);

/* Bytes that ravel_arena_take(bytes) uses up, alignment included: for planning. */
size_t ravel_arena_bytes(size_t bytes);

typedef struct {
    /* Sets the state to the start of a stream. */
    void (*reset)(const ravel_layer *layer, void *state);
    /* See above. May not write lane.in; where layer->in_place is set, lane.out may equal lane.in. */
    void (*push)(const ravel_layer *layer, ravel_lane *lanes, int n_lanes, ravel_arena *scratch);
    /* Upper bound of the arena bytes that a push of at most max_in rows in each lane takes. */
    size_t (*scratch_size)(const ravel_layer *layer, int max_in, int n_lanes);
    void (*destroy)(ravel_layer *layer);
} ravel_layer_ops;

struct ravel_layer {
    const ravel_layer_ops *ops;
    const ravel_kernels *kernels;
    int in_channels, out_channels;
    int up, down;     /* in the long run `up` rows come out for `down` rows that go in */
    int extra_out;    /* a push makes at most ceil(n_in * up / down) + extra_out rows */
    int lookahead_in; /* rows of input beyond the causal ones that an output row needs; may be < 0 */
    int lookahead_out; /* rows of output by which a row lags behind the causal place (trim) */
    /*
     * Rows of input before which no row comes out though lookahead would let one: of padding at the
     * start that mirrors them. 0 where there is no such wait.
     */
    int start_rows;
    int hold_rows; /* most rows of input taken whose outputs can still be missing */
    bool in_place;
    bool needs_all;    /* a push must hold all rows of a stream, and finish it: inside of pieces */
    bool rereads;      /* its weights for every row: lanes that are pushed together share that */
    size_t state_size; /* bytes, a multiple of 16 */
    size_t weight_bytes; /* read by one pass */
    double macs;         /* multiply-adds for each row of input */
};

int ravel_layer_max_out(const ravel_layer *layer, int n_in);
void ravel_layer_reset(const ravel_layer *layer, void *state);
void ravel_layer_push(const ravel_layer *layer, ravel_lane *lanes, int n_lanes,
                      ravel_arena *scratch);
size_t ravel_layer_scratch_size(const ravel_layer *layer, int max_in, int n_lanes);
void ravel_layer_destroy(ravel_layer *layer); /* NULL is allowed */

/*
 * Constructors. Each checks shapes and ranges (messages name the tensor), returns NULL and fills
 * *error where something is wrong, and takes ownership of child layers in either case.
 */

typedef enum { RAVEL_PAD_ZERO, RAVEL_PAD_REFLECT, RAVEL_PAD_REPLICATE } ravel_pad_mode;

typedef struct {
    const ravel_tensor
        *weight; /* conv [out, in / groups, k] or [out, in]; transposed [in, out / groups, k] */
    const ravel_tensor *bias;  /* [out] or NULL */
    const ravel_tensor *scale; /* [out], I8 weights only */
    int stride, dilation, groups;
    int pad_left,
        pad_right;      /* rows before the first and after the last; transposed: rows trimmed */
    int output_padding; /* transposed only: rows added at the end */
    ravel_pad_mode mode;
    /*
     * EnCodec's rule: at the end add as many rows as complete the last window, padded by `mode`
     * together with pad_right. Otherwise rows of an incomplete last window are dropped.
     */
    bool complete_last;
} ravel_conv_spec;

ravel_layer *ravel_conv_new(const ravel_kernels *kernels, const ravel_conv_spec *spec,
                            ravel_error *error);
ravel_layer *ravel_conv_transpose_new(const ravel_kernels *kernels, const ravel_conv_spec *spec,
                                      ravel_error *error);

/*
 * The greatest of `rows` rows in succession, channel by channel, of those that there are: the stream
 * has pad_left more before its first and pad_right after its last, fewer than `rows`, which do not
 * count.
 */
ravel_layer *ravel_max_pool_new(const ravel_kernels *kernels, int channels, int rows, int pad_left,
                                int pad_right, ravel_error *error);

typedef enum {
    RAVEL_ELU,        /* parameter: alpha */
    RAVEL_LEAKY_RELU, /* parameter: slope */
    RAVEL_GELU,
    RAVEL_SILU,
    RAVEL_TANH,
    RAVEL_CLAMP
} ravel_activation;

ravel_layer *ravel_activation_new(const ravel_kernels *kernels, ravel_activation kind,
                                  float parameter, int channels, ravel_error *error);
/* alpha [C], [1, C] or [1, C, 1] */
ravel_layer *ravel_snake_new(const ravel_kernels *kernels, const ravel_tensor *alpha,
                             ravel_error *error);
/* LayerScale: gain [C] */
ravel_layer *ravel_scale_new(const ravel_kernels *kernels, const ravel_tensor *gain,
                             ravel_error *error);
/* gamma and beta [C] */
ravel_layer *ravel_layer_norm_new(const ravel_kernels *kernels, const ravel_tensor *gamma,
                                  const ravel_tensor *beta, float eps, ravel_error *error);
/*
 * gamma and beta [C]; mean and variance over the C / groups channels of a group and all rows of the
 * stream: needs_all.
 */
ravel_layer *ravel_group_norm_new(const ravel_kernels *kernels, int groups,
                                  const ravel_tensor *gamma, const ravel_tensor *beta, float eps,
                                  ravel_error *error);

/* Every row becomes the mean of all rows of the stream: needs_all. */
ravel_layer *ravel_mean_new(const ravel_kernels *kernels, int channels, ravel_error *error);

/* `channels` of the in_channels channels, from number `first` on. */
ravel_layer *ravel_slice_new(const ravel_kernels *kernels, int in_channels, int first, int channels,
                             ravel_error *error);

/* One LSTM layer; gates in the order i, f, g, o. All biases [4H] or NULL. */
typedef struct {
    const ravel_tensor *weight_ih; /* [4H, in] */
    const ravel_tensor *weight_hh; /* [4H, H] */
    const ravel_tensor *bias_ih, *bias_hh;
    const ravel_tensor *scale_ih, *scale_hh; /* [4H], I8 only */
} ravel_lstm_spec;

ravel_layer *ravel_lstm_new(const ravel_kernels *kernels, const ravel_lstm_spec *spec,
                            ravel_error *error);

typedef enum { RAVEL_ROPE_NONE, RAVEL_ROPE_INTERLEAVED, RAVEL_ROPE_HALF } ravel_rope;

/*
 * Self-attention. Causal: over the last `context` rows, the row itself included; key/value ring.
 * Of rows that come `together` all enter the ring before the first of them looks, so it has lost the
 * oldest key for each of those after it (the streams of Mimi's authors, which take a frame at once).
 * distance_bias adds to the score of a row what there is for its head and distance, 0 its own.
 * With all_rows every row sees all rows of the stream: needs_all; about `context` of them, which only
 * tells the cost.
 */
typedef struct {
    const ravel_tensor *qkv_weight; /* [3D, C]: q, k, v stacked, heads contiguous */
    const ravel_tensor *qkv_bias;   /* [3D] or NULL */
    const ravel_tensor *qkv_scale;  /* I8 only */
    const ravel_tensor *out_weight; /* [C, D] */
    const ravel_tensor *out_bias, *out_scale;
    const ravel_tensor *distance_bias; /* [n_heads, context] or NULL, causal only */
    int n_heads, context;
    int together; /* 1 ... context, causal only; 0 counts as 1 */
    bool all_rows;
    ravel_rope rope;
    float rope_base; /* 10000 */
} ravel_attention_spec;

ravel_layer *ravel_attention_new(const ravel_kernels *kernels, const ravel_attention_spec *spec,
                                 ravel_error *error);

/*
 * Each row times a number of its own, one for all channels: normally distributed, the same numbers in
 * every stream, others for every seed; or `values`, with zeros after them, where not NULL.
 */
enum { RAVEL_MAX_NOISE_SEED = (1 << 24) - 1 };

ravel_layer *ravel_noise_new(const ravel_kernels *kernels, int seed, const ravel_tensor *values,
                             int channels, ravel_error *error);

/*
 * `rows` rows of `channels` become one of rows * channels, in the same order; what is left at the end
 * is dropped. And back.
 */
ravel_layer *ravel_fold_new(const ravel_kernels *kernels, int rows, int channels,
                            ravel_error *error);
ravel_layer *ravel_unfold_new(const ravel_kernels *kernels, int rows, int channels,
                              ravel_error *error);

/*
 * Short-time Fourier transform, 1 channel in, n_fft + 2 out: real parts of bins 0 ... n_fft / 2,
 * then imaginary parts; periodic Hann window; not scaled.
 */
ravel_layer *ravel_stft_new(const ravel_kernels *kernels, int n_fft, int hop, int pad_left,
                            int pad_right, ravel_pad_mode mode, ravel_error *error);

/* Power-law compression of such a spectrum to the square root of its magnitude. */
ravel_layer *ravel_compress_new(const ravel_kernels *kernels, int channels, float eps,
                                ravel_error *error);

/*
 * A source of pulses at a pitch and of noise, each filtered: spectra of frames of n_fft samples, no
 * window, hop = n_fft / 2 apart. Rows in, with bins = n_fft / 2 + 1: [1] octaves of the pitch above
 * 50 Hz at the end of the row's hop, [bins] log-magnitude and [bins] phase of the filter of the
 * pulses, [bins] log-magnitude of that of the noise. Rows out: [bins] real, [bins] imaginary parts.
 * Magnitudes are min(exp(x), max_magnitude). Phase and noise remember the whole stream.
 */
typedef struct {
    int n_fft, hop, sample_rate_hz;
    float max_magnitude;
} ravel_harmonic_noise_spec;

ravel_layer *ravel_harmonic_noise_new(const ravel_kernels *kernels,
                                      const ravel_harmonic_noise_spec *spec, ravel_error *error);

/* What the n_fft + 2 channels of a spectrum are: log-magnitudes, phases; or real, imaginary parts. */
typedef enum { RAVEL_SPECTRUM_POLAR, RAVEL_SPECTRUM_COMPLEX } ravel_spectrum;

/*
 * Inverse STFT head, n_fft + 2 channels in, 1 out: inverse real transform scaled by 1 / n_fft,
 * periodic Hann window, overlap-add; with `normalize` divided by the overlap-added squared window,
 * as torch.istft and Vocos do. The magnitude of a polar spectrum is min(exp(x), max_magnitude); that
 * of a complex one is as it is. trim_left and trim_right rows are cut from the ends.
 */
typedef struct {
    int n_fft, hop, trim_left, trim_right;
    float max_magnitude;
    bool normalize;
    ravel_spectrum spectrum;
} ravel_istft_spec;

ravel_layer *ravel_istft_new(const ravel_kernels *kernels, const ravel_istft_spec *spec,
                             ravel_error *error);

/*
 * Segments of `length` rows, `hop` apart, each run through `inner`, which only thins rows out, as a
 * stream of its own. A segment gives one row: the latents of all its steps [steps][channels], zeros
 * after those of a short one; the number of its steps; its level. The last one has what rows are left.
 * normalize: divide by the level, 1e-8 and the root of the mean square of the mean of all channels;
 * otherwise it is 1.
 */
typedef struct {
    int length, hop; /* 1 <= hop <= length */
    bool normalize;
} ravel_segment_spec;

ravel_layer *ravel_segment_new(ravel_layer *inner, const ravel_segment_spec *spec,
                               ravel_error *error);

/*
 * Such rows back to segments by `inner`, which only multiplies rows, times their level, faded into
 * each other `hop` apart: each row gives `hop` rows. A level that is not above 0 is silence.
 */
ravel_layer *ravel_overlap_add_new(ravel_layer *inner, int steps, int hop, ravel_error *error);

/*
 * Layers one after the other; n >= 1. The array is copied, the layers are owned. Where one of them
 * needs all rows, and none rereads its weights, lanes pass one by one, so they take the memory of one.
 */
ravel_layer *ravel_sequence_new(ravel_layer **layers, int n, ravel_error *error);

/*
 * branch(x) + shortcut(x); shortcut NULL is the identity. Both keep the rate, or change it alike. The
 * side that is ahead waits, so a branch with lookahead stays aligned.
 */
ravel_layer *ravel_residual_new(ravel_layer *branch, ravel_layer *shortcut, ravel_error *error);

/* The same with branch(x) times shortcut(x): gates, and modulation. */
ravel_layer *ravel_product_new(ravel_layer *branch, ravel_layer *shortcut, ravel_error *error);

/*
 * Runs the inner layer on pieces of `rows` rows, and the fewer ones at the end of the stream, each a
 * stream of its own: what needs all rows has those of the piece. Takes ownership of inner. rows: a
 * multiple of inner->down, of which rows * up / down come out; a row is late by rows - down rows.
 */
ravel_layer *ravel_whole_new(ravel_layer *inner, int rows, ravel_error *error);

#endif
