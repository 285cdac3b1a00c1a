/* SPDX-License-Identifier: BSD-3-Clause */
/* Offer and answer: which codec two sides come to, and whom a call is with. */
#include "audio_io/call/offer.h"

#include <criterion/criterion.h>
#include <netdb.h>
#include <string.h>

#include "audio_io/call/address.h"
#include "tests/support/tiny_model.h"

/* One side of a call, without a transport. */
typedef struct {
    ravel_offer offer;
    struct sdp_session *session;
    struct sdp_media *media;
    ravel_agreement agreement;
} side;

static ravel_error error;

static side new_side(const ravel_model *model)
{
    struct sa address;
    side s = {.offer = {.opus = ravel_voice_default(NULL)}};
    if (model != NULL)
        s.offer.ravel = ravel_voice_default(model);
    cr_assert_eq(sa_set_str(&address, "192.0.2.1", 40000), 0);
    cr_assert_eq(sdp_session_alloc(&s.session, &address), 0);
    cr_assert_eq(sdp_media_add(&s.media, s.session, "audio", 40000, "RTP/SAVP"), 0);
    cr_assert_eq(ravel_offer_add(&s.offer, s.media, &error), 0);
    return s;
}

static void free_side(side *s)
{
    mem_deref(s->session);
}

static int read_text(side *s, const char *text, bool offer)
{
    struct mbuf *body = mbuf_alloc(512);
    cr_assert_eq(mbuf_write_str(body, text), 0);
    body->pos = 0;
    cr_assert_eq(sdp_decode(s->session, body, offer), 0);
    mem_deref(body);
    return ravel_offer_agree(&s->offer, s->media, offer, &s->agreement, &error);
}

/* What `from` writes, read by `to`. text: room for a copy, or NULL */
static void tell(side *from, side *to, bool offer, char *text, size_t size)
{
    struct mbuf *body = NULL;
    cr_assert_eq(sdp_encode(&body, from->session, offer), 0);
    if (text != NULL)
        cr_assert_eq(mbuf_read_str(body, text, body->end < size ? body->end : size - 1), 0);
    if (text != NULL)
        text[body->end < size ? body->end : size - 1] = '\0';
    body->pos = 0;
    cr_assert_eq(sdp_decode(to->session, body, offer), 0);
    mem_deref(body);
    cr_assert_eq(ravel_offer_agree(&to->offer, to->media, offer, &to->agreement, &error), 0, "%s",
                 error.text);
}

Test(offer, two_with_the_same_model_speak_ravel)
{
    const ravel_model *model = ravel_model_builtin();
    side a = new_side(model), b = new_side(model);
    char answer[2048];
    tell(&a, &b, true, NULL, 0);
    tell(&b, &a, false, answer, sizeof answer);
    cr_assert_eq(a.agreement.voice.model, model);
    cr_assert_eq(b.agreement.voice.model, model);
    cr_assert_eq(a.agreement.clock_hz, 24000);
    cr_assert_eq(a.agreement.send_type, b.agreement.receive_type);
    cr_assert_str_empty(a.agreement.why_opus);
    cr_assert(a.agreement.voice.coded, "both have the tables");
    cr_assert_null(strstr(answer, "opus"), "an answer is one codec:\n%s", answer);
    free_side(&a);
    free_side(&b);
}

Test(offer, different_models_speak_opus_and_both_know_why)
{
    ravel_model *other = ravel_test_model_open(RAVEL_TINY_DEFAULT);
    side a = new_side(ravel_model_builtin()), b = new_side(other);
    tell(&a, &b, true, NULL, 0);
    tell(&b, &a, false, NULL, 0);
    cr_assert_null(a.agreement.voice.model);
    cr_assert_null(b.agreement.voice.model);
    cr_assert_eq(a.agreement.clock_hz, 48000);
    cr_assert_not_null(strstr(a.agreement.why_opus, "tokenizer"), "%s", a.agreement.why_opus);
    cr_assert_not_null(strstr(b.agreement.why_opus, "tokenizer"), "%s", b.agreement.why_opus);
    free_side(&a);
    free_side(&b);
    ravel_model_free(other);
}

Test(offer, opus_alone_is_asked_for)
{
    side a = new_side(NULL), b = new_side(ravel_model_builtin());
    tell(&a, &b, true, NULL, 0);
    tell(&b, &a, false, NULL, 0);
    cr_assert_null(a.agreement.voice.model);
    cr_assert_str_eq(a.agreement.why_opus, "as asked");
    cr_assert_str_eq(b.agreement.why_opus, "the peer does not speak Ravel");
    free_side(&a);
    free_side(&b);
}

#define HEAD "v=0\r\no=- 1 1 IN IP4 192.0.2.2\r\ns=-\r\nc=IN IP4 192.0.2.2\r\nt=0 0\r\n"

