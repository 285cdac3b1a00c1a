/* SPDX-License-Identifier: BSD-3-Clause */
/*
 * relay [OPTION...] -- COMMAND_A -- COMMAND_B
 *
 * A bad network on one machine (Linux): runs two shell commands, each alone in a network namespace,
 * at 10.83.0.1 and 10.83.0.2, with this program as the only way between them. It spoils IP packets
 * in both directions alike, whatever they are, and counts them with all headers.
 *
 *   --loss PERCENT        packets that are lost
 *   --burst MS            they are lost in bursts of this length, otherwise each for itself
 *   --delay MS            on the way
 *   --jitter MS           0 to so much more delay; packets stay in order
 *   --reorder PERCENT     packets that those of the next 30 ms overtake
 *   --duplicate PERCENT   packets that come twice
 *   --seed N
 *
 * Ends with the second command's end, its last line, on stderr, being JSON about both directions.
 * Exit: of the commands, the first that is not 0; 77 where the system allows no namespaces.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/if_tun.h>
#include <math.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/support/random.h"

enum { MAX_PACKET = 2048, MAX_QUEUED = 4096, OVERTAKEN_US = 30000, TWICE_US = 5000, SKIPPED = 77 };

typedef struct {
    double loss, reorder, duplicate; /* shares */
    int64_t burst_us, delay_us, jitter_us;
    uint64_t seed;
} network;

/* One direction. */
typedef struct {
    int64_t burst_from_us, burst_to_us, last_due_us;
    uint64_t packets, bytes, lost, reordered, duplicated;
} way;

typedef struct {
    int64_t due_us;
    int to; /* end 0 or 1 */
    size_t size;
    uint8_t bytes[MAX_PACKET];
} packet;

static network net;
static way ways[2]; /* to end 0 and to end 1 */
static int tunnels[2];
static pid_t commands[2];
static packet *queue[MAX_QUEUED]; /* a heap, the first due on top */
static int n_queued;

static void die(const char *what)
{
    int reason = errno;
    fprintf(stderr, "%s: %s\n", what, strerror(reason));
    exit(reason == EPERM || reason == EACCES || reason == ENOENT ? SKIPPED : 1);
}

static int64_t clock_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* 0 ... 1 */
static double draw(void)
{
    return (double)(ravel_random_bits(&net.seed) >> 11) * 0x1p-53;
}

/* --- The queue ------------------------------------------------------------------------------ */

static void swap(int i, int j)
{
    packet *other = queue[i];
    queue[i] = queue[j];
    queue[j] = other;
}

/* return    false: full, as queues of networks are */
static bool enqueue(const uint8_t *bytes, size_t size, int to, int64_t due_us)
{
    packet *p = n_queued < MAX_QUEUED ? malloc(sizeof *p) : NULL;
    if (p == NULL)
        return false;
    *p = (packet){.due_us = due_us, .to = to, .size = size};
    memcpy(p->bytes, bytes, size);
    int i = n_queued++;
    queue[i] = p;
    for (; i > 0 && queue[(i - 1) / 2]->due_us > queue[i]->due_us; i = (i - 1) / 2)
        swap(i, (i - 1) / 2);
    return true;
}

static packet *dequeue(void)
{
    packet *first = queue[0];
    queue[0] = queue[--n_queued];
    for (int i = 0, child; (child = 2 * i + 1) < n_queued; i = child) {
        if (child + 1 < n_queued && queue[child + 1]->due_us < queue[child]->due_us)
            child++;
        if (queue[i]->due_us <= queue[child]->due_us)
            break;
        swap(i, child);
    }
    return first;
}

/* --- The network ---------------------------------------------------------------------------- */

/* Bursts of one length, with gaps between them drawn so that the share is right. */
static bool in_burst(way *w, int64_t now_us)
{
    double gap_us = (double)net.burst_us * (1 - net.loss) / net.loss;
    while (now_us >= w->burst_to_us) {
        w->burst_from_us =
            (w->burst_to_us != 0 ? w->burst_to_us : now_us) + (int64_t)(-gap_us * log(1 - draw()));
        w->burst_to_us = w->burst_from_us + net.burst_us;
    }
    return now_us >= w->burst_from_us;
}

