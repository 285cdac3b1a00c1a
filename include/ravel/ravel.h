/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ravel: a neural audio codec.
 *
 * Ravel turns speech into a few discrete tokens a second and back. An encoder, a causal
 * convolutional network, makes one latent vector of each frame of samples; residual vector
 * quantisation (Zeghidour et al., SoundStream, arXiv 2107.03312) replaces it by a short list of
 * codewords, coarse to fine; a decoder makes samples of them. The codes of a frame are its tokens:
 * for a language model, for a file (ravel/io.h), or for a packet on the network.
 *
 * The built-in model
 *
 *   sample rate      24000 Hz, mono
 *   frame            480 samples, 20 ms
 *   codebooks        1 to 12 of 1024 codewords; each adds 0.5 kb/s; every prefix is a codec
 *   delay            30 ms (ravel_model_info.delay_samples)
 *
 *   codebooks      3     6    12
 *   bitrate      1.5   3.0   6.0 kb/s
 *
 * Streams
 *
 * A `ravel_model` is immutable and shared by any number of threads. A `ravel_encoder` or
 * `ravel_decoder` is one stream, used by one thread at a time. A `ravel_scratch` is working memory,
 * one a thread, shared by the streams of that thread. Push what you have, take what is ready:
 *
 *     const ravel_model *model = ravel_model_builtin();
 *     ravel_scratch *scratch = ravel_scratch_new(model, 1);
 *     ravel_encoder *encoder = ravel_encoder_new(model, 6);
 *     ravel_decoder *decoder = ravel_decoder_new(model);
 *     uint16_t codes[6];
 *     float pcm[480], out[480];
 *     while (read_20_ms(pcm)) {
 *         int n_frames = ravel_encoder_push(encoder, scratch, pcm, 480, codes, 1);
 *         int n = ravel_decoder_push(decoder, scratch, codes, n_frames, 6, out, 480);
 *         play(out, n);
 *     }
 *
 * However the samples are cut into pushes, the codes are the same; however the frames are cut, the
 * samples are the same; and both are the same on every machine, to the last bit.
 *
 * Real time: the push, finish, conceal, bridge and reset functions, and those of packets, allocate
 * nothing, take no lock, make no system call and print nothing; memory and time are bounded by the
 * model and the number of samples given. Steps set the floating-point control word to what they
 * need and put it back.
 *
 * Samples are float, nominally -1 ... 1, interleaved [time][channel]; a "sample" in a count is one
 * of each channel. NaN and infinite input samples count as 0.
 *
 * Functions that return int return a count, or a negative ravel_status. A ravel_error may be NULL.
 */
#ifndef RAVEL_RAVEL_H
#define RAVEL_RAVEL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define RAVEL_API __attribute__((visibility("default")))
#else
#define RAVEL_API
#endif

#define RAVEL_VERSION_MAJOR 0
#define RAVEL_VERSION_MINOR 1
#define RAVEL_VERSION_PATCH 0

typedef enum {
    RAVEL_OK = 0,
    RAVEL_ERR_ARGUMENT = -1, /* a parameter is out of range: a mistake of the program */
    RAVEL_ERR_MEMORY = -2,   /* no memory */
    RAVEL_ERR_SPACE = -3,    /* the output buffer is too small; nothing was consumed */
    RAVEL_ERR_IO = -4,       /* the system refused a read or a write */
    RAVEL_ERR_DATA = -5,     /* not the expected format, truncated or damaged */
    RAVEL_ERR_VERSION = -6,  /* a newer format than this library knows */
    RAVEL_ERR_MODEL = -7, /* not the model that the stream was made with, or not a usable model */
    RAVEL_ERR_CPU = -8    /* RAVEL_CPU names an instruction set that cannot run here */
} ravel_status;

/* A status in a few words. */
RAVEL_API const char *ravel_strerror(int status);

/* What went wrong, with names and numbers. */
typedef struct {
    ravel_status status;
    char text[240];
} ravel_error;

/* "0.1.0" */
RAVEL_API const char *ravel_version(void);

/* --- Models --------------------------------------------------------------------------------- */

