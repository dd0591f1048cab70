#include <linux/ip.h>
#include <linux/ipv6.h>

int berth_ipv4_arp_notify(void) { return IPV4_DEVCONF_ARP_NOTIFY; }
int berth_ipv4_route_localnet(void) { return IPV4_DEVCONF_ROUTE_LOCALNET; }
int berth_ipv6_accept_ra(void) { return DEVCONF_ACCEPT_RA; }
