/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The built-in model: its file is part of the library's read-only data. The assembler takes it in;
 * as C source it would be three times the size and slow to compile.
 */
#include <stdatomic.h>

#include "codec/model.h"

#ifndef RAVEL_BUILTIN_MODEL
#error "RAVEL_BUILTIN_MODEL is to be the path of the model file"
#endif

__asm__(".pushsection .rodata\n"
        ".balign 64\n"
        "ravel_builtin_begin:\n"
        ".incbin \"" RAVEL_BUILTIN_MODEL "\"\n"
        "ravel_builtin_end:\n"
        ".byte 0\n"
        ".popsection\n");

extern const unsigned char ravel_builtin_begin[] __attribute__((visibility("hidden")));
extern const unsigned char ravel_builtin_end[] __attribute__((visibility("hidden")));

/* The library's only variable. Threads that come at the same time all open it; the first stays. */
static _Atomic(ravel_model *) builtin;

const ravel_model *ravel_model_builtin(void)
{
    ravel_model *model = atomic_load(&builtin), *other = NULL;
    if (model)
        return model;
    size_t size = (size_t)(ravel_builtin_end - ravel_builtin_begin);
    model = ravel_model_open_memory(ravel_builtin_begin, size, NULL);
    if (!model)
        return NULL;
    model->is_builtin = true;
    if (atomic_compare_exchange_strong(&builtin, &other, model))
        return model;
    model->is_builtin = false;
    ravel_model_free(model);
    return other;
}
