#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Whether statfs(2) says that a hierarchy of control groups is there, of v2 or of v1.
bool berth_is_cgroup(const char *path, bool v2);

/// Whether systemd gave the group to whoever runs in it (Delegate=, an extended attribute).
bool berth_is_delegated(const char *group);

/// For unshare(2): the caller's groups are the roots of what it sees.
int berth_clone_newcgroup(void);

/// The hierarchy of these controllers ("cpu,cpuacct", "name=systemd", "" for v2) as a mount without a place (fsmount(2)):
/// its descriptor, or -1 with errno. Only for a hierarchy that the kernel has already.
int berth_mount_detached(const char *type, const char *controllers);

/// The group at `cgroup` (a descriptor of its directory) is ruled by this program alone (BPF_PROG_TYPE_CGROUP_DEVICE),
/// which takes the place of ours before. 0, or -1 with errno; `log` gets the verifier's words.
int berth_cgroup_device_program(int cgroup, const uint64_t *instructions, size_t count, char *log, size_t log_size);

/// How many device programs are attached to the group itself; -1 with errno.
int berth_cgroup_device_programs(int cgroup);
