#pragma once
#include <sys/socket.h>
#include <netinet/in.h>
#include <net/if.h>
#include <libiptc/libiptc.h>
#include <libiptc/libip6tc.h>
