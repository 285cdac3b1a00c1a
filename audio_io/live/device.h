/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The devices of an engine: opened, watched by a thread of their own, and opened again when they were
 * lost. Whatever has no device is driven by the machine's clock, so that time goes on in its ring.
 */
#ifndef RAVEL_AUDIO_IO_LIVE_DEVICE_H
#define RAVEL_AUDIO_IO_LIVE_DEVICE_H

#include "audio_io/live/port.h"
#include "audio_io/live/portaudio.h"

enum { RAVEL_IN, RAVEL_OUT };

typedef struct {
    char wanted[RAVEL_DEVICE_NAME]; /* of the device to be opened again; empty: the default */
    bool none;                      /* there is to be no device */
    PaDeviceIndex number;
    char name[RAVEL_DEVICE_NAME];
    int rate_hz, channels;
    int leisure; /* how many times its lowest delay it needs: 1 or more */
} ravel_device;

typedef struct ravel_devices ravel_devices;

/*
 * Finds the devices and their rates; nothing runs yet.
 * names     [RAVEL_IN], [RAVEL_OUT], as in ravel_engine_config
 * return    NULL with *error
 */
ravel_devices *ravel_devices_find(const char *const names[2], int block_ms, ravel_error *error);

/* Any thread. */
ravel_device ravel_devices_get(ravel_devices *devices, int direction);

/* ports: of the rates found. return    0; RAVEL_ERR_IO, RAVEL_ERR_MEMORY with *error */
int ravel_devices_start(ravel_devices *devices, ravel_port *const ports[2], ravel_error *error);

/*
 * Ends everything; NULL is allowed.
 * return    false where PortAudio does not come back from a device that is gone: then the ports must
 *           stay, for what waits there may still look at them
 */
bool ravel_devices_close(ravel_devices *devices);

#endif
