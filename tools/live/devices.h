/* SPDX-License-Identifier: BSD-3-Clause */
/* What there is to speak into and to hear from. */
#ifndef RAVEL_TOOLS_LIVE_DEVICES_H
#define RAVEL_TOOLS_LIVE_DEVICES_H

#include <stdbool.h>

#include "ravel/ravel.h"

/* On standard output, as a table or one JSON object. return    0, or a negative status with *error */
int ravel_live_list_devices(bool json, ravel_error *error);

#endif
