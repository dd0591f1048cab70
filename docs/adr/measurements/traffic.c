// What a limit costs to set and to read: by libnl-route's calls, and by a message that libnl builds and our own code sends.
// In a network namespace of its own with 200 limited links; as root:
//   cc -O2 docs/adr/measurements/traffic.c $(pkg-config --cflags --libs libnl-route-3.0) -Wno-unused-function -o /tmp/traffic && /tmp/traffic
// With -DLIBRARY or -DOWN, and -static, it sets one limit and ends: what a program with that part of libnl-route weighs.
#define _GNU_SOURCE
#include <net/if.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/qdisc/tbf.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINKS = 200, ROUNDS = 500, RATE = 1000000, BURST = 20000 };
static struct nl_sock *library;
static int own, target;
static unsigned sequence;

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

// Sets the limit of an existing token bucket anew: the kernel's part is then the same each time.
static void set_library(void) {
    struct rtnl_qdisc *q = rtnl_qdisc_alloc();
    rtnl_tc_set_ifindex(TC_CAST(q), target);
    rtnl_tc_set_parent(TC_CAST(q), TC_H_ROOT);
    rtnl_tc_set_handle(TC_CAST(q), 0xbe000000);
    rtnl_tc_set_kind(TC_CAST(q), "tbf");
    rtnl_qdisc_tbf_set_rate(q, RATE, BURST, 0);
    rtnl_qdisc_tbf_set_limit(q, BURST + RATE / 40);
    int error = rtnl_qdisc_add(library, q, NLM_F_CREATE | NLM_F_REPLACE);
    if (error < 0) printf("libnl-route: %s\n", nl_geterror(error)), exit(1);
    rtnl_qdisc_put(q);
}

static void sent(struct nl_msg *msg) {
    struct nlmsghdr *header = nlmsg_hdr(msg);
    static char answer[1 << 16];
    if (send(own, header, header->nlmsg_len, 0) < 0) perror("send"), exit(1);
    for (int seen = 0; !seen;) {
        ssize_t size = recv(own, answer, sizeof answer, 0);
        for (struct nlmsghdr *m = (void *)answer; NLMSG_OK(m, size); m = NLMSG_NEXT(m, size)) {
            if (m->nlmsg_type != NLMSG_ERROR) continue;
            int error = ((struct nlmsgerr *)NLMSG_DATA(m))->error;
            if (error) printf("own: %s\n", strerror(-error)), exit(1);
            seen = 1;
        }
    }
    nlmsg_free(msg);
}

static struct nl_msg *traffic(int type, int flags) {
    struct tcmsg header = {.tcm_ifindex = target, .tcm_parent = TC_H_ROOT, .tcm_handle = 0xbe000000};
    struct nl_msg *msg = nlmsg_alloc_size(2048);
    nlmsg_put(msg, 0, ++sequence, type, 0, NLM_F_REQUEST | NLM_F_ACK | flags);
    nlmsg_append(msg, &header, sizeof header, NLMSG_ALIGNTO);
    return msg;
}

static void set_own(void) {
    struct tc_tbf_qopt options = {.rate = {.linklayer = TC_LINKLAYER_ETHERNET, .rate = RATE}, .limit = BURST + RATE / 40};
    struct nl_msg *msg = traffic(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE);
    nla_put_string(msg, TCA_KIND, "tbf");
    struct nlattr *nest = nla_nest_start(msg, TCA_OPTIONS);
    nla_put(msg, TCA_TBF_PARMS, sizeof options, &options);
    nla_put_u32(msg, TCA_TBF_BURST, BURST);
    nla_nest_end(msg, nest);
    sent(msg);
}

static void read_library(void) {
    struct nl_cache *all;
    if (rtnl_qdisc_alloc_cache(library, &all) < 0) exit(1);
    struct rtnl_qdisc *q = rtnl_qdisc_get_by_parent(all, target, TC_H_ROOT);
    if (!q) printf("libnl-route finds no qdisc\n"), exit(1);
    rtnl_qdisc_put(q);
    nl_cache_free(all);
}

static void read_own(void) { sent(traffic(RTM_GETQDISC, NLM_F_ECHO)); }

int main(void) {
    library = nl_socket_alloc();
    nl_connect(library, NETLINK_ROUTE);
    own = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
#if defined LIBRARY || defined OWN
    target = if_nametoindex("lo");
#ifdef LIBRARY
    set_library();
#else
    set_own();
#endif
    return 0;
#endif
    nl_close(library);
    close(own);
    if (unshare(CLONE_NEWNET)) return perror("unshare"), 1;
    nl_connect(library, NETLINK_ROUTE);
    own = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
    for (int i = 0; i < LINKS; i++) {
        char command[200];
        snprintf(command, sizeof command, "ip link add v%d type veth peer name w%d && tc qdisc add dev v%d root handle be00: tbf rate 8mbit burst 20000 latency 25ms", i, i, i);
        if (system(command)) return 1;
    }
    target = if_nametoindex("v100");
    measure("set a limit: rtnl_qdisc_add", set_library, ROUNDS);
    measure("set a limit: built by libnl, sent by our own code", set_own, ROUNDS);
    measure("read a limit: rtnl_qdisc_alloc_cache", read_library, ROUNDS);
    measure("read a limit: one link's root qdisc asked for", read_own, ROUNDS);
    return 0;
}
