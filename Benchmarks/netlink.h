// As much of netlink as the floor needs: messages laid one behind the other in a buffer, sent in one call.
#pragma once
#include <errno.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct Messages {
    _Alignas(8) char bytes[4096];
    size_t size;
    struct nlmsghdr *last;
};

static void fail(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

static void *reserve(struct Messages *messages, size_t size) {
    void *place = messages->bytes + messages->size;
    messages->size += NLMSG_ALIGN(size);
    if (messages->size > sizeof messages->bytes) errno = EMSGSIZE, fail("buffer");
    memset(place, 0, NLMSG_ALIGN(size));
    return place;
}

static uint32_t sequence;

// Starts a message whose family header has `size` bytes and returns that header.
static void *message(struct Messages *messages, int type, int flags, size_t size) {
    struct nlmsghdr *header = reserve(messages, NLMSG_HDRLEN + size);
    *header = (struct nlmsghdr){.nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags, .nlmsg_seq = ++sequence};
    messages->last = header;
    return NLMSG_DATA(header);
}

// Every attribute ends the message anew: the header's length is always that of what was put.
static void closed(struct Messages *messages) {
    messages->last->nlmsg_len = messages->bytes + messages->size - (char *)messages->last;
}

static void put(struct Messages *messages, int type, const void *value, size_t size) {
    struct nlattr *attribute = reserve(messages, NLA_HDRLEN + size);
    attribute->nla_type = type;
    attribute->nla_len = NLA_HDRLEN + size;
    if (size) memcpy((char *)attribute + NLA_HDRLEN, value, size);
    closed(messages);
}

static void put_text(struct Messages *messages, int type, const char *text) { put(messages, type, text, strlen(text) + 1); }
static void put32(struct Messages *messages, int type, uint32_t value) { put(messages, type, &value, 4); }

static struct nlattr *nest(struct Messages *messages, int type) {
    struct nlattr *start = (struct nlattr *)(messages->bytes + messages->size);
    put(messages, type, NULL, 0);
    return start;
}

static void end(struct Messages *messages, struct nlattr *start) {
    start->nla_len = messages->bytes + messages->size - (char *)start;
    closed(messages);
}

static int netlink(int protocol) {
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol), on = 1;
    if (fd < 0) fail("netlink socket");
    setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof on);
    return fd;
}

// Sends everything in one call and reads answers until the last message is acknowledged; the first error ends the
// program. Returns the last answer that is not an acknowledgement, in `answer`.
static void exchange(int fd, struct Messages *messages, const char *what, char *answer, size_t answer_size) {
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    uint32_t awaited = 0;
    for (struct nlmsghdr *h = (void *)messages->bytes; (char *)h < messages->bytes + messages->size;
         h = (void *)((char *)h + NLMSG_ALIGN(h->nlmsg_len)))
        if (h->nlmsg_flags & NLM_F_ACK) awaited = h->nlmsg_seq;
    if (sendto(fd, messages->bytes, messages->size, 0, (struct sockaddr *)&kernel, sizeof kernel) < 0) fail(what);
    for (;;) {
        _Alignas(8) char received[8192];
        ssize_t count = recv(fd, received, sizeof received, 0);
        if (count < 0) fail(what);
        unsigned size = count;
        for (struct nlmsghdr *h = (void *)received; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size)) {
            if (h->nlmsg_type != NLMSG_ERROR) {
                if (answer && h->nlmsg_len <= answer_size) memcpy(answer, h, h->nlmsg_len);
                continue;
            }
            struct nlmsgerr *error = NLMSG_DATA(h);
            if (error->error) errno = -error->error, fail(what);
            if (h->nlmsg_seq == awaited) return;
        }
    }
}
