#pragma once
#include <sys/socket.h>
#include <netinet/in.h>
#include <net/if.h>
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/inet_diag.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/x_tables.h>
#include <linux/netfilter/xt_MARK.h>
#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>
#include <linux/netfilter/xt_mark.h>
#include <linux/netfilter/xt_multiport.h>
#include <linux/netfilter/xt_sctp.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netfilter_ipv4/ip_tables.h>
#include <linux/netfilter_ipv6/ip6_tables.h>
#include <linux/net_namespace.h>
#include <linux/netlink.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/tc_act/tc_mirred.h>
#include <linux/veth.h>
#include <sys/inotify.h>
#include <sys/types.h>
#include <stdint.h>

// The few calls that the Swift importer does not show (they stand behind _GNU_SOURCE or are variadic).
// Each returns what the call returns: -1 with errno set on failure.

int berth_setns(int descriptor, int kind);
int berth_unshare(int flags);
int berth_clone_newnet(void);
int berth_clone_newns(void);
int berth_open_cloexec(const char *path, int flags, unsigned mode);
int berth_openat(int directory, const char *path, int flags, unsigned mode);
int berth_close_range(unsigned first, unsigned last);
int berth_pipe_cloexec(int ends[2]);
int berth_renameat_noreplace(const char *from, const char *to);
const char *berth_errno_name(int error);
char **berth_environment(void);
// Free memory goes back to the kernel, and what of the program's files is mapped but not written is let go: it is
// mapped again from the page cache where it is used.
void berth_give_back_memory(void);
int berth_exit_status(int status);   // WEXITSTATUS, or 128 + signal
int berth_netns_inode(int descriptor, uint64_t *device, uint64_t *inode);
int berth_is_netns(int descriptor);  // 1 when the descriptor is a network namespace
/// A new descriptor of the calling thread's network namespace (-1 and errno). A socket tells it (SIOCGSKNS) where the
/// process has CAP_NET_ADMIN; a process' first way through /proc takes 0.03 ms.
int berth_own_netns(void);
/// The kind of file system that a path is in, one of linux/magic.h (statfs(2)); 0 when it cannot be told.
uint64_t berth_file_system(const char *path);
/// The absolute path that this program was executed by (getauxval(3), AT_EXECFN); NULL when it was another.
const char *berth_program_path(void);
// Places of parameters in IFLA_INET_CONF (linux/ip.h) and IFLA_INET6_CONF (linux/ipv6.h), whose headers do not go with
// the C library's.
int berth_ipv4_arp_notify(void);
int berth_ipv4_route_localnet(void);
int berth_ipv6_accept_ra(void);
/// The index of the link of that name in the namespace of a socket of any kind (netdevice(7), SIOCGIFINDEX): 0 when there is
/// none, -1 when it cannot be told.
int berth_link_index(int socket, const char *name);
/// The MTU in bytes of the link with that index in the socket's namespace (SIOCGIFMTU); -1 when it cannot be told.
int berth_link_mtu(int socket, int index);
int berth_gettid(void);
// What a TCP socket sent: segments with data, how many of them again, the size of one in bytes, and the bytes that the
// other end has not acknowledged (TCP_INFO, SIOCOUTQ; of Linux 4.6 and later).
struct berth_tcp_sent { uint32_t segments, again, size, unacknowledged; };
int berth_tcp_sent(int socket, struct berth_tcp_sent *sent);
int berth_tcp_send_at_once(int socket); // TCP_NODELAY
int berth_tracefs(void);              // an open tracefs that is mounted nowhere
int berth_legacy_forward_drops(void); // 1: the legacy IPv4 filter table exists and its FORWARD policy is DROP
// What a table of iptables-legacy holds at each hook of netfilter; valid is 0 where the table has no chain.
struct berth_legacy_hook { int valid; int drops; unsigned rules; };
// Of the calling thread's namespace. 0, or -1 with errno: ENOENT where there is no such table (none is made).
int berth_legacy_hooks(int is_v6, const char *table, struct berth_legacy_hook hooks[NF_INET_NUMHOOKS]);
void berth_die_with_parent(void);     // SIGKILL when the parent ends (man 2 prctl, PR_SET_PDEATHSIG)