static bool is_lost(way *w, int64_t now_us)
{
    if (net.loss <= 0)
        return false;
    return net.burst_us > 0 ? in_burst(w, now_us) : draw() < net.loss;
}

static int64_t due_of(way *w, int64_t now_us)
{
    int64_t due_us = now_us + net.delay_us + (int64_t)(draw() * (double)net.jitter_us);
    if (draw() < net.reorder) {
        w->reordered++;
        return due_us + OVERTAKEN_US;
    }
    w->last_due_us = due_us > w->last_due_us ? due_us : w->last_due_us + 1;
    return w->last_due_us;
}

static void take(int from)
{
    uint8_t bytes[MAX_PACKET];
    way *w = &ways[1 - from];
    ssize_t n = read(tunnels[from], bytes, sizeof bytes);
    int64_t now_us = clock_us();
    if (n <= 0 || bytes[0] >> 4 != 4) /* the kernel's own IPv6 is nobody's packet */
        return;
    w->packets++;
    w->bytes += (uint64_t)n;
    if (is_lost(w, now_us)) {
        w->lost++;
        return;
    }
    int64_t due_us = due_of(w, now_us);
    if (!enqueue(bytes, (size_t)n, 1 - from, due_us))
        w->lost++;
    else if (draw() < net.duplicate &&
             enqueue(bytes, (size_t)n, 1 - from, due_us + (int64_t)(draw() * TWICE_US)))
        w->duplicated++;
}

static void deliver(int64_t now_us)
{
    while (n_queued > 0 && queue[0]->due_us <= now_us) {
        packet *p = dequeue();
        if (write(tunnels[p->to], p->bytes, p->size) < 0 && errno != EIO)
            perror("relay: write"); /* EIO: the command has gone */
        free(p);
    }
}

/* Until both commands have ended. return    the first exit code that is not 0 */
static int run(void)
{
    int code = 0, left = 2;
    while (left > 0) {
        struct pollfd fds[2] = {{tunnels[0], POLLIN, 0}, {tunnels[1], POLLIN, 0}};
        int64_t wait_us = n_queued > 0 ? queue[0]->due_us - clock_us() : 20000;
        wait_us = wait_us < 0 ? 0 : wait_us > 20000 ? 20000 : wait_us;
        struct timespec wait = {0, (long)wait_us * 1000};
        if (ppoll(fds, 2, &wait, NULL) > 0)
            for (int i = 0; i < 2; i++)
                if (fds[i].revents & POLLIN)
                    take(i);
        deliver(clock_us());
        int status;
        for (; left > 0 && waitpid(-1, &status, WNOHANG) > 0; left--)
            if (code == 0)
                code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    }
    return code;
}

/* --- Namespaces ----------------------------------------------------------------------------- */

static void write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        die(path);
    close(fd);
}

/* Root in a namespace of users is enough, and needs no rights. */
static void become_root(void)
{
    char map[64];
    unsigned uid = geteuid(), gid = getegid();
    if (uid == 0)
        return;
    if (unshare(CLONE_NEWUSER) != 0)
        die("relay: a namespace of users");
    write_file("/proc/self/setgroups", "deny");
    (void)snprintf(map, sizeof map, "0 %u 1", uid);
    write_file("/proc/self/uid_map", map);
    (void)snprintf(map, sizeof map, "0 %u 1", gid);
    write_file("/proc/self/gid_map", map);
}

static void set_address(int fd, const char *interface, unsigned long what, const char *text)
{
    struct ifreq request = {0};
    struct sockaddr_in address = {.sin_family = AF_INET};
    inet_pton(AF_INET, text, &address.sin_addr);
    (void)snprintf(request.ifr_name, IFNAMSIZ, "%s", interface);
    memcpy(&request.ifr_addr, &address, sizeof address);
    if (ioctl(fd, what, &request) != 0)
        die("relay: an address");
}

static void bring_up(int fd, const char *interface)
{
    struct ifreq request = {.ifr_flags = IFF_UP | IFF_RUNNING};
    (void)snprintf(request.ifr_name, IFNAMSIZ, "%s", interface);
    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        die("relay: bringing an interface up");
}