typedef struct ravel_model ravel_model;

enum { RAVEL_MAX_CODEBOOKS = 64, RAVEL_IDENTITY_BYTES = 32 };

/* By what the codes of a stream are made fewer bits, each better than the one before it. */
typedef enum {
    RAVEL_ENTROPY_NONE,   /* packed codes */
    RAVEL_ENTROPY_STATIC, /* how likely each code is, given the code of the codebook before */
    RAVEL_ENTROPY_PRIOR   /* a network that knows the frames before as well */
} ravel_entropy;

typedef struct {
    const char *name;
    const char *licence;
    int sample_rate_hz;
    int channels;
    int hop_samples; /* of a frame */
    int n_codebooks;
    int least_codebooks; /* fewer hold no sound: 1, but more where codes tell of a segment first */
    int codebook_size[RAVEL_MAX_CODEBOOKS];   /* codewords, 2 ... 65536 */
    int steps_per_frame[RAVEL_MAX_CODEBOOKS]; /* codes of that codebook in a frame, mostly 1 */
    int latent_dim;
    int decodes_only; /* 1: there is no encoder; the codes come from elsewhere */
    int tail_samples; /* zeros that the encoder appends at the end of a stream */
    int end_samples; /* n frames make n * hop + end_samples samples; some decoders end early: < 0 */
    int drops_last_frame; /* 1: an incomplete last frame makes no codes; 0: zeros complete it */
    int encoder_lookahead_samples, decoder_lookahead_samples;
    int delay_samples; /* hop + both lookaheads: from a sample's arrival to its decoded return */
    /* The same of the first samples of a stream: more where padding mirrors what follows them. */
    int start_delay_samples;
    /* SHA-256 of the canonical graph and tensors; streams carry the first 8 bytes. */
    uint8_t tokenizer_identity[RAVEL_IDENTITY_BYTES]; /* resampler, encoder and quantiser */
    uint8_t decoder_identity[RAVEL_IDENTITY_BYTES];
    ravel_entropy entropy; /* the best that the model brings */
    /* Of tables and prior together; zeros where there are none. Coded streams carry 8 bytes. */
    uint8_t prior_identity[RAVEL_IDENTITY_BYTES];
    double encoder_macs, quantizer_macs, decoder_macs; /* multiply-adds a second of audio */
    size_t encoder_weight_bytes, quantizer_weight_bytes, decoder_weight_bytes; /* read a step */
    size_t parameters;
} ravel_model_info;

/*
 * The model that is part of the library; opened at the first call. The same pointer each time,
 * never freed. Thread-safe. NULL only without memory, or where RAVEL_CPU is refused.
 */
RAVEL_API const ravel_model *ravel_model_builtin(void);

/*
 * Opens a model file (docs/format.md) that lies in memory; `data` is not needed afterwards. The
 * file may come from a stranger: everything is checked. (ravel_model_open of ravel/io.h reads a
 * file from disk.)
 * return    the model, or NULL with *error filled
 */
RAVEL_API ravel_model *ravel_model_open_memory(const void *data, size_t size, ravel_error *error);

/*
 * Whether the weights of a model file are those that were written: compares the SHA-256 of its data
 * with the one in its header. Opening a model does not do this.
 * return    0; RAVEL_ERR_DATA with *error filled where they are not, or where it is no model file
 */
RAVEL_API int ravel_model_verify_memory(const void *data, size_t size, ravel_error *error);

/* After the last stream of the model. NULL is allowed, and the built-in model, which stays. */
RAVEL_API void ravel_model_free(ravel_model *model);

RAVEL_API const ravel_model_info *ravel_model_get_info(const ravel_model *model);

/* Codes of a frame when the first n_codebooks are used: the sum of their steps_per_frame. */
RAVEL_API int ravel_model_codes_per_frame(const ravel_model *model, int n_codebooks);

/*
 * Bits a second of packed codes: each code takes ceil(log2(codebook size)) bits. Of segments that
 * overlap as EnCodec counts them: as if they did not, and without the codes that tell of a segment
 * and not of its sound. 0 for fewer than least_codebooks.
 */
