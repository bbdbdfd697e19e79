/*
 * How a test talks to a helper that is a file system: a line on standard input is a command, answered by
 * one line of JSON on standard output. The end of standard input, the death of the parent, SIGTERM,
 * SIGINT and SIGHUP end the helper.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void answer(const char *format, ...) {
  va_list values;
  va_start(values, format);
  vprintf(format, values);
  va_end(values);
  putchar('\n');
  fflush(stdout);
}

/* Called before threads are made, which inherit the mask. */
static int signals_as_file(void) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGHUP);
  pthread_sigmask(SIG_BLOCK, &set, NULL);
  signal(SIGPIPE, SIG_IGN);
  return signalfd(-1, &set, SFD_CLOEXEC);
}

/* Comes back when the helper is to end. */
static void obey_until_the_end(int signals, void (*command)(const char *line)) {
  struct pollfd sources[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                             {.fd = signals, .events = POLLIN}};
  char line[256];
  size_t length = 0;
  while (poll(sources, 2, -1) >= 0 || errno == EINTR) {
    if (sources[1].revents) return;
    if (!sources[0].revents) continue;
    char byte;
    if (read(STDIN_FILENO, &byte, 1) != 1) return;
    if (byte != '\n') {
      if (length < sizeof line - 1) line[length++] = byte;
      continue;
    }
    line[length] = 0;
    length = 0;
    command(line);
  }
}
