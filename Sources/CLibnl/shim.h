#pragma once
#include <sys/socket.h>
#include <netinet/in.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/msg.h>
#include <netlink/attr.h>
