/* SPDX-License-Identifier: BSD-3-Clause */
#include "audio_io/call/offer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "audio_io/call/address.h"
#include "audio_io/call/voice/fmtp.h"
#include "nn/error.h"

/* RTP's clock of Opus, and the channels that its line names, whatever is sent (RFC 7587 7). */
enum { OPUS_CLOCK_HZ = 48000, OPUS_CHANNELS = 2, FRAME_MS = 20 };

/* "ravel", as a format and as an attribute */
static const char ravel_name[] = "ravel";
static const char opus_name[] = "opus";

static int clock_of(const ravel_model *model)
{
    return ravel_model_get_info(model)->sample_rate_hz;
}

int ravel_offer_add(const ravel_offer *offer, struct sdp_media *media, ravel_error *error)
{
    char text[RAVEL_FMTP_TEXT];
    int failed = 0;
    if (offer->ravel.model != NULL) {
        ravel_fmtp_write(offer->ravel.model, text);
        failed = sdp_format_add(NULL, media, false, NULL, ravel_name,
                                (uint32_t)clock_of(offer->ravel.model), 1, NULL, NULL, NULL, false,
                                "%s", text);
    }
    failed |= sdp_format_add(NULL, media, false, NULL, opus_name, OPUS_CLOCK_HZ, OPUS_CHANNELS,
                             NULL, NULL, NULL, false, "stereo=0;sprop-stereo=0;useinbandfec=1");
    failed |= sdp_media_set_lattr(media, true, "ptime", "%d", FRAME_MS);
    failed |=
        sdp_media_set_lattr(media, true, "maxptime", "%d", RAVEL_PACKET_MAX_FRAMES * FRAME_MS);
    return failed != 0 ? ravel_error_memory(error) : 0;
}

/* The first of the peer's formats of that name; usable: only one that we have too. */
static const struct sdp_format *format_of(const struct sdp_media *media, const char *name,
                                          bool usable)
{
    for (struct le *le = list_head(sdp_media_format_lst(media, false)); le != NULL; le = le->next) {
        const struct sdp_format *format = le->data;
        if (format->name != NULL && strcasecmp(format->name, name) == 0 && (format->sup || !usable))
            return format;
    }
    return NULL;
}

/* Types of which RTCP could not be told apart on the same port are none (RFC 5761 4). */
static bool is_type(int type)
{
    return (type >= 0 && type < 64) || (type > 95 && type < 128);
}

static bool types_of(const struct sdp_media *media, const struct sdp_format *peers,
                     const char *name, ravel_agreement *agreement)
{
    const struct sdp_format *own = sdp_media_format(media, true, NULL, -1, name, -1, -1);
    if (own == NULL || !is_type(own->pt) || !is_type(peers->pt))
        return false;
    agreement->receive_type = own->pt;
    agreement->send_type = peers->pt;
    agreement->clock_hz = (int)peers->srate;
    return true;
}

/* Whether Ravel is spoken; why_opus where it is not. */
static bool agree_ravel(const ravel_offer *offer, const struct sdp_media *media,
                        ravel_agreement *agreement)
{
    const struct sdp_format *peers = format_of(media, ravel_name, true);
    const struct sdp_format *other = format_of(media, ravel_name, false);
    const char *told = other != NULL ? other->params : sdp_media_rattr(media, ravel_name);
    ravel_error error = {.text = "the peer does not speak Ravel"};
    if (offer->ravel.model == NULL) {
        (void)snprintf(agreement->why_opus, sizeof agreement->why_opus, "as asked");
        return false;
    }
    agreement->voice = offer->ravel;
    if (peers != NULL && ravel_fmtp_read(peers->params, &agreement->voice, &error) == RAVEL_OK &&
        types_of(media, peers, ravel_name, agreement))
        return true;
    if (peers == NULL && told != NULL)
        (void)ravel_fmtp_read(told, &agreement->voice, &error);
    (void)snprintf(agreement->why_opus, sizeof agreement->why_opus, "%s", error.text);
    ravel_address_plain(agreement->why_opus);
    return false;
}

/* "maxaveragebitrate=20000" of the peer's parameters, 0: none. */
static int average_bitrate(const char *parameters)
{
    struct pl all, value;
    if (parameters == NULL)
        return 0;
    pl_set_str(&all, parameters);
    if (re_regex(all.p, all.l, "maxaveragebitrate=[0-9]+", &value) != 0 || value.l > 6)
        return 0;
    return (int)pl_u32(&value);
}

static void limit_opus(const struct sdp_media *media, const struct sdp_format *peers,
                       ravel_voice *voice)
{
    enum { LEAST_BPS = 6000 }; /* RFC 7587 6.1 */
    int bps = average_bitrate(peers->params);
    const char *longest = sdp_media_rattr(media, "maxptime");
    if (bps >= LEAST_BPS && bps < voice->bitrate_bps)
        voice->bitrate_bps = bps;
    struct pl number = pl_null;
    if (longest != NULL)
        pl_set_str(&number, longest);
    const uint32_t frames = pl_u32(&number) / FRAME_MS;
    if (frames >= 1 && frames < (uint32_t)voice->max_frames)
        voice->max_frames = (int)frames;
    if (voice->min_frames > voice->max_frames)
        voice->min_frames = voice->max_frames;
}

static bool agree_opus(const ravel_offer *offer, const struct sdp_media *media,
                       ravel_agreement *agreement)
{
    const struct sdp_format *peers = format_of(media, opus_name, true);
    if (peers == NULL || !types_of(media, peers, opus_name, agreement))
        return false;
    agreement->voice = offer->opus;
    limit_opus(media, peers, &agreement->voice);
    return true;
}

/* What the peer has, for a message. */
static int no_codec(const struct sdp_media *media, ravel_error *error)
{
    char names[120] = "";
    size_t n = 0;
    for (struct le *le = list_head(sdp_media_format_lst(media, false)); le != NULL; le = le->next) {
        const struct sdp_format *format = le->data;
        int k = snprintf(names + n, sizeof names - n, " %s",
                         format->name != NULL ? format->name : format->id);
        if (k < 0 || n + (size_t)k >= sizeof names)
            break;
        n += (size_t)k;
    }
    return ravel_error_set(error, RAVEL_ERR_DATA,
                           "the peer knows neither Ravel nor Opus, but has%s",
                           names[0] != '\0' ? names : " no codec at all");
}

/* Only one format in the answer: what follows is not to be guessed. */
static int answer_one(const ravel_offer *offer, struct sdp_media *media, const char *name,
                      ravel_error *error)
{
    char text[RAVEL_FMTP_TEXT];
    for (struct le *le = list_head(sdp_media_format_lst(media, true)); le != NULL; le = le->next) {
        struct sdp_format *format = le->data;
        format->sup = strcasecmp(format->name, name) == 0;
    }
    if (name != opus_name || offer->ravel.model == NULL)
        return 0;
    ravel_fmtp_write(offer->ravel.model, text);
    return sdp_media_set_lattr(media, true, ravel_name, "%s", text) != 0 ? ravel_error_memory(error)
                                                                         : 0;
}

int ravel_offer_agree(const ravel_offer *offer, struct sdp_media *media, bool answering,
                      ravel_agreement *agreement, ravel_error *error)
{
    memset(agreement, 0, sizeof *agreement);
    const char *name = agree_ravel(offer, media, agreement)  ? ravel_name
                       : agree_opus(offer, media, agreement) ? opus_name
                                                             : NULL;
    if (name == NULL)
        return no_codec(media, error);
    return answering ? answer_one(offer, media, name, error) : 0;
}
