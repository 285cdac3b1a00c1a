/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/transport/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audio_io/call/transport/certificate_pem.h"
#include "nn/error.h"

enum {
    MAX_PEM = 16384, /* bytes; ours has 700 */
    SECONDS_A_DAY = 86400,
    DAYS_VALID = 20 * 365,
    SERIAL_BYTES = 8,
    DIGEST_BYTES = 32
};

struct ravel_certificate {
    char pem[MAX_PEM];
    size_t size;
    char fingerprint[3 * DIGEST_BYTES];
};

int ravel_config_folder(char *path, size_t size, ravel_error *error)
{
    const char *base = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    char parent[PATH_MAX];
    int n = base != NULL && base[0] == '/'   ? snprintf(parent, sizeof parent, "%s", base)
            : home != NULL && home[0] == '/' ? snprintf(parent, sizeof parent, "%s/.config", home)
                                             : -1;
    if (n < 0 || (size_t)n >= sizeof parent)
        return ravel_error_set(error, RAVEL_ERR_IO,
                               "neither XDG_CONFIG_HOME nor HOME names a folder");
    n = snprintf(path, size, "%s/ravel", parent);
    if (n < 0 || (size_t)n >= size)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: the path is too long", parent);
    (void)mkdir(parent, 0700); /* what is wrong with it, the next call says */
    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    return RAVEL_OK;
}

static bool set_fingerprint(ravel_certificate *certificate, const X509 *x509)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    if (X509_digest(x509, EVP_sha256(), digest, &n) != 1 || n != DIGEST_BYTES)
        return false;
    for (size_t i = 0; i < DIGEST_BYTES; i++)
        (void)snprintf(certificate->fingerprint + 3 * i, 4, "%02X%s", digest[i],
                       i + 1 < DIGEST_BYTES ? ":" : "");
    return true;
}

/* Valid from yesterday: the peer's clock may be behind. */
static bool fill(X509 *x509, EVP_PKEY *key)
{
    unsigned char serial[SERIAL_BYTES];
    BIGNUM *number = NULL;
    if (RAND_bytes(serial, sizeof serial) == 1)
        number = BN_bin2bn(serial, sizeof serial, NULL);
    X509_NAME *name = X509_get_subject_name(x509);
    bool filled =
        number != NULL && X509_set_version(x509, X509_VERSION_3) == 1 &&
        BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"ravel", -1, -1,
                                   0) == 1 &&
        X509_set_issuer_name(x509, name) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(x509), -SECONDS_A_DAY) != NULL &&
        X509_gmtime_adj(X509_getm_notAfter(x509), (long)DAYS_VALID * SECONDS_A_DAY) != NULL &&
        X509_set_pubkey(x509, key) == 1 && X509_sign(x509, key, EVP_sha256()) > 0;
    BN_free(number);
    return filled;
}

static bool write_pem(ravel_certificate *certificate, const X509 *x509, const EVP_PKEY *key)
{
    BIO *out = BIO_new(BIO_s_secmem());
    char *text = NULL;
    long n = 0;
    if (out != NULL && PEM_write_bio_PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) == 1 &&
        PEM_write_bio_X509(out, x509) == 1)
        n = BIO_get_mem_data(out, &text);
    bool written = n > 0 && n < MAX_PEM;
    if (written) {
        memcpy(certificate->pem, text, (size_t)n);
        certificate->size = (size_t)n;
    }
    BIO_free(out);
    return written;
}

ravel_certificate *ravel_certificate_new(ravel_error *error)
{
    ravel_certificate *certificate = calloc(1, sizeof *certificate);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    bool made = certificate != NULL && key != NULL && x509 != NULL && fill(x509, key) &&
                write_pem(certificate, x509, key) && set_fingerprint(certificate, x509);
    X509_free(x509);
    EVP_PKEY_free(key);
    if (made)
        return certificate;
    ravel_error_set(error, RAVEL_ERR_IO, "OpenSSL makes no certificate");
    ravel_certificate_free(certificate);
    return NULL;
}

void ravel_certificate_free(ravel_certificate *certificate)
{
    if (certificate == NULL)
        return;
    OPENSSL_cleanse(certificate->pem, sizeof certificate->pem);
    free(certificate);
}