RAVEL_API double ravel_model_bitrate(const ravel_model *model, int n_codebooks);

/* --- Scratch -------------------------------------------------------------------------------- */

typedef struct ravel_scratch ravel_scratch;

/*
 * Working memory for steps of at most n_streams streams of this model at once, n_streams >= 1.
 * With streams of another model: RAVEL_ERR_ARGUMENT.
 */
RAVEL_API size_t ravel_scratch_size(const ravel_model *model, int n_streams);
/* mem: ravel_scratch_size bytes, aligned for any type. Returns mem as the scratch, NULL for NULL. */
RAVEL_API ravel_scratch *ravel_scratch_init(const ravel_model *model, int n_streams, void *mem);
RAVEL_API ravel_scratch *ravel_scratch_new(const ravel_model *model, int n_streams);
RAVEL_API void ravel_scratch_free(ravel_scratch *scratch);

/* --- Encoder -------------------------------------------------------------------------------- */

/* One stream. Flat: memcpy of its ravel_encoder_size bytes forks the stream. */
typedef struct ravel_encoder ravel_encoder;

RAVEL_API size_t ravel_encoder_size(const ravel_model *model); /* 0 where the model only decodes */
/*
 * mem            ravel_encoder_size bytes, aligned for any type; the model must outlive the stream
 * n_codebooks    1 ... the model's
 * return         mem as the encoder; NULL for bad arguments, or where the model only decodes
 */
RAVEL_API ravel_encoder *ravel_encoder_init(const ravel_model *model, int n_codebooks, void *mem);
RAVEL_API ravel_encoder *ravel_encoder_new(const ravel_model *model, int n_codebooks);
RAVEL_API void ravel_encoder_free(ravel_encoder *encoder); /* of _new only */
RAVEL_API void ravel_encoder_reset(ravel_encoder *encoder);
/* From the next frame on; 1 ... the model's. The encoder's state does not depend on it. */
RAVEL_API int ravel_encoder_set_codebooks(ravel_encoder *encoder, int n_codebooks);

/* Most frames that a push of n_samples (with finish: the end of the stream) would give now. */
RAVEL_API int ravel_encoder_frames(const ravel_encoder *encoder, int n_samples, int finish);

/*
 * pcm         n_samples interleaved samples; n_samples >= 0
 * codes       [frames][codes per frame]; codes of a frame stand coarse to fine, codebook by codebook
 * capacity    frames that fit; at least ravel_encoder_frames(encoder, n_samples, 0)
 * return      frames written
 */
RAVEL_API int ravel_encoder_push(ravel_encoder *encoder, ravel_scratch *scratch, const float *pcm,
                                 int n_samples, uint16_t *codes, int capacity);

/*
 * Ends the stream: appends the tail, flushes the network. Afterwards only reset is allowed.
 * Together with the pushes, n samples make ceil((n + tail_samples) / hop) frames; none make none.
 * Models with drops_last_frame round down instead.
 * capacity    at least ravel_encoder_frames(encoder, 0, 1)
 * return      frames written
 */
RAVEL_API int ravel_encoder_finish(ravel_encoder *encoder, ravel_scratch *scratch, uint16_t *codes,
                                   int capacity);

/* One job of a batch: the arguments of a push, and what it returned. */
typedef struct {
    ravel_encoder *encoder;
    const float *pcm;
    int n_samples;
    int finish; /* nonzero: these are the last samples */
    uint16_t *codes;
    int capacity;
    int n_frames; /* result: frames, or a negative status for this stream alone */
} ravel_encoder_job;

/*
 * Steps several streams of one model together, faster than one after the other, with the bits of
 * each alone. n_jobs at most the scratch's n_streams; every encoder at most once.
 * return    0, or RAVEL_ERR_ARGUMENT
 */
RAVEL_API int ravel_encoder_push_many(ravel_encoder_job *jobs, int n_jobs, ravel_scratch *scratch);

/* NaN and infinite samples met so far. */
RAVEL_API int64_t ravel_encoder_bad_samples(const ravel_encoder *encoder);

/* --- Decoder -------------------------------------------------------------------------------- */

