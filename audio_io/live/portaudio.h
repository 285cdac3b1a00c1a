/* SPDX-License-Identifier: BSD-3-Clause */
/* PortAudio: its begin and end, its devices and their names. One thread at a time. */
#ifndef RAVEL_AUDIO_IO_LIVE_PORTAUDIO_H
#define RAVEL_AUDIO_IO_LIVE_PORTAUDIO_H

#include <stdbool.h>

#include <portaudio.h>

#include "ravel/ravel.h"

enum { RAVEL_DEVICE_NAME = 128 };

/* Looks for devices. return    0; RAVEL_ERR_IO with *error */
int ravel_portaudio_begin(ravel_error *error);
void ravel_portaudio_end(void);

/*
 * name      as in ravel_engine_config
 * return    its number; RAVEL_ERR_ARGUMENT with *error where there is none like that
 */
int ravel_portaudio_find(const char *name, bool input, ravel_error *error);

/* "host: name", of a device that is there. */
void ravel_portaudio_name(PaDeviceIndex number, char name[RAVEL_DEVICE_NAME]);

#endif
