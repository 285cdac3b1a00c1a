/* SPDX-License-Identifier: BSD-3-Clause */
/* Plain C: always there, and what the others are compared with. */
#define TABLE      ravel_kernels_c
#define TABLE_NAME "c"
#include "nn/kernels_template.h"
