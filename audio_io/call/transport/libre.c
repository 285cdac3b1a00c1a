/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/libre.h"

#define DEBUG_MODULE "ravel"
#define DEBUG_LEVEL  0
#include <re_dbg.h>

int ravel_libre_begin(void)
{
    int failed = libre_init();
    if (failed == 0)
        dbg_init(DBG_ERR, DBG_NONE); /* its warnings are about what comes from the network */
    return failed;
}
