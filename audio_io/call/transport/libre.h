/* SPDX-License-Identifier: BSD-3-Clause */
/* libre's headers, with the types that they expect to have been declared before them. */
#ifndef RAVEL_AUDIO_IO_CALL_TRANSPORT_LIBRE_H
#define RAVEL_AUDIO_IO_CALL_TRANSPORT_LIBRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

/* How Debian's libre is built: without these its headers describe other structures. */
#ifndef HAVE_STDBOOL_H
#define HAVE_STDBOOL_H 1
#endif
#ifndef HAVE_INET6
#define HAVE_INET6 1
#endif
#ifndef USE_OPENSSL
#define USE_OPENSSL 1
#endif
#ifndef RELEASE
#define RELEASE 1
#endif
#include <re.h>

/* libre_init, and quiet: what strangers send is no news on the user's terminal.
 * return    0, or an errno value */
int ravel_libre_begin(void);

#endif
