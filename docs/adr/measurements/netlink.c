// What a question about one link costs: by a message that libnl builds, by one laid out by hand, by libnl-route's own
// call, and by listing all links. In a network namespace of its own with 1,000 links; as root:
//   cc -O2 -IBenchmarks docs/adr/measurements/netlink.c $(pkg-config --cflags --libs libnl-route-3.0) -Wno-unused-function -o /tmp/netlink && /tmp/netlink
#define _GNU_SOURCE
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <sched.h>
#include <time.h>
#include "netlink.h"

enum { PAIRS = 500, ROUNDS = 2000, DUMPS = 25 };
static struct nl_sock *library;
static int own;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int compare(const void *a, const void *b) { return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b); }

static void measure(const char *what, void (*body)(void), int rounds) {
    double *taken = malloc(rounds * sizeof *taken);
    body();
    for (int i = 0; i < rounds; i++) {
        double before = now();
        body();
        taken[i] = now() - before;
    }
    qsort(taken, rounds, sizeof *taken, compare);
    printf("%-58s median %9.2f us   minimum %9.2f us\n", what, taken[rounds / 2], taken[0]);
    free(taken);
}

static struct nl_msg *by_library(void) {
    struct ifinfomsg link = {0};
    struct nl_msg *msg = nlmsg_alloc_size(2048);
    nlmsg_put(msg, 0, ++sequence, RTM_GETLINK, 0, NLM_F_REQUEST | NLM_F_ACK);
    nlmsg_append(msg, &link, sizeof link, NLMSG_ALIGNTO);
    nla_put_string(msg, IFLA_IFNAME, "v250");
    return msg;
}

static void by_hand(struct Messages *messages) {
    messages->size = 0;
    message(messages, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
    put_text(messages, IFLA_IFNAME, "v250");
}

static void build_library(void) { nlmsg_free(by_library()); }
static void build_hand(void) {
    struct Messages messages;
    by_hand(&messages);
}
static void ask_hand(void) {
    struct Messages messages;
    by_hand(&messages);
    exchange(own, &messages, "get link", NULL, 0);
}
static void ask_library(void) {  // built by libnl, sent and received without it: as NetlinkSocket does
    struct nl_msg *msg = by_library();
    struct Messages messages = {.size = NLMSG_ALIGN(nlmsg_hdr(msg)->nlmsg_len)};
    memcpy(messages.bytes, nlmsg_hdr(msg), nlmsg_hdr(msg)->nlmsg_len);
    exchange(own, &messages, "get link", NULL, 0);
    nlmsg_free(msg);
}
static void ask_route(void) {
    struct rtnl_link *link;
    if (rtnl_link_get_kernel(library, 0, "v250", &link) < 0) fail("rtnl_link_get_kernel");
    rtnl_link_put(link);
}
static void list_route(void) {
    struct nl_cache *cache;
    if (rtnl_link_alloc_cache(library, AF_UNSPEC, &cache) < 0) fail("rtnl_link_alloc_cache");
    nl_cache_free(cache);
}
static void list_raw(void) {
    struct Messages messages = {0};
    message(&messages, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
    closed(&messages);
    if (send(own, messages.bytes, messages.size, 0) < 0) fail("list links");
    for (;;) {
        static char received[65536];
        ssize_t count = recv(own, received, sizeof received, 0);
        if (count < 0) fail("list links");
        unsigned size = count;
        for (struct nlmsghdr *h = (void *)received; NLMSG_OK(h, size); h = NLMSG_NEXT(h, size))
            if (h->nlmsg_type == NLMSG_DONE) return;
    }
}

int main(void) {
    if (unshare(CLONE_NEWNET)) fail("a network namespace (root is needed)");
    own = netlink(NETLINK_ROUTE);
    library = nl_socket_alloc();
    if (nl_connect(library, NETLINK_ROUTE) < 0) fail("nl_connect");
    for (int i = 0; i < PAIRS; i++) {
        char name[16];
        struct Messages messages = {0};
        message(&messages, RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, sizeof(struct ifinfomsg));
        snprintf(name, sizeof name, "v%d", i);
        put_text(&messages, IFLA_IFNAME, name);
        struct nlattr *info = nest(&messages, IFLA_LINKINFO);
        put_text(&messages, IFLA_INFO_KIND, "veth");
        end(&messages, info);
        exchange(own, &messages, "make a veth pair", NULL, 0);
    }
    measure("build the message, libnl", build_library, ROUNDS);
    measure("build the message, by hand", build_hand, ROUNDS);
    measure("one link by name, built by libnl, own send and receive", ask_library, ROUNDS);
    measure("one link by name, by hand", ask_hand, ROUNDS);
    measure("one link by name, rtnl_link_get_kernel", ask_route, ROUNDS);
    measure("all 1,001 links, read and thrown away", list_raw, DUMPS);
    measure("all 1,001 links, rtnl_link_alloc_cache", list_route, DUMPS);
    return 0;
}