const char *ravel_certificate_fingerprint(const ravel_certificate *certificate)
{
    return certificate->fingerprint;
}

const char *ravel_certificate_pem(const ravel_certificate *certificate, size_t *size)
{
    *size = certificate->size;
    return certificate->pem;
}

/* Both parts, and one of the other. */
static bool parse(ravel_certificate *certificate)
{
    BIO *in = BIO_new_mem_buf(certificate->pem, (int)certificate->size);
    EVP_PKEY *key = in != NULL ? PEM_read_bio_PrivateKey(in, NULL, NULL, (void *)"") : NULL;
    X509 *x509 = in != NULL ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
    bool parsed = key != NULL && x509 != NULL && X509_check_private_key(x509, key) == 1 &&
                  set_fingerprint(certificate, x509);
    X509_free(x509);
    EVP_PKEY_free(key);
    BIO_free(in);
    return parsed;
}

static int check_mode(int fd, const char *path, ravel_error *error)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: not a file", path);
    if ((status.st_mode & 077) != 0)
        return ravel_error_set(error, RAVEL_ERR_IO,
                               "%s: the key can be read by others (mode %03o, not 600)", path,
                               (unsigned)(status.st_mode & 0777));
    return RAVEL_OK;
}

static int read_file(ravel_certificate *certificate, int fd, const char *path, ravel_error *error)
{
    int status = check_mode(fd, path, error);
    while (status == RAVEL_OK && certificate->size < MAX_PEM) {
        ssize_t n = read(fd, certificate->pem + certificate->size, MAX_PEM - certificate->size);
        if (n == 0)
            break;
        if (n > 0)
            certificate->size += (size_t)n;
        else if (errno != EINTR)
            status = ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
    }
    if (status == RAVEL_OK && (certificate->size == MAX_PEM || !parse(certificate)))
        status = ravel_error_set(error, RAVEL_ERR_DATA,
                                 "%s: not a key with its certificate; remove it to get a new one, "
                                 "which peers will not know",
                                 path);
    return status;
}

static bool write_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, data, size);
        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            data += n;
            size -= (size_t)n;
        }
    }
    return fsync(fd) == 0;
}

/* Whole under its name or not at all; what another process has put there meanwhile stays. */
static int keep(const ravel_certificate *certificate, const char *path, ravel_error *error)
{
    char temporary[PATH_MAX];
    int n = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return ravel_error_set(error, RAVEL_ERR_IO, "%s: the path is too long", path);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool kept = fd >= 0 && write_all(fd, certificate->pem, certificate->size) &&
                (link(temporary, path) == 0 || errno == EEXIST);
    int reason = errno;
    if (fd >= 0) {
        close(fd);
        unlink(temporary);
    }
    return kept ? RAVEL_OK : ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(reason));
}

static int make_file(const char *path, ravel_error *error)
{
    ravel_certificate *made = ravel_certificate_new(error);
    if (made == NULL)
        return RAVEL_ERR_IO;
    int status = keep(made, path, error);
    ravel_certificate_free(made);
    return status;
}

static int open_or_make(const char *path, ravel_error *error)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) {
        int status = make_file(path, error);
        if (status != RAVEL_OK)
            return status;
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd >= 0 ? fd : ravel_error_set(error, RAVEL_ERR_IO, "%s: %s", path, strerror(errno));
}

ravel_certificate *ravel_certificate_open(const char *folder, ravel_error *error)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/certificate.pem", folder);
    if (n < 0 || (size_t)n >= sizeof path) {
        ravel_error_set(error, RAVEL_ERR_IO, "%s: the path is too long", folder);
        return NULL;
    }
    int fd = open_or_make(path, error);
    if (fd < 0)
        return NULL;
    ravel_certificate *certificate = calloc(1, sizeof *certificate);
    int status =
        certificate != NULL ? read_file(certificate, fd, path, error) : ravel_error_memory(error);
    close(fd);
    if (status == RAVEL_OK)
        return certificate;
    ravel_certificate_free(certificate);
    return NULL;
}
