/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/voice/activity.h"

#include <math.h>

/*
 * The floor falls at once to the level of a quiet frame and rises slowly: a word of a second raises
 * it by 2.5 dB, a noise that stays is the floor after some seconds. A frame of steady noise of 20 ms
 * is within about 3 dB of its mean level, so 9 dB above its least is no longer noise.
 */
static const float rise_db = 0.05f, above_floor_db = 9.0f, least_speech_db = -65.0f;
static const float silent_db = -100.0f;
/* Below that is digital silence (a muted microphone), which says nothing of the room. */
static const float least_floor_db = -75.0f;
/* Within two seconds even a talker pauses, and the floor is known. */
enum { LEARNING_FRAMES = 100 };

ravel_activity ravel_activity_new(void)
{
    return (ravel_activity){.floor_db = 0.0f, .hangover = LEARNING_FRAMES};
}

float ravel_level_db(const float *pcm, int n)
{
    double power = 0.0;
    for (int i = 0; i < n; i++)
        power += (double)pcm[i] * (double)pcm[i];
    const double level = 10.0 * log10(power / n + 1e-12);
    return level > (double)silent_db && level < 200.0 ? (float)level : silent_db;
}

bool ravel_activity_step(ravel_activity *activity, const float *pcm, int n)
{
    const float level = ravel_level_db(pcm, n);
    const float risen = activity->floor_db + rise_db;
    activity->floor_db = fmaxf(fminf(level, risen), least_floor_db);
    if (level > activity->floor_db + above_floor_db && level > least_speech_db &&
        activity->hangover <= RAVEL_ACTIVITY_HANGOVER_FRAMES)
        activity->hangover = RAVEL_ACTIVITY_HANGOVER_FRAMES + 1;
    const bool speech = activity->hangover > 0;
    activity->hangover -= speech;
    return speech;
}
