#pragma once
#include "cgroup.h"
#include "shim_calls.h"
#include "user_namespace.h"
#include <stdint.h>
#include <sys/types.h>
#include <linux/capability.h>
#include <linux/mount.h>
// The C library has these too, and Swift would not know which are meant.
#undef MS_ACTIVE
#undef MS_BIND
#undef MS_BORN
#undef MS_DIRSYNC
#undef MS_I_VERSION
#undef MS_KERNMOUNT
#undef MS_LAZYTIME
#undef MS_MANDLOCK
#undef MS_MGC_MSK
#undef MS_MGC_VAL
#undef MS_MOVE
#undef MS_NOATIME
#undef MS_NODEV
#undef MS_NODIRATIME
#undef MS_NOEXEC
#undef MS_NOREMOTELOCK
#undef MS_NOSEC
#undef MS_NOSUID
#undef MS_NOSYMFOLLOW
#undef MS_NOUSER
#undef MS_POSIXACL
#undef MS_PRIVATE
#undef MS_RDONLY
#undef MS_REC
#undef MS_RELATIME
#undef MS_REMOUNT
#undef MS_RMT_MASK
#undef MS_SHARED
#undef MS_SILENT
#undef MS_SLAVE
#undef MS_STRICTATIME
#undef MS_SUBMOUNT
#undef MS_SYNCHRONOUS
#undef MS_UNBINDABLE
#undef MS_VERBOSE
#include <linux/openat2.h>
#include <linux/sched.h>
#include <linux/securebits.h>

// The calls that a container takes and the Swift importer does not show. Each returns what the kernel returns: -1 with errno
// set on failure. All of them may be made in a forked child.

// Like fork(2), with namespaces of its own: 0 in the child, and the child's pid here; a pidfd goes to `pidfd`.
// `cgroup`: the open directory of a control group of version 2 in which it is born; -1 for the caller's own.
int berth_clone(uint64_t flags, int cgroup, int *pidfd);
int berth_setns_kinds(int descriptor, int kinds);
int berth_unshare_kinds(int kinds);
int berth_pidfd_open(pid_t pid);
int berth_pidfd_signal(int pidfd, int signal);

// Constants that stand behind _GNU_SOURCE.
int berth_o_path(void);
int berth_at_recursive(void);
int berth_at_empty_path(void);
int berth_openat2(int directory, const char *path, int flags, unsigned mode, uint64_t resolve);
// Whether statfs(2) says that the path is on a proc file system.
int berth_is_proc(const char *path);
int berth_open_tree(int directory, const char *path, unsigned flags);
int berth_move_mount(int from, const char *from_path, int to, const char *to_path, unsigned flags);
int berth_mount_setattr(int directory, const char *path, unsigned flags, uint64_t set, uint64_t clear,
                        uint64_t propagation);
int berth_pivot_root(const char *new_root, const char *put_old);
int berth_close_on_exec_from(unsigned first);
int berth_set_close_on_exec(int descriptor, int on);
int berth_execve_descriptor(int descriptor, char *const arguments[], char *const environment[]);
int berth_mknodat(int directory, const char *name, unsigned mode, unsigned major, unsigned minor);

int berth_sethostname(const char *name);
int berth_setdomainname(const char *name);
int berth_join_session_keyring(const char *name);

// Bits by capability number, for the three sets of capset(2).
int berth_capset(uint64_t effective, uint64_t permitted, uint64_t inheritable);
int berth_capget(uint64_t *effective, uint64_t *permitted, uint64_t *inheritable);
int berth_bounding_has(int capability);
int berth_bounding_drop(int capability);
int berth_ambient_clear(void);
int berth_ambient_raise(int capability);
int berth_keep_capabilities(int on);
int berth_no_new_privileges(void);
int berth_memory_file(const char *name); // has no path
// Instructions of 8 bytes each, for the calling thread (man 2 seccomp).
int berth_seccomp_load(unsigned flags, const uint8_t *instructions, size_t count);
int berth_set_dumpable(int on);
int berth_die_with(int signal);
int berth_become_subreaper(void);
int berth_set_groups(const unsigned *groups, size_t count);
int berth_set_user(unsigned uid);
int berth_set_group(unsigned gid);
int berth_set_limit(int resource, uint64_t soft, uint64_t hard);
int berth_get_limit(int resource, uint64_t *soft, uint64_t *hard);
int berth_set_io_priority(int class_, int level);

// The other end of a pseudoterminal, opened without a path; the master is unlocked.
int berth_terminal_peer(int master);
int berth_terminal_size(int terminal, unsigned short rows, unsigned short columns);
int berth_copy_terminal_size(int from, int to);
int berth_controlling_terminal(int terminal);
int berth_send_descriptor(int socket, int descriptor, const char *name);
int berth_receive_descriptor(int socket);
void berth_default_signals(void); // every handler the default one, nothing blocked
int berth_new_pipe(int ends[2]);
int berth_new_pair(int ends[2]); // a pair of connected sockets that keep the limits of messages
int berth_wait_child(pid_t pid, int *status);
int berth_signal_descriptor(void);          // every signal is held back, and read from here
int berth_read_signal(int descriptor);      // 0: none waits
int berth_raw_terminal(int terminal, void *before, size_t room); // what was before goes to `before` (struct termios)
int berth_restore_terminal(int terminal, const void *before);
