// The floor: the kernel work of one ADD and one DEL of the chain bridge (isGateway, ipMasq, hairpinMode) with host-local,
// portmap with one TCP port, firewall, tuning with one sysctl, by hand and without JSON, in as few messages as there are.
// What is shared (bridge, its address, tables, maps) stands before: `floor.nft` and Benchmarks/run.
//
//   floor add NAMESPACE CONTAINER ADDRESS PORT      one ADD, the whole process
//   floor del NAMESPACE CONTAINER ADDRESS PORT      one DEL
//   floor repeat COUNT NAMESPACE CONTAINER ADDRESS PORT     both, COUNT times; prints "ADD-ns DEL-ns" a line
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <time.h>

#include "netlink.h"

static const char bridge[] = "floor0", table[] = "floor", leases[] = "/var/lib/cni/networks/floor";
enum { PREFIX_LENGTH = 16, MTU = 1500, CONTAINER_PORT = 80 };

struct Attachment {
    const char *namespace, *container;
    struct in_addr address;
    uint16_t port;
    char host_end[IFNAMSIZ];
};

static int own_namespace;

static void enter(int fd) {
    if (setns(fd, CLONE_NEWNET) < 0) fail("setns");
}

static void veth_pair(int route, int namespace, const struct Attachment *attachment) {
    struct Messages messages = {0};
    uint32_t bridge_index = if_nametoindex(bridge), one = 1;
    char alias[256];
    snprintf(alias, sizeof alias, "floor:bridge/floor/%s/eth0", attachment->container);

    struct ifinfomsg *link = message(&messages, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, sizeof *link);
    link->ifi_flags = link->ifi_change = IFF_UP;
    put_text(&messages, IFLA_IFNAME, attachment->host_end);
    put32(&messages, IFLA_MTU, MTU);
    put32(&messages, IFLA_MASTER, bridge_index);
    put(&messages, IFLA_NUM_TX_QUEUES, &one, 4);
    put(&messages, IFLA_NUM_RX_QUEUES, &one, 4);
    struct nlattr *information = nest(&messages, IFLA_LINKINFO);
    put_text(&messages, IFLA_INFO_KIND, "veth");
    struct nlattr *data = nest(&messages, IFLA_INFO_DATA), *peer = nest(&messages, VETH_INFO_PEER);
    reserve(&messages, sizeof(struct ifinfomsg));
    put_text(&messages, IFLA_IFNAME, "eth0");
    put32(&messages, IFLA_MTU, MTU);
    unsigned char mac[6] = {0x02, 0x42};
    memcpy(mac + 2, &attachment->address, 4);
    put(&messages, IFLA_ADDRESS, mac, sizeof mac);
    put32(&messages, IFLA_NET_NS_FD, namespace);
    put(&messages, IFLA_NUM_TX_QUEUES, &one, 4);
    put(&messages, IFLA_NUM_RX_QUEUES, &one, 4);
    end(&messages, peer);
    end(&messages, data);
    end(&messages, information);

    // The kernel ignores an alias in the message that creates; the port's hairpin mode goes the same way.
    message(&messages, RTM_NEWLINK, NLM_F_ACK, sizeof *link);
    put_text(&messages, IFLA_IFNAME, attachment->host_end);
    put_text(&messages, IFLA_IFALIAS, alias);
    information = nest(&messages, IFLA_LINKINFO);
    put_text(&messages, IFLA_INFO_SLAVE_KIND, "bridge");
    data = nest(&messages, IFLA_INFO_SLAVE_DATA);
    put(&messages, IFLA_BRPORT_MODE, &(uint8_t){1}, 1);
    end(&messages, data);
    end(&messages, information);
    exchange(route, &messages, "create veth pair", NULL, 0);
}

