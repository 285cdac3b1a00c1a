/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * Ravel's files: audio of every format that libsndfile knows, pipes, and `.rvl` streams.
 *
 * These functions use the disk and allocate; they are not for a real-time thread. An object is used
 * by one thread at a time. Where a function returns NULL or a negative status, it has filled
 * *error; a ravel_error may be NULL.
 */
#ifndef RAVEL_IO_H
#define RAVEL_IO_H

#include "ravel/ravel.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Opens a model file from disk. NULL with *error filled where it is refused. */
RAVEL_API ravel_model *ravel_model_open(const char *path, ravel_error *error);

/* --- Audio in ------------------------------------------------------------------------------- */

typedef struct ravel_audio_reader ravel_audio_reader;

typedef struct {
    int raw; /* nonzero: headerless PCM as described by the rest */
    int raw_rate_hz;
    int raw_channels;
    int raw_bits; /* little-endian: 8 (unsigned), 16, 24, 32; float: -32, -64 */
} ravel_audio_format;

/*
 * 1 to 64 channels, 1000 to 768000 Hz.
 *
 * path      a file, or "-" for standard input. WAV (lengths unknown, 0 or 0xFFFFFFFF included) and
 *           raw PCM are read from a pipe as they come; other formats are first written to a
 *           temporary file, because their decoders seek.
 * format    NULL to recognise the file
 */
RAVEL_API ravel_audio_reader *
ravel_audio_reader_open(const char *path, const ravel_audio_format *format, ravel_error *error);
RAVEL_API void ravel_audio_reader_close(ravel_audio_reader *reader);
RAVEL_API int ravel_audio_reader_rate(const ravel_audio_reader *reader);
RAVEL_API int ravel_audio_reader_channels(const ravel_audio_reader *reader);
/* Samples of each channel, or -1 where it is not known before the end. */
RAVEL_API int64_t ravel_audio_reader_length(const ravel_audio_reader *reader);
/* *tags: "NAME=value" as in Vorbis comments, owned by the reader. return    how many */
RAVEL_API int ravel_audio_reader_tags(const ravel_audio_reader *reader, const char *const **tags);
/*
 * pcm       interleaved, room for n_samples of each channel; full scale is 1
 * return    samples read, maybe fewer than n_samples, 0 only at the end; or a negative status
 */
RAVEL_API int ravel_audio_reader_read(ravel_audio_reader *reader, float *pcm, int n_samples,
                                      ravel_error *error);
/*
 * Passes over n_samples, by seeking where that is possible.
 * return    samples passed over, fewer only at the end; or a negative status
 */
RAVEL_API int64_t ravel_audio_reader_skip(ravel_audio_reader *reader, int64_t n_samples,
                                          ravel_error *error);

/* --- Audio out ------------------------------------------------------------------------------ */

typedef struct ravel_audio_writer ravel_audio_writer;

/*
 * path      the format follows from its suffix (.wav, .flac, .ogg, .opus, .mp3, .aiff, .raw ...);
 *           "-" writes WAV to standard output. A file appears under its name only when it is closed
 *           whole (ravel_audio_writer_close); until then, and after an abort, it is not there.
 * rate_hz   1 or more, channels 1 to 1024, as far as the format goes
 * bits      16, 24, 32, or -32 for float; 0 for the format's usual
 */
RAVEL_API ravel_audio_writer *ravel_audio_writer_open(const char *path, int rate_hz, int channels,
                                                      int bits, ravel_error *error);
/*
 * pcm       n_samples of each channel, interleaved, full scale 1; integer formats clip it
 * return    n_samples, or a negative status
 */
RAVEL_API int ravel_audio_writer_write(ravel_audio_writer *writer, const float *pcm, int n_samples,
                                       ravel_error *error);
/* Both free the writer. return    RAVEL_OK, or a negative status: then there is no file */
RAVEL_API int ravel_audio_writer_close(ravel_audio_writer *writer, ravel_error *error);
RAVEL_API void ravel_audio_writer_abort(ravel_audio_writer *writer);

/* --- Streams (.rvl) ------------------------------------------------------------------------- */

typedef struct {
    char model_name[64];
    uint8_t tokenizer_identity[8];
    uint8_t prior_identity[8]; /* of what the blocks are coded with; zeros: they are packed */
    int sample_rate_hz, hop_samples;
    int channels;  /* of the sound */
    int n_streams; /* of codes, each of channels / n_streams channels: 1, unless kept apart */
    int pre_skip_samples; /* decoded samples before the first that counts */
    int n_codebooks;
    int codebook_size[RAVEL_MAX_CODEBOOKS];
    int steps_per_frame[RAVEL_MAX_CODEBOOKS];
    int64_t n_samples;  /* exact length of each channel; -1 where it cannot be known (a pipe) */
    int header_damaged; /* nonzero: the header was lost; values are those of the model given */
    int n_tags;
    const char *const *tags; /* "NAME=value", UTF-8, as in Vorbis comments; owned by the reader */
} ravel_stream_info;

/* What was found wrong while reading. */
typedef struct {
    int64_t lost_frames; /* frames whose block was missing or damaged */
    int64_t damaged_blocks;
    int64_t skipped_bytes; /* bytes between pages that belong to none */
    int64_t foreign_pages; /* Ogg pages of other streams in the same file: left out */
    int truncated;         /* the stream ends without its end mark */
} ravel_stream_damage;

/*
 * What the codes of good blocks have cost, in all streams together. Of blocks that need another
 * model than the reader has only the number is known.
 */
