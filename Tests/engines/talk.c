// The two ends of every reachability check, in one static program that runs in a container and beside it.
//
//   talk serve NAME (tcp|udp)/PORT[-PORT] ...   answers every client "NAME CLIENT-ADDRESS"
//   talk ask (tcp|udp) ADDRESS PORT [OWN-PORT]  prints the answer; exit code 1 and the reason after about 2 s
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAXIMUM_SOCKETS = 256, WAIT_MILLISECONDS = 2000, UDP_TRIES = 4 };

static void fail(const char *what) {
    fprintf(stderr, "talk: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void stop(int signal_number) {
    (void)signal_number;
    _exit(0);
}

static int bound(int type, int port) {
    struct sockaddr_in6 all6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    struct sockaddr_in all4 = {.sin_family = AF_INET, .sin_port = htons(port)};
    int on = 1, off = 0, fd = socket(AF_INET6, type | SOCK_CLOEXEC, 0);
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
        if (bind(fd, (struct sockaddr *)&all6, sizeof all6) == 0) goto listening;
        close(fd);
    }
    // A namespace with IPv6 switched off still serves IPv4.
    fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (fd < 0 || bind(fd, (struct sockaddr *)&all4, sizeof all4) < 0) fail("bind");
listening:
    if (type == SOCK_STREAM && listen(fd, 64) < 0) fail("listen");
    return fd;
}

static int answer(char *text, size_t size, const char *name, struct sockaddr_storage *peer) {
    char address[INET6_ADDRSTRLEN] = "?";
    if (peer->ss_family == AF_INET) inet_ntop(AF_INET, &((struct sockaddr_in *)peer)->sin_addr, address, sizeof address);
    if (peer->ss_family == AF_INET6) {
        struct in6_addr *in6 = &((struct sockaddr_in6 *)peer)->sin6_addr;
        if (IN6_IS_ADDR_V4MAPPED(in6)) inet_ntop(AF_INET, in6->s6_addr + 12, address, sizeof address);
        else inet_ntop(AF_INET6, in6, address, sizeof address);
    }
    return snprintf(text, size, "%s %s\n", name, address);
}

_Noreturn static void serve(const char *name, int count, char **specifications) {
    static struct pollfd sockets[MAXIMUM_SOCKETS];
    static int types[MAXIMUM_SOCKETS];
    int open_sockets = 0;
    for (int i = 0; i < count; i++) {
        int first, last, read = sscanf(specifications[i] + 4, "%d-%d", &first, &last);
        int type = strncmp(specifications[i], "tcp/", 4) == 0 ? SOCK_STREAM : SOCK_DGRAM;
        if (read < 1) fail(specifications[i]);
        if (read == 1) last = first;
        for (int port = first; port <= last && open_sockets < MAXIMUM_SOCKETS; port++, open_sockets++) {
            sockets[open_sockets] = (struct pollfd){.fd = bound(type, port), .events = POLLIN};
            types[open_sockets] = type;
        }
    }
    // Pid 1 of a container dies of a signal only if it asks for it.
    signal(SIGTERM, stop);
    signal(SIGINT, stop);
    signal(SIGPIPE, SIG_IGN);
    puts("serving");
    fflush(stdout);
    for (;;) {
        if (poll(sockets, open_sockets, -1) < 0) continue;
        for (int i = 0; i < open_sockets; i++) {
            struct sockaddr_storage peer;
            socklen_t length = sizeof peer;
            char text[256], received[256];
            if (!(sockets[i].revents & POLLIN)) continue;
            if (types[i] == SOCK_STREAM) {
                int client = accept4(sockets[i].fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);
                if (client < 0) continue;
                if (write(client, text, answer(text, sizeof text, name, &peer)) < 0) perror("talk: write");
                close(client);
            } else if (recvfrom(sockets[i].fd, received, sizeof received, 0, (struct sockaddr *)&peer, &length) >= 0) {
                int size = answer(text, sizeof text, name, &peer);
                if (sendto(sockets[i].fd, text, size, 0, (struct sockaddr *)&peer, length) < 0) perror("talk: sendto");
            }
        }
    }
}

static int ready(int fd, short events, int milliseconds) {
    struct pollfd one = {.fd = fd, .events = events};
    return poll(&one, 1, milliseconds) > 0;
}

static int ask(const char *protocol, const char *address, int port, int own) {
    int stream = strcmp(protocol, "tcp") == 0;
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    int six = inet_pton(AF_INET, address, &in.sin_addr) != 1;
    if (six && inet_pton(AF_INET6, address, &in6.sin6_addr) != 1) fail(address);
    int fd = socket(six ? AF_INET6 : AF_INET, (stream ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket");
    if (own) {
        struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(own)};
        struct sockaddr_in6 from6 = {.sin6_family = AF_INET6, .sin6_port = htons(own)};
        if (bind(fd, six ? (struct sockaddr *)&from6 : (struct sockaddr *)&from, six ? sizeof from6 : sizeof from) < 0)
            fail("bind");
    }
    struct sockaddr *to = six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in;
    if (connect(fd, to, six ? sizeof in6 : sizeof in) < 0 && errno != EINPROGRESS) fail("connect");
    char text[256];
    ssize_t size = -1;
    if (stream) {
        int error = 0;
        socklen_t length = sizeof error;
        if (!ready(fd, POLLOUT, WAIT_MILLISECONDS)) errno = ETIMEDOUT, fail("connect");
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
        if (error) errno = error, fail("connect");
        if (!ready(fd, POLLIN, WAIT_MILLISECONDS)) errno = ETIMEDOUT, fail("read");
        size = read(fd, text, sizeof text);
    } else {
        // A lost datagram is asked for again; the kernel's ICMP answer is told at once.
        for (int i = 0; i < UDP_TRIES && size < 0; i++) {
            if (write(fd, "?", 1) < 0) fail("send");
            if (ready(fd, POLLIN, WAIT_MILLISECONDS / UDP_TRIES)) size = read(fd, text, sizeof text);
            else errno = ETIMEDOUT;
            if (size < 0 && errno == ECONNREFUSED) break;
        }
    }
    if (size <= 0) errno = size == 0 ? ECONNRESET : errno, fail("read");
    fwrite(text, 1, size, stdout);
    return 0;
}

int main(int count, char **arguments) {
    if (count >= 4 && strcmp(arguments[1], "serve") == 0) serve(arguments[2], count - 3, arguments + 3);
    if ((count == 5 || count == 6) && strcmp(arguments[1], "ask") == 0)
        return ask(arguments[2], arguments[3], atoi(arguments[4]), count == 6 ? atoi(arguments[5]) : 0);
    fprintf(stderr, "usage: talk serve NAME (tcp|udp)/PORT[-PORT]... | talk ask (tcp|udp) ADDRESS PORT [OWN-PORT]\n");
    return 2;
}
