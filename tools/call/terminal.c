/* SPDX-License-Identifier: BSD-3-Clause */
#include "tools/call/terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>

static void silence_libraries(ravel_call_terminal *terminal)
{
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    terminal->saved_error = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (nowhere >= 0 && terminal->saved_error >= 0) {
        (void)fflush(stderr);
        (void)dup2(nowhere, STDERR_FILENO);
    }
    if (nowhere >= 0)
        (void)close(nowhere);
}

/* Without Ctrl-S too: it would stop the messages, and who waits for them. */
static void take_keys(ravel_call_terminal *terminal)
{
    terminal->keys = tcgetattr(STDIN_FILENO, &terminal->before) == 0;
    if (!terminal->keys)
        return;
    struct termios raw = terminal->before;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO);
    raw.c_iflag &= (tcflag_t)~IXON;
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &raw);
}

bool ravel_call_terminal_open(ravel_call_terminal *terminal, bool talkative)
{
    *terminal = (ravel_call_terminal){.saved_error = -1};
    int fd = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    terminal->out = fd >= 0 ? fdopen(fd, "w") : NULL;
    if (terminal->out == NULL) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    terminal->terminal = isatty(fd) != 0;
    if (!talkative)
        silence_libraries(terminal);
    take_keys(terminal);
    return true;
}

static void clear_line(ravel_call_terminal *terminal)
{
    if (terminal->line)
        (void)fputs("\r\033[K", terminal->out);
    terminal->line = false;
}

void ravel_call_terminal_close(ravel_call_terminal *terminal)
{
    clear_line(terminal);
    (void)fclose(terminal->out);
    if (terminal->keys)
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
    if (terminal->saved_error >= 0) {
        (void)dup2(terminal->saved_error, STDERR_FILENO);
        (void)close(terminal->saved_error);
    }
}

int ravel_call_terminal_key(const ravel_call_terminal *terminal)
{
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    char key;
    if (!terminal->keys || poll(&input, 1, 0) != 1 || read(STDIN_FILENO, &key, 1) != 1)
        return 0;
    return (unsigned char)key;
}

void ravel_call_terminal_say(ravel_call_terminal *terminal, const char *format, ...)
{
    va_list arguments;
    clear_line(terminal);
    va_start(arguments, format);
    (void)vfprintf(terminal->out, format, arguments);
    va_end(arguments);
    (void)fputc('\n', terminal->out);
    (void)fflush(terminal->out);
}

void ravel_call_terminal_show(ravel_call_terminal *terminal, const char *text)
{
    struct winsize size;
    bool known = ioctl(fileno(terminal->out), TIOCGWINSZ, &size) == 0 && size.ws_col > 1;
    (void)fprintf(terminal->out, "\r\033[K%.*s", known ? size.ws_col - 1 : 79, text);
    (void)fflush(terminal->out);
    terminal->line = true;
}
