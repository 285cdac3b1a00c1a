/* SPDX-License-Identifier: BSD-3-Clause */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "audio_io/call/voice/packet_ring.h"

enum { ROOM = 5, MANY = 20000 };

static ravel_voice_packet numbered(int i)
{
    ravel_voice_packet packet = {.sequence = (uint16_t)i, .timestamp = (uint32_t)i * 480};
    packet.n_bytes = i % (RAVEL_VOICE_PACKET_BYTES + 1);
    memset(packet.bytes, i & 255, (size_t)packet.n_bytes);
    return packet;
}

static bool is_numbered(const ravel_voice_packet *packet, int i)
{
    const ravel_voice_packet expected = numbered(i);
    return packet->sequence == expected.sequence && packet->timestamp == expected.timestamp &&
           packet->n_bytes == expected.n_bytes &&
           memcmp(packet->bytes, expected.bytes, (size_t)packet->n_bytes) == 0;
}

Test(packet_ring, gives_in_order_what_it_has_room_for)
{
    ravel_packet_ring *ring = ravel_packet_ring_new(ROOM);
    ravel_voice_packet packet = {0};
    int put = 0, taken = 0;
    cr_assert_not(ravel_packet_ring_take(ring, &packet));
    for (int round = 0; round < 100; round++) {
        const int n = round % (ROOM + 1);
        for (int i = 0; i < n; i++, put++) {
            packet = numbered(put);
            cr_assert(ravel_packet_ring_put(ring, &packet));
        }
        cr_assert(n < ROOM || !ravel_packet_ring_put(ring, &packet), "a full ring refuses");
        for (; taken < put; taken++) {
            cr_assert(ravel_packet_ring_take(ring, &packet));
            cr_assert(is_numbered(&packet, taken));
        }
        cr_assert_not(ravel_packet_ring_take(ring, &packet));
    }
    ravel_packet_ring_free(ring);
}

Test(packet_ring, refuses_impossible_sizes)
{
    cr_assert_null(ravel_packet_ring_new(0));
    cr_assert_null(ravel_packet_ring_new(65537));
    ravel_packet_ring *ring = ravel_packet_ring_new(1);
    ravel_voice_packet packet = {.n_bytes = RAVEL_VOICE_PACKET_BYTES + 1};
    cr_assert_not(ravel_packet_ring_put(ring, &packet));
    packet.n_bytes = -1;
    cr_assert_not(ravel_packet_ring_put(ring, &packet));
    ravel_packet_ring_free(ring);
}

static void *put_many(void *ring)
{
    for (int i = 0; i < MANY; i++) {
        const ravel_voice_packet packet = numbered(i);
        while (!ravel_packet_ring_put(ring, &packet))
            sched_yield();
    }
    return NULL;
}

Test(packet_ring, works_between_threads)
{
    ravel_packet_ring *ring = ravel_packet_ring_new(ROOM);
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, put_many, ring), 0);
    ravel_voice_packet packet = {0};
    for (int i = 0; i < MANY; i++) {
        while (!ravel_packet_ring_take(ring, &packet))
            sched_yield();
        cr_assert(is_numbered(&packet, i));
    }
    pthread_join(thread, NULL);
    ravel_packet_ring_free(ring);
}
