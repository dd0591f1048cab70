// How long a new TCP connection takes, by the port that it goes to.
//
//   connect serve PORT...                   takes and drops connections at these ports until standard input ends
//   connect measure ADDRESS COUNT PORT...   connects COUNT times to each port, in turn, and closes at once; prints
//                                           "PORT ns,ns,..." a line: the time of connect(), from SYN to its answer
//
// A connection is closed by a reset: it leaves no waiting socket behind, and so the local ports do not run out.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_PORTS = 16, MAXIMUM_COUNT = 2000, WARM = 20, BACKLOG = 1024, LIFETIME = 600 };

static void fail(const char *what) {
    fprintf(stderr, "connect: %s: %s\n", what, strerror(errno));
    exit(1);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

static struct sockaddr_in at(const char *address, const char *port) {
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_port = htons(atoi(port))};
    if (inet_pton(AF_INET, address, &place.sin_addr) != 1) errno = EINVAL, fail(address);
    return place;
}

static int serve(int count, char **ports) {
    struct pollfd watched[MAXIMUM_PORTS + 1] = {{.fd = 0, .events = POLLIN}};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(LIFETIME);
    for (int i = 0; i < count; i++) {
        struct sockaddr_in place = at("0.0.0.0", ports[i]);
        int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (file < 0 || bind(file, (void *)&place, sizeof place) < 0 || listen(file, BACKLOG) < 0) fail(ports[i]);
        watched[i + 1] = (struct pollfd){.fd = file, .events = POLLIN};
    }
    puts("ready");
    fflush(stdout);
    while (!watched[0].revents) {
        if (poll(watched, count + 1, -1) < 0) fail("poll");
        for (int i = 1; i <= count; i++)
            for (int one; (one = accept4(watched[i].fd, NULL, NULL, SOCK_CLOEXEC)) >= 0;) close(one);
    }
    return 0;
}

static long long once(const struct sockaddr_in *place) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    struct timeval patience = {.tv_sec = 2};
    int file = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (file < 0) fail("socket");
    setsockopt(file, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
    setsockopt(file, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    long long begin = nanoseconds();
    if (connect(file, (const void *)place, sizeof *place) < 0) fail("connect");
    long long took = nanoseconds() - begin;
    close(file);
    return took;
}

static int measure(const char *address, int rounds, int count, char **ports) {
    static long long took[MAXIMUM_PORTS][MAXIMUM_COUNT];
    struct sockaddr_in places[MAXIMUM_PORTS];
    if (rounds < 1 || rounds > MAXIMUM_COUNT) errno = ERANGE, fail("COUNT");
    for (int i = 0; i < count; i++) places[i] = at(address, ports[i]);
    for (int n = -WARM; n < rounds; n++) {
        for (int k = 0; k < count; k++) {
            int i = n & 1 ? count - 1 - k : k;  // each is as often first as last
            long long one = once(&places[i]);
            if (n >= 0) took[i][n] = one;
        }
    }
    for (int i = 0; i < count; i++) {
        printf("%s ", ports[i]);
        for (int n = 0; n < rounds; n++) printf("%s%lld", n ? "," : "", took[i][n]);
        printf("\n");
    }
    return 0;
}

int main(int count, char **words) {
    if (count > 2 && count - 2 <= MAXIMUM_PORTS && strcmp(words[1], "serve") == 0) return serve(count - 2, words + 2);
    if (count > 4 && count - 4 <= MAXIMUM_PORTS && strcmp(words[1], "measure") == 0)
        return measure(words[2], atoi(words[3]), count - 4, words + 4);
    fprintf(stderr, "usage: connect serve PORT... | connect measure ADDRESS COUNT PORT...\n");
    return 64;
}
