/* SPDX-License-Identifier: BSD-3-Clause */
/* The head of a WAV from a pipe. */
#include "audio_io/file/pcm.h"
#include "audio_io/file/wav.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ravel_wav_info info;
    if (ravel_wav_parse(data, size, &info) == RAVEL_WAV_OK) {
        FUZZ_CHECK(info.rate_hz > 0 && info.channels > 0 && ravel_pcm_known(info.bits));
        FUZZ_CHECK(info.data_offset <= size && info.data_bytes >= -1);
    }
    return 0;
}
