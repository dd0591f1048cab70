#pragma once
#include <stdint.h>

// What berth-shim asks of the kernel and the Swift importer does not show. Each gives -1 with errno set on failure.

int berth_shim_become_subreaper(void);           // man 2 prctl, PR_SET_CHILD_SUBREAPER
int berth_shim_pipe(int ends[2]);                // close-on-exec, and above the three standard descriptors
int berth_shim_child_signal(void);               // a signalfd for SIGCHLD, which is blocked from now on
int berth_shim_pidfd(int pid);                   // man 2 pidfd_open
int berth_shim_signal(int pidfd, int signal);    // man 2 pidfd_send_signal
int berth_shim_accept(int listener);             // close-on-exec and non-blocking
int berth_shim_receive_descriptor(int socket);   // the descriptor of one message (SCM_RIGHTS), close-on-exec
long berth_shim_send(int socket, const void *bytes, unsigned long count); // without SIGPIPE
int berth_shim_set_window(int terminal, unsigned rows, unsigned columns);
int berth_set_name(const char *name);            // what ps shows of it (man 2 prctl, PR_SET_NAME)