Test(offer, a_phone_is_taken_as_it_is)
{
    side b = new_side(ravel_model_builtin());
    cr_assert_eq(read_text(&b,
                           HEAD "m=audio 4000 RTP/SAVP 0 111\r\na=rtpmap:0 PCMU/8000\r\n"
                                "a=rtpmap:111 opus/48000/2\r\n"
                                "a=fmtp:111 maxaveragebitrate=16000;stereo=1\r\na=maxptime:40\r\n",
                           true),
                 0);
    cr_assert_eq(b.agreement.send_type, 111);
    cr_assert_eq(b.agreement.receive_type, 111);
    cr_assert_eq(b.agreement.voice.bitrate_bps, 16000);
    cr_assert_eq(b.agreement.voice.max_frames, 2);
    free_side(&b);
}

Test(offer, types_that_rtcp_would_hide_are_refused)
{
    side b = new_side(ravel_model_builtin());
    cr_assert_eq(
        read_text(&b, HEAD "m=audio 4000 RTP/SAVP 72\r\na=rtpmap:72 opus/48000/2\r\n", true),
        RAVEL_ERR_DATA);
    cr_assert_eq(
        read_text(&b, HEAD "m=audio 4000 RTP/SAVP 300\r\na=rtpmap:300 opus/48000/2\r\n", true),
        RAVEL_ERR_DATA);
    free_side(&b);
}

Test(offer, nothing_in_common_is_told_in_plain_letters)
{
    side b = new_side(ravel_model_builtin());
    cr_assert_eq(read_text(&b,
                           HEAD "m=audio 4000 RTP/SAVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
                                "a=rtpmap:8 PCMA/8000\r\n",
                           true),
                 RAVEL_ERR_DATA);
    cr_assert_not_null(strstr(error.text, "PCMU PCMA"), "%s", error.text);
    cr_assert_eq(read_text(&b, HEAD, true), RAVEL_ERR_DATA);
    cr_assert_eq(read_text(&b,
                           HEAD "m=audio 4000 RTP/SAVP 96 97\r\na=rtpmap:96 ravel/24000\r\n"
                                "a=fmtp:96 version=1;tokenizer=\033[31mred\r\n"
                                "a=rtpmap:97 opus/48000/2\r\n",
                           true),
                 0);
    cr_assert_null(strchr(b.agreement.why_opus, '\033'), "%s", b.agreement.why_opus);
    free_side(&b);
}

/* --- Addresses -------------------------------------------------------------------------------- */

Test(address, names_and_numbers)
{
    ravel_address address;
    cr_assert_eq(ravel_address_find("sip:Alice@127.0.0.1:5070", &address, &error), 0, "%s",
                 error.text);
    cr_assert_str_eq(address.uri, "sip:Alice@127.0.0.1:5070");
    cr_assert_str_eq(address.peer, "Alice@127.0.0.1:5070");
    cr_assert(sa_is_loopback(&address.local));
    cr_assert_eq(ravel_address_find("127.0.0.1", &address, &error), 0, "%s", error.text);
    cr_assert_str_eq(address.uri, "sip:127.0.0.1");
    cr_assert_str_eq(address.peer, "127.0.0.1");
}

Test(address, the_case_of_names)
{
    struct addrinfo *found = NULL;
    if (getaddrinfo("LOCALHOST", NULL, NULL, &found) != 0)
        cr_skip_test("SKIPPED: this machine does not know the name localhost");
    freeaddrinfo(found);
    ravel_address address;
    cr_assert_eq(ravel_address_find("bob@LOCALHOST:5060", &address, &error), 0, "%s", error.text);
    cr_assert_str_eq(address.peer, "bob@localhost");
}

Test(address, what_is_none)
{
    static const char *const texts[] = {"",
                                        "sip:",
                                        "alice@",
                                        "a b@127.0.0.1",
                                        "<x@y>",
                                        "a@127.0.0.1\r\nX: y",
                                        "no.such.name.invalid:5060"};
    ravel_address address;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        error.text[0] = '\0';
        cr_assert_lt(ravel_address_find(texts[i], &address, &error), 0, "'%s'", texts[i]);
        cr_assert_str_not_empty(error.text);
    }
}

Test(address, of_a_caller)
{
    char peer[RAVEL_PEER_TEXT];
    struct uri uri;
    struct pl text;
    pl_set_str(&text, "sip:alice@[2001:db8::1]:5080;transport=tcp");
    cr_assert_eq(uri_decode(&uri, &text), 0);
    cr_assert(ravel_address_peer(&uri, peer));
    cr_assert_str_eq(peer, "alice@[2001:db8::1]:5080");
    pl_set_str(&text, "sip:al\x01ice@example.org");
    cr_assert_eq(uri_decode(&uri, &text), 0);
    cr_assert(!ravel_address_peer(&uri, peer));
}
