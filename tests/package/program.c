/* SPDX-License-Identifier: BSD-3-Clause */
/* A program of someone else: a second of silence to a stream, and its length again. */
#include <ravel/io.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static float pcm[24000];
    static uint16_t codes[60 * 6];
    const char *path = argc > 1 ? argv[1] : "silence.rvl";
    const ravel_model *model = ravel_model_builtin();
    ravel_encoder *encoder = ravel_encoder_new(model, 6);
    ravel_scratch *scratch = ravel_scratch_new(model, 1);
    const ravel_stream_format format = {.n_streams = 1, .n_codebooks = 6};
    ravel_stream_writer *writer = ravel_stream_writer_open(path, model, &format, NULL);
    int n_frames = ravel_encoder_push(encoder, scratch, pcm, 24000, codes, 60);
    n_frames += ravel_encoder_finish(encoder, scratch, codes + 6 * n_frames, 60 - n_frames);
    if (writer == NULL || ravel_stream_writer_write(writer, codes, n_frames, n_frames, NULL) < 0 ||
        ravel_stream_writer_close(writer, 24000, NULL, NULL) < 0)
        return 1;
    ravel_stream_reader *reader = ravel_stream_reader_open(path, model, NULL);
    (void)printf("%s %d\n", ravel_version(), (int)ravel_stream_reader_info(reader)->n_samples);
    return 0;
}