/* One stream. Flat: memcpy of its ravel_decoder_size bytes forks the stream. */
typedef struct ravel_decoder ravel_decoder;

RAVEL_API size_t ravel_decoder_size(const ravel_model *model);
RAVEL_API ravel_decoder *ravel_decoder_init(const ravel_model *model, void *mem);
RAVEL_API ravel_decoder *ravel_decoder_new(const ravel_model *model);
RAVEL_API void ravel_decoder_free(ravel_decoder *decoder);
RAVEL_API void ravel_decoder_reset(ravel_decoder *decoder);

/* Most samples that n_frames more frames (with finish: and the end) would give now. */
RAVEL_API int ravel_decoder_samples(const ravel_decoder *decoder, int n_frames, int finish);

/*
 * codes          [n_frames][codes per frame of n_codebooks]; n_codebooks may change between pushes.
 *                A code that is not below its codebook's size: RAVEL_ERR_DATA, nothing consumed.
 * pcm            decoded samples, not clipped
 * capacity       samples that fit; at least ravel_decoder_samples(decoder, n_frames, 0)
 * return         samples written; sample i of the stream is the decoded sample i of the input
 */
RAVEL_API int ravel_decoder_push(ravel_decoder *decoder, ravel_scratch *scratch,
                                 const uint16_t *codes, int n_frames, int n_codebooks, float *pcm,
                                 int capacity);

/*
 * In the place of n_frames lost frames: continues the sound, for RAVEL_CONCEAL_HOLD_MS at its level,
 * then fading to silence within RAVEL_CONCEAL_FADE_MS; the next good frame fades it in again. Before
 * the first good frame it is silence.
 * capacity    at least ravel_decoder_samples(decoder, n_frames, 0)
 * return      samples written
 */
enum { RAVEL_CONCEAL_HOLD_MS = 40, RAVEL_CONCEAL_FADE_MS = 160 };
RAVEL_API int ravel_decoder_conceal(ravel_decoder *decoder, ravel_scratch *scratch, int n_frames,
                                    float *pcm, int capacity);

/*
 * The same for one lost frame where the next good one is known already, as in a jitter buffer: the
 * sound goes over to it, which is nearer to what was lost, and does not fade.
 * codes       [codes per frame of n_codebooks], of the good frame; they are to be pushed later
 * distance    frames from the lost one to the good one, >= 1
 * capacity    at least ravel_decoder_samples(decoder, 1, 0)
 * return      samples written
 */
RAVEL_API int ravel_decoder_bridge(ravel_decoder *decoder, ravel_scratch *scratch,
                                   const uint16_t *codes, int n_codebooks, int distance, float *pcm,
                                   int capacity);

/*
 * Ends the stream: writes the samples still held back. Afterwards only reset is allowed.
 * capacity    at least ravel_decoder_samples(decoder, 0, 1)
 * return      samples written
 */
RAVEL_API int ravel_decoder_finish(ravel_decoder *decoder, ravel_scratch *scratch, float *pcm,
                                   int capacity);

/* One job of a batch: the arguments of a push, and what it returned. */
typedef struct {
    ravel_decoder *decoder;
    const uint16_t *codes;
    int n_frames, n_codebooks;
    int finish; /* nonzero: these are the last frames */
    float *pcm;
    int capacity;
    int n_samples; /* result: samples, or a negative status for this stream alone */
} ravel_decoder_job;

/* As ravel_encoder_push_many, with decoders. */
RAVEL_API int ravel_decoder_push_many(ravel_decoder_job *jobs, int n_jobs, ravel_scratch *scratch);

/* --- Packets -------------------------------------------------------------------------------- */

/*
 * A packet carries one to four frames and needs no other packet (docs/format.md). For one rate of
 * codebooks (steps_per_frame all 1) only.
 */
enum { RAVEL_PACKET_MAX_FRAMES = 4 };

/* Bytes of a packet of n_frames frames of n_codebooks codebooks; negative status if refused. */
RAVEL_API int ravel_packet_size(const ravel_model *model, int n_frames, int n_codebooks);