typedef struct {
    int64_t n_blocks[RAVEL_ENTROPY_PRIOR + 1]; /* by ravel_entropy, as their payload is coded */
    int64_t n_codes[RAVEL_MAX_CODEBOOKS];      /* of each codebook */
    double packed_bits[RAVEL_MAX_CODEBOOKS];   /* that they would take packed */
    double bits[RAVEL_MAX_CODEBOOKS];          /* that they took */
} ravel_stream_bits;

typedef struct ravel_stream_writer ravel_stream_writer;

typedef struct {
    int n_streams;    /* codes of that many channels (or groups of the model's channels) apart */
    int n_codebooks;  /* of every frame written */
    int block_frames; /* 0 for the default of about two seconds; fewer are taken if a page is full */
    const char *const *tags; /* n_tags strings "NAME=value" */
    int n_tags;
    /*
     * RAVEL_ENTROPY_NONE, or what the model brings: its info's `entropy`, or a lesser one. A block
     * that comes out no smaller is written packed.
     */
    ravel_entropy entropy;
    /*
     * 0: all n_codebooks in every block. Else blocks get as many of them, 1 at least, as keep the
     * average from the begin of the sound, pages included, from rising above so many bits a second.
     */
    double target_bps;
} ravel_stream_format;

/* What was written. Rates are of all streams together, in bits a second. */
typedef struct {
    int64_t n_bytes; /* of the file */
    int64_t n_blocks, n_coded_blocks;
    double average_bps; /* of the pages with blocks */
    double peak_bps;    /* of the greatest of them; a shorter last one does not count */
    double file_bps;    /* with header and tags, of the exact length */
} ravel_stream_rates;

/*
 * path      a file, which appears when it is closed whole, or "-" for standard output. A name in .ecdc
 *           or .lyra makes a file of EnCodec's or Lyra's own tool, of one stream of a model of that
 *           codec; tags, blocks and entropy coding are not for these.
 */
RAVEL_API ravel_stream_writer *ravel_stream_writer_open(const char *path, const ravel_model *model,
                                                        const ravel_stream_format *format,
                                                        ravel_error *error);
/*
 * codes     [n_streams][stride][codes of a frame], the first n_frames of each stride
 * return    n_frames, or a negative status
 */
RAVEL_API int ravel_stream_writer_write(ravel_stream_writer *writer, const uint16_t *codes,
                                        int stride, int n_frames, ravel_error *error);
/*
 * Frees the writer.
 * n_samples    the exact length of the audio; frames and samples as ravel_encoder_finish tells
 * rates        set on success; NULL is allowed
 * return       RAVEL_OK, or a negative status: then there is no file
 */
RAVEL_API int ravel_stream_writer_close(ravel_stream_writer *writer, int64_t n_samples,
                                        ravel_stream_rates *rates, ravel_error *error);
RAVEL_API void ravel_stream_writer_abort(ravel_stream_writer *writer);

typedef struct ravel_stream_reader ravel_stream_reader;

/*
 * path     a file or "-"
 * model    the model to check identities with and to fall back to where the header is damaged;
 *          NULL opens any stream to look at it; codes are then read of packed blocks alone.
 *          .ecdc and .lyra files (by their name) are read too; they need the model.
 */
RAVEL_API ravel_stream_reader *ravel_stream_reader_open(const char *path, const ravel_model *model,
                                                        ravel_error *error);
/* The same for a file that does not tell its codebooks, as .lyra; 0 where its size does. */
RAVEL_API ravel_stream_reader *ravel_stream_reader_open_codebooks(const char *path,
                                                                  const ravel_model *model,
                                                                  int n_codebooks,
                                                                  ravel_error *error);
RAVEL_API void ravel_stream_reader_close(ravel_stream_reader *reader);
RAVEL_API const ravel_stream_info *ravel_stream_reader_info(const ravel_stream_reader *reader);

/*
 * Next frames. Where frames were lost, *lost is nonzero and the return value is their number, codes
 * untouched: conceal as many. Frames come in order and gaps are counted by granule position. A gap
 * that is longer than ten seconds and than the damaged bytes can explain is cut to the greater of
 * the two, and n_samples with it.
 * Blocks that were coded with another prior than the model's, or without a model: RAVEL_ERR_MODEL.
 * Packed ones are read.
 * codes       [n_streams][capacity][codes of a frame] is written; room for all codebooks. NULL only
 *             counts frames
 * n_codebooks set to the codebooks of these frames
 * return      frames, 0 at the end, or a negative status
 */
RAVEL_API int ravel_stream_reader_read(ravel_stream_reader *reader, uint16_t *codes, int capacity,
                                       int *n_codebooks, int *lost, ravel_error *error);

/*
 * Goes to the last block that begins `preroll` frames or more before the frame of `sample` (or to
 * the first). return: number of the frame that is read next, or a negative status (pipes: only
 * forward, by reading on).
 */
RAVEL_API int64_t ravel_stream_reader_seek(ravel_stream_reader *reader, int64_t sample, int preroll,
                                           ravel_error *error);

/* Bytes read so far: *blocks of good blocks, *file of everything. */
RAVEL_API void ravel_stream_reader_bytes(const ravel_stream_reader *reader, int64_t *blocks,
                                         int64_t *file);

/* So far, without headers. */
RAVEL_API ravel_stream_bits ravel_stream_reader_bits(const ravel_stream_reader *reader);

/* Damage so far; complete after the end was read. */
RAVEL_API ravel_stream_damage ravel_stream_reader_damage(const ravel_stream_reader *reader);

#ifdef __cplusplus
}
#endif

#endif
