// Making a container's cable with its host end up first, or last: what each message takes, in microseconds.
//   gcc -O2 -o cable docs/adr/measurements/cable.c && sudo unshare --net ./cable 60
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sched.h>
#include <time.h>

#include "../../../Benchmarks/netlink.h"

enum { CREATE, HOST_UP, ADDRESS, INSIDE_UP, SETTING, ROUTE, STEPS };
static const char *const words[] = {"create", "host end up", "address", "container's end up", "a setting", "route"};
static const char host_end[] = "cable0";
static int home, container, outside, inside;
static uint32_t bridge;

static double microseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void create(struct Messages *messages) {
    message(messages, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof(struct ifinfomsg));
    put_text(messages, IFLA_IFNAME, host_end);
    put32(messages, IFLA_MASTER, bridge);
    put32(messages, IFLA_NUM_TX_QUEUES, 1);
    put32(messages, IFLA_NUM_RX_QUEUES, 1);
    struct nlattr *information = nest(messages, IFLA_LINKINFO | NLA_F_NESTED);
    put_text(messages, IFLA_INFO_KIND, "veth");
    struct nlattr *data = nest(messages, IFLA_INFO_DATA | NLA_F_NESTED), *peer = nest(messages, VETH_INFO_PEER | NLA_F_NESTED);
    reserve(messages, sizeof(struct ifinfomsg));
    put_text(messages, IFLA_IFNAME, "eth0");
    put32(messages, IFLA_NET_NS_FD, container);
    put32(messages, IFLA_NUM_TX_QUEUES, 1);
    put32(messages, IFLA_NUM_RX_QUEUES, 1);
    end(messages, peer);
    end(messages, data);
    end(messages, information);
}

static void up(struct Messages *messages, const char *name) {
    struct ifinfomsg *link = message(messages, RTM_NEWLINK, NLM_F_ACK, sizeof *link);
    link->ifi_flags = link->ifi_change = IFF_UP;
    put_text(messages, IFLA_IFNAME, name);
}

static void arp_notify(struct Messages *messages) {
    message(messages, RTM_NEWLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
    put_text(messages, IFLA_IFNAME, "eth0");
    struct nlattr *families = nest(messages, IFLA_AF_SPEC | NLA_F_NESTED), *family = nest(messages, AF_INET | NLA_F_NESTED);
    struct nlattr *settings = nest(messages, IFLA_INET_CONF | NLA_F_NESTED);
    put32(messages, 22, 1);  // IPV4_DEVCONF_ARP_NOTIFY
    end(messages, settings);
    end(messages, family);
    end(messages, families);
}

static void address(struct Messages *messages, uint32_t index, const char *text) {
    struct ifaddrmsg *header = message(messages, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof *header);
    *header = (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = 16, .ifa_index = index};
    put32(messages, IFA_LOCAL, inet_addr(text));
    put32(messages, IFA_ADDRESS, inet_addr(text));
}

static void route(struct Messages *messages) {
    struct rtmsg *header = message(messages, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof *header);
    *header = (struct rtmsg){.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC, .rtm_type = RTN_UNICAST};
    put32(messages, RTA_GATEWAY, inet_addr("10.88.0.1"));
}

static double take(int step) {
    struct Messages messages = {0};
    switch (step) {
    case CREATE: create(&messages); break;
    case HOST_UP: up(&messages, host_end); break;
    case INSIDE_UP: up(&messages, "eth0"); break;
    case SETTING: arp_notify(&messages); break;
    case ROUTE: route(&messages); break;
    case ADDRESS:
        setns(container, CLONE_NEWNET);
        address(&messages, if_nametoindex("eth0"), "10.88.0.3");
        setns(home, CLONE_NEWNET);
    }
    double begin = microseconds();
    exchange(step <= HOST_UP ? outside : inside, &messages, words[step], NULL, 0);
    return microseconds() - begin;
}

static int ascending(const void *a, const void *b) { return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b); }

int main(int count, char **arguments) {
    int rounds = count > 1 ? atoi(arguments[1]) : 60;
    if (rounds < 1 || rounds > 1000) return fprintf(stderr, "usage: cable ROUNDS (1 to 1000)\n"), 2;
    static const int orders[2][STEPS] = {{CREATE, HOST_UP, ADDRESS, INSIDE_UP, SETTING, ROUTE}, {CREATE, ADDRESS, INSIDE_UP, SETTING, ROUTE, HOST_UP}};
    static double took[2][STEPS + 1][1000];
    home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (unshare(CLONE_NEWNET) < 0) fail("unshare");
    container = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    inside = netlink(NETLINK_ROUTE);
    if (setns(home, CLONE_NEWNET) < 0) fail("setns");
    outside = netlink(NETLINK_ROUTE);
    struct Messages messages = {0};
    struct ifinfomsg *link = message(&messages, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof *link);
    link->ifi_flags = link->ifi_change = IFF_UP;
    put_text(&messages, IFLA_IFNAME, "bridge0");
    struct nlattr *information = nest(&messages, IFLA_LINKINFO | NLA_F_NESTED);
    put_text(&messages, IFLA_INFO_KIND, "bridge");
    end(&messages, information);
    exchange(outside, &messages, "make a bridge", NULL, 0);
    bridge = if_nametoindex("bridge0");

    for (int round = 0; round < rounds; round++)
        for (int order = 0; order < 2; order++) {
            double sum = 0;
            for (int i = 0; i < STEPS; i++) sum += took[order][orders[order][i]][round] = take(orders[order][i]);
            took[order][STEPS][round] = sum;
            usleep(15000);
            messages.size = 0;
            message(&messages, RTM_DELLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
            put_text(&messages, IFLA_IFNAME, host_end);
            exchange(outside, &messages, "delete the cable", NULL, 0);
            usleep(15000);
        }
    printf("%-20s %10s %10s   (medians)\n", "", "up first", "up last");
    for (int step = 0; step <= STEPS; step++) {
        printf("%-20s", step == STEPS ? "all" : words[step]);
        for (int order = 0; order < 2; order++) {
            qsort(took[order][step], rounds, sizeof(double), ascending);
            printf(" %10.1f", took[order][step][rounds / 2]);
        }
        printf("\n");
    }
    return 0;
}
