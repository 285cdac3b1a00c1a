/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * The certificate of this user's calls: ECDSA P-256, self-signed, made once and kept, so that peers
 * can recognise it by its fingerprint. It proves that the same user speaks, not who that is.
 */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_CERTIFICATE_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_CERTIFICATE_H

#include <stddef.h>

#include "ravel/ravel.h"

typedef struct ravel_certificate ravel_certificate;

/* The folder of what is kept between calls: $XDG_CONFIG_HOME/ravel, or ~/.config/ravel. Made with
 * mode 0700 where it is missing. return    0 or a negative status */
int ravel_config_folder(char *path, size_t size, ravel_error *error);

/* FOLDER/certificate.pem, key and certificate, mode 0600; made where it is missing, refused where
 * others can read it. NULL with *error filled. */
ravel_certificate *ravel_certificate_open(const char *folder, ravel_error *error);

/* One that is not kept. */
ravel_certificate *ravel_certificate_new(ravel_error *error);
void ravel_certificate_free(ravel_certificate *certificate); /* NULL is allowed */

/* SHA-256 of the certificate, "AB:CD:...": 95 characters. */
const char *ravel_certificate_fingerprint(const ravel_certificate *certificate);

#endif