/* In a namespace of its own, in which the caller then is. */
static int open_tunnel(const char *own, const char *other)
{
    struct ifreq request = {.ifr_name = "ravel", .ifr_flags = IFF_TUN | IFF_NO_PI};
    if (unshare(CLONE_NEWNET) != 0)
        die("relay: a namespace of networks");
    int tunnel = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (tunnel < 0 || ioctl(tunnel, TUNSETIFF, &request) != 0)
        die("relay: /dev/net/tun");
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    set_address(fd, "ravel", SIOCSIFADDR, own);
    set_address(fd, "ravel", SIOCSIFDSTADDR, other);
    bring_up(fd, "ravel");
    bring_up(fd, "lo");
    close(fd);
    return tunnel;
}

/* Starts when `gate` closes. */
static pid_t fork_command(const char *command, const int gate[2])
{
    pid_t child = fork();
    char nothing;
    if (child != 0)
        return child;
    close(gate[1]);
    if (read(gate[0], &nothing, 1) == 0)
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
    _exit(127);
}

static void pass_signal(int number)
{
    for (int i = 0; i < 2; i++)
        if (commands[i] > 0)
            kill(commands[i], number);
}

static void start(char *const texts[2])
{
    static const char *const addresses[2] = {"10.83.0.1", "10.83.0.2"};
    int gate[2];
    if (pipe2(gate, O_CLOEXEC) != 0)
        die("relay: pipe");
    become_root();
    for (int i = 0; i < 2; i++) {
        tunnels[i] = open_tunnel(addresses[i], addresses[1 - i]);
        commands[i] = fork_command(texts[i], gate);
    }
    close(gate[0]);
    close(gate[1]);
    signal(SIGINT, pass_signal);
    signal(SIGTERM, pass_signal);
}

/* --- The command line ----------------------------------------------------------------------- */

static void usage(void)
{
    fputs("relay [--loss PERCENT] [--burst MS] [--delay MS] [--jitter MS] [--reorder PERCENT]\n"
          "      [--duplicate PERCENT] [--seed N] -- COMMAND_A -- COMMAND_B\n",
          stderr);
    exit(2);
}

static double number(const char *text)
{
    char *end;
    double value = strtod(text, &end);
    if (end == text || *end != '\0' || !(value >= 0))
        usage();
    return value;
}

static void read_options(int argc, char **argv)
{
    static const struct option options[] = {{"loss", 1, 0, 'l'},    {"burst", 1, 0, 'b'},
                                            {"delay", 1, 0, 'd'},   {"jitter", 1, 0, 'j'},
                                            {"reorder", 1, 0, 'r'}, {"duplicate", 1, 0, 'u'},
                                            {"seed", 1, 0, 's'},    {0}};
    net.seed = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        double value = c == '?' ? 0 : number(optarg);
        switch (c) {
        case 'l':
            net.loss = value / 100;
            break;
        case 'b':
            net.burst_us = (int64_t)(1000 * value);
            break;
        case 'd':
            net.delay_us = (int64_t)(1000 * value);
            break;
        case 'j':
            net.jitter_us = (int64_t)(1000 * value);
            break;
        case 'r':
            net.reorder = value / 100;
            break;
        case 'u':
            net.duplicate = value / 100;
            break;
        case 's':
            net.seed = (uint64_t)value;
            break;
        default:
            usage();
        }
    }
}

static void print_way(const char *name, const way *w)
{
    fprintf(stderr,
            "\"%s\": {\"packets\": %llu, \"bytes\": %llu, \"lost\": %llu, \"reordered\": %llu, "
            "\"duplicated\": %llu}",
            name, (unsigned long long)w->packets, (unsigned long long)w->bytes,
            (unsigned long long)w->lost, (unsigned long long)w->reordered,
            (unsigned long long)w->duplicated);
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    if (argc - optind != 3 || strcmp(argv[optind + 1], "--") != 0 || net.loss >= 1)
        usage();
    char *const texts[2] = {argv[optind], argv[optind + 2]};
    start(texts);
    int code = run();
    while (n_queued > 0)
        free(dequeue());
    fputs("{", stderr);
    print_way("a_to_b", &ways[1]);
    fputs(", ", stderr);
    print_way("b_to_a", &ways[0]);
    fputs("}\n", stderr);
    return code;
}