static void inside(int route, const struct Attachment *attachment) {
    struct Messages messages = {0};
    _Alignas(8) char answer[4096];
    struct ifinfomsg *link = message(&messages, RTM_GETLINK, NLM_F_ACK, sizeof *link);
    put_text(&messages, IFLA_IFNAME, "eth0");
    exchange(route, &messages, "find eth0", answer, sizeof answer);
    int index = ((struct ifinfomsg *)NLMSG_DATA((struct nlmsghdr *)answer))->ifi_index;

    messages.size = 0;
    for (int i = 0; i < 2; i++) {
        link = message(&messages, RTM_NEWLINK, 0, sizeof *link);
        link->ifi_index = i ? index : 1;  // lo is always 1
        link->ifi_flags = link->ifi_change = IFF_UP;
        closed(&messages);
    }
    struct ifaddrmsg *address = message(&messages, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof *address);
    *address = (struct ifaddrmsg){.ifa_family = AF_INET, .ifa_prefixlen = PREFIX_LENGTH, .ifa_index = index};
    put(&messages, IFA_LOCAL, &attachment->address, 4);
    put(&messages, IFA_ADDRESS, &attachment->address, 4);
    struct in_addr gateway = {htonl((ntohl(attachment->address.s_addr) & ~0u << (32 - PREFIX_LENGTH)) | 1)};
    struct rtmsg *route_message = message(&messages, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, sizeof *route_message);
    *route_message = (struct rtmsg){.rtm_family = AF_INET, .rtm_table = RT_TABLE_MAIN, .rtm_protocol = RTPROT_STATIC,
                                    .rtm_scope = RT_SCOPE_UNIVERSE, .rtm_type = RTN_UNICAST};
    put(&messages, RTA_GATEWAY, &gateway, 4);
    exchange(route, &messages, "configure eth0", NULL, 0);
}

static void element(struct Messages *messages, int type, int flags, const char *set, const void *key, size_t key_size,
                    const void *value, size_t value_size, const char *comment) {
    struct nfgenmsg *header = message(messages, NFNL_SUBSYS_NFTABLES << 8 | type, flags, sizeof *header);
    header->nfgen_family = NFPROTO_INET;
    put_text(messages, NFTA_SET_ELEM_LIST_TABLE, table);
    put_text(messages, NFTA_SET_ELEM_LIST_SET, set);
    struct nlattr *list = nest(messages, NFTA_SET_ELEM_LIST_ELEMENTS | NLA_F_NESTED);
    struct nlattr *one = nest(messages, NFTA_LIST_ELEM | NLA_F_NESTED), *data = nest(messages, NFTA_SET_ELEM_KEY | NLA_F_NESTED);
    put(messages, NFTA_DATA_VALUE, key, key_size);
    end(messages, data);
    if (value) {
        data = nest(messages, NFTA_SET_ELEM_DATA | NLA_F_NESTED);
        put(messages, NFTA_DATA_VALUE, value, value_size);
        end(messages, data);
    }
    if (comment) {
        unsigned char note[2 + 256] = {0, (unsigned char)(strlen(comment) + 1)};
        strcpy((char *)note + 2, comment);
        put(messages, NFTA_SET_ELEM_USERDATA, note, 2 + note[1]);
    }
    end(messages, one);
    end(messages, list);
}

// Five elements in one transaction, each with its owner: the source to masquerade, the hairpin, the port to forward, the
// firewall's member and that it has a published port.
static void elements(int netfilter, int type, const struct Attachment *attachment) {
    struct Messages messages = {0};
    int add = type == NFT_MSG_NEWSETELEM, flags = add ? NLM_F_CREATE | NLM_F_EXCL : 0;
    uint8_t port_key[8] = {IPPROTO_TCP}, target[8] = {0};
    char owner[160];
    snprintf(owner, sizeof owner, "portmap 0123456789abcdef-0123456789abcdef floor/%s/eth0", attachment->container);
    const char *comment = add ? owner : NULL;
    uint16_t port = htons(attachment->port), container_port = htons(CONTAINER_PORT);
    memcpy(port_key + 4, &port, 2);
    memcpy(target, &attachment->address, 4);
    memcpy(target + 4, &container_port, 2);
    struct nfgenmsg *header = message(&messages, NFNL_MSG_BATCH_BEGIN, 0, sizeof *header);
    header->res_id = htons(NFNL_SUBSYS_NFTABLES);
    closed(&messages);
    static const char *const sets[] = {"sources", "hairpins", "members", "published"};
    for (int i = 0; i < 4; i++) element(&messages, type, flags, sets[i], &attachment->address, 4, NULL, 0, comment);
    element(&messages, type, flags | NLM_F_ACK, "ports", port_key, sizeof port_key, add ? target : NULL, sizeof target, comment);
    header = message(&messages, NFNL_MSG_BATCH_END, 0, sizeof *header);
    header->res_id = htons(NFNL_SUBSYS_NFTABLES);
    closed(&messages);
    exchange(netfilter, &messages, add ? "add elements" : "delete elements", NULL, 0);
}

