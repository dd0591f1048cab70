#pragma once
#include <stdint.h>
#include <sys/types.h>

/// A process that does nothing but be in new namespaces (CLONE_ flags), until it is killed; it dies with the calling thread.
/// Its pid, and its pidfd at `pidfd`; or -1 with errno.
pid_t berth_hold_namespaces(uint64_t flags, int *pidfd);

/// As above in a new network namespace that the user namespace `space` owns.
pid_t berth_hold_network_of(int space, int *pidfd);

/// The process may set its limit of that resource up to `hard`; its limits are not lowered. 0, or -1 with errno.
int berth_raise_hard_limit(pid_t pid, int resource, uint64_t hard);