/* return    bytes written, or a negative status */
RAVEL_API int ravel_packet_write(const ravel_model *model, const uint16_t *codes, int n_frames,
                                 int n_codebooks, uint8_t *packet, int capacity);

/*
 * The same with fewer bytes, ravel_packet_size of them at most, where the model has static tables
 * that tell the codes well: RAVEL_ENTROPY_STATIC, of this frame alone. Takes 32 KB of stack; so does
 * reading such a packet. capacity: at least ravel_packet_size.
 */
RAVEL_API int ravel_packet_write_coded(const ravel_model *model, const uint16_t *codes,
                                       int n_frames, int n_codebooks, uint8_t *packet,
                                       int capacity);

/*
 * packet         n_bytes from the network: anything may be in them
 * codes          room for RAVEL_PACKET_MAX_FRAMES frames of all codebooks of the model
 * n_codebooks    codebooks of the frames: set on success
 * return         frames, or RAVEL_ERR_DATA, RAVEL_ERR_VERSION, RAVEL_ERR_MODEL
 */
RAVEL_API int ravel_packet_read(const ravel_model *model, const uint8_t *packet, int n_bytes,
                                uint16_t *codes, int *n_codebooks);

/* --- Prediction ----------------------------------------------------------------------------- */

/*
 * Codes that were not received, predicted by the model's prior: the finer codebooks of frames whose
 * coarse ones are there, or whole frames. What is predicted is plausible, not what was spoken: the
 * sound is nearer to real speech, and a little less intelligible than without.
 * One stream, as an encoder is; its memory is allocated once.
 */
typedef struct ravel_predictor ravel_predictor;

/*
 * seed      0: each code is the most likely one; else codes are drawn by their probability, and
 *           the same seed draws the same
 * return    NULL without memory, or where the model has no prior (info->entropy)
 */
RAVEL_API ravel_predictor *ravel_predictor_new(const ravel_model *model, uint64_t seed);
RAVEL_API void ravel_predictor_free(ravel_predictor *predictor);
RAVEL_API void ravel_predictor_reset(ravel_predictor *predictor);

/*
 * codes          [n_frames][n_given], the first codebooks of each frame; n_given 0 ... n_codebooks
 * n_codebooks    wanted, 1 ... the model's
 * out            [n_frames][n_codebooks]: those given, then those predicted
 * return         n_frames, or RAVEL_ERR_ARGUMENT; RAVEL_ERR_DATA for a code that is too great
 */
RAVEL_API int ravel_predictor_push(ravel_predictor *predictor, const uint16_t *codes, int n_frames,
                                   int n_given, int n_codebooks, uint16_t *out);

/* --- Resampler ------------------------------------------------------------------------------ */

/*
 * Polyphase windowed sinc of fixed coefficients, any rational ratio, in the same arithmetic as the
 * rest: tokens depend on every bit of it. Passes up to 0.9 of the lower Nyquist frequency within
 * 0.1 dB, rejects above it by 90 dB. Its delay is compensated: sample i out belongs to time
 * i / to_hz. n samples in make ceil(n * to_hz / from_hz) samples out. Equal rates copy.
 */
typedef struct ravel_resampler ravel_resampler;

/* Rates 1000 ... 768000 Hz, channels 1 ... 64; NULL where refused or without memory. */
RAVEL_API ravel_resampler *ravel_resampler_new(int from_hz, int to_hz, int channels);
RAVEL_API void ravel_resampler_free(ravel_resampler *resampler);
RAVEL_API void ravel_resampler_reset(ravel_resampler *resampler);
/* Most samples that a push of n_in (with finish: the end) would give now. */
RAVEL_API int ravel_resampler_samples(const ravel_resampler *resampler, int n_in, int finish);
/* in, out: interleaved, apart from each other. return: samples written. Allocates nothing. */
RAVEL_API int ravel_resampler_push(ravel_resampler *resampler, const float *in, int n_in,
                                   float *out, int capacity);
/* The samples still held back, zeros following. Afterwards only reset is allowed. */
RAVEL_API int ravel_resampler_finish(ravel_resampler *resampler, float *out, int capacity);

#ifdef __cplusplus
}
#endif

#endif
