/* SPDX-License-Identifier: BSD-3-Clause */
/* The secret of a certificate, for the handshake alone. */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_CERTIFICATE_PEM_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_CERTIFICATE_PEM_H

#include "audio_io/call/transport/certificate.h"

/* Key and certificate. */
const char *ravel_certificate_pem(const ravel_certificate *certificate, size_t *size);

#endif