static void lease_path(char *path, size_t size, const struct Attachment *attachment) {
    snprintf(path, size, "%s/%s", leases, inet_ntoa(attachment->address));
}

// A lease that a crash leaves whole or not at all: written aside, synced, linked to its name, the directory synced.
static void lease(const struct Attachment *attachment) {
    char path[128], aside[128], text[128];
    lease_path(path, sizeof path, attachment);
    snprintf(aside, sizeof aside, "%s/../.tmp-%d", leases, getpid());
    int size = snprintf(text, sizeof text, "%s\r\neth0", attachment->container);
    int fd = open(aside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, text, size) != size || fsync(fd) < 0 || link(aside, path) < 0) fail("lease");
    close(fd);
    int folder = open(leases, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (unlink(aside) < 0 || fsync(folder) < 0) fail("lease");
    close(folder);
}

// A container's router advertisement is not the host's (CVE-2020-10749).
static void no_advertisements(const struct Attachment *attachment) {
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/accept_ra", attachment->host_end);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0", 1) != 1) fail(path);
    close(fd);
}

static void sysctl_inside(int namespace) {
    enter(namespace);
    int fd = open("/proc/sys/net/core/somaxconn", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "512", 3) != 3) fail("somaxconn");
    close(fd);
    enter(own_namespace);
}

static void add(const struct Attachment *attachment) {
    int namespace = open(attachment->namespace, O_RDONLY | O_CLOEXEC);
    if (namespace < 0) fail(attachment->namespace);
    lease(attachment);
    int route = netlink(NETLINK_ROUTE), netfilter = netlink(NETLINK_NETFILTER);
    enter(namespace);
    int route_inside = netlink(NETLINK_ROUTE);
    enter(own_namespace);
    veth_pair(route, namespace, attachment);
    no_advertisements(attachment);
    inside(route_inside, attachment);
    elements(netfilter, NFT_MSG_NEWSETELEM, attachment);
    sysctl_inside(namespace);
    close(route_inside);
    close(netfilter);
    close(route);
    close(namespace);
}

static void del(const struct Attachment *attachment) {
    struct Messages messages = {0};
    char path[128];
    int route = netlink(NETLINK_ROUTE), netfilter = netlink(NETLINK_NETFILTER);
    elements(netfilter, NFT_MSG_DELSETELEM, attachment);
    message(&messages, RTM_DELLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
    put_text(&messages, IFLA_IFNAME, attachment->host_end);
    exchange(route, &messages, "delete veth pair", NULL, 0);
    lease_path(path, sizeof path, attachment);
    if (unlink(path) < 0) fail(path);
    close(netfilter);
    close(route);
}

static long long nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000LL + now.tv_nsec;
}

int main(int count, char **arguments) {
    int repeat = count == 7 && strcmp(arguments[1], "repeat") == 0;
    if (!repeat && count != 6) {
        fprintf(stderr, "usage: floor add|del|repeat COUNT NAMESPACE CONTAINER ADDRESS PORT\n");
        return 2;
    }
    char **words = arguments + 2 + repeat;
    struct Attachment attachment = {.namespace = words[0], .container = words[1], .port = atoi(words[3])};
    if (inet_pton(AF_INET, words[2], &attachment.address) != 1) errno = EINVAL, fail(words[2]);
    snprintf(attachment.host_end, sizeof attachment.host_end, "fl%08x", ntohl(attachment.address.s_addr));
    own_namespace = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (own_namespace < 0) fail("/proc/self/ns/net");
    if (!repeat) {
        strcmp(arguments[1], "add") == 0 ? add(&attachment) : del(&attachment);
        return 0;
    }
    for (int i = atoi(arguments[2]); i > 0; i--) {
        long long begin = nanoseconds();
        add(&attachment);
        long long middle = nanoseconds();
        del(&attachment);
        printf("%lld %lld\n", middle - begin, nanoseconds() - middle);
        usleep(30000);  // the deletion's grace period is over before the next ADD
    }
    return 0;
}
