import JSON

/// What a container may ask of the kernel when nobody says otherwise: all that programs need on their own, and nothing that
/// reaches around the container. Calls that change the host are allowed with the capability that they take anyway.
enum SeccompProfile {
    /// `linux.seccomp` of a bundle whose process has these capabilities.
    static func document(_ capabilities: Set<String>) -> JSON {
        var rules: [JSON] = [allow(general)]
        for (capability, calls) in privileged where capabilities.contains(capability) { rules.append(allow(calls)) }
        // Of address families all but the one of virtual machines.
        rules.append(allow(["socket"], [["index": 0, "value": 40, "op": "SCMP_CMP_NE"]]))
        for value in [0, 8, 0x20000, 0x20008, 0xffff_ffff] as [Int64] {
            rules.append(allow(["personality"], [["index": 0, "value": .integer(value), "op": "SCMP_CMP_EQ"]]))
        }
        if !capabilities.contains("CAP_SYS_ADMIN") {
            // clone(2) that makes no namespace; clone3 hides its flags in memory: ENOSYS sends the C library to clone.
            let flags: Int64 = 0x7e02_0000
            rules.append(
                allow(
                    ["clone"],
                    [["index": 0, "value": .integer(flags), "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"]]))
            rules.append(["names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38])
        }
        return [
            "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 1, "architectures": architectures,
            "syscalls": .array(rules),
        ]
    }

    private static var architectures: JSON {
        #if arch(x86_64)
            ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
        #else
            ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"]
        #endif
    }

    private static func allow(_ calls: [String], _ arguments: JSON? = nil) -> JSON {
        var rule: JSONObject = ["names": .array(calls.map { .string($0) }), "action": "SCMP_ACT_ALLOW"]
        if let arguments { rule["args"] = arguments }
        return .object(rule)
    }

    private static func words(_ text: String) -> [String] { text.split { $0 == " " || $0 == "\n" }.map(String.init) }

    private static let general = words(
        """
        read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 sendfile sendfile64 copy_file_range splice tee vmsplice
        open openat openat2 creat close close_range dup dup2 dup3 fcntl fcntl64 flock lseek _llseek truncate truncate64 ftruncate
        ftruncate64 fallocate fadvise64 fadvise64_64 readahead fsync fdatasync sync sync_file_range syncfs
        stat stat64 lstat lstat64 fstat fstat64 fstatat64 newfstatat statx statfs statfs64 fstatfs fstatfs64 access faccessat faccessat2
        chdir fchdir getcwd mkdir mkdirat rmdir rename renameat renameat2 link linkat unlink unlinkat symlink symlinkat readlink readlinkat
        mknod mknodat chmod fchmod fchmodat fchmodat2 chown chown32 lchown lchown32 fchown fchown32 fchownat umask utime utimes utimensat
        utimensat_time64 futimesat getdents getdents64 getxattr lgetxattr fgetxattr setxattr lsetxattr fsetxattr listxattr llistxattr
        flistxattr removexattr lremovexattr fremovexattr inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark
        mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall brk pkey_alloc pkey_free
        pkey_mprotect membarrier memfd_create memfd_secret remap_file_pages map_shadow_stack mseal process_mrelease get_mempolicy
        execve execveat exit exit_group fork vfork wait4 waitid waitpid getpid getppid gettid getpgid getpgrp setpgid getsid setsid
        set_tid_address set_robust_list get_robust_list rseq arch_prctl prctl capget capset seccomp
        getuid getuid32 geteuid geteuid32 getgid getgid32 getegid getegid32 getresuid getresuid32 getresgid getresgid32 getgroups
        getgroups32 setuid setuid32 setgid setgid32 setreuid setreuid32 setregid setregid32 setresuid setresuid32 setresgid setresgid32
        setfsuid setfsuid32 setfsgid setfsgid32 setgroups setgroups32
        sched_yield sched_getparam sched_setparam sched_getscheduler sched_setscheduler sched_getaffinity sched_setaffinity sched_getattr
        sched_setattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval sched_rr_get_interval_time64 getpriority
        setpriority ioprio_get ioprio_set getcpu getrlimit ugetrlimit setrlimit prlimit64 getrusage times sysinfo uname
        rt_sigaction rt_sigprocmask rt_sigpending rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64
        rt_tgsigqueueinfo sigaction sigprocmask sigpending sigreturn sigsuspend signal sigaltstack signalfd signalfd4 kill tkill tgkill
        pause alarm pidfd_open pidfd_send_signal restart_syscall
        futex futex_time64 futex_waitv futex_requeue futex_wait futex_wake nanosleep clock_nanosleep clock_nanosleep_time64 clock_gettime
        clock_gettime64 clock_getres clock_getres_time64 gettimeofday time timer_create timer_delete timer_getoverrun timer_gettime
        timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime timerfd_settime64
        getitimer setitimer adjtimex clock_adjtime clock_adjtime64
        select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_wait
        epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 pipe pipe2
        socketpair socketcall bind listen accept accept4 connect getsockname getpeername getsockopt setsockopt shutdown send sendto sendmsg
        sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64
        io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents io_pgetevents_time64
        shmget shmat shmctl shmdt semget semop semctl semtimedop semtimedop_time64 msgget msgsnd msgrcv msgctl ipc mq_open mq_unlink
        mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64 mq_notify mq_getsetattr
        ioctl getrandom get_thread_area set_thread_area modify_ldt landlock_create_ruleset landlock_add_rule landlock_restrict_self
        name_to_handle_at ptrace process_vm_readv process_vm_writev cachestat statmount listmount
        """)

    private static let privileged: [(String, [String])] = [
        (
            "CAP_SYS_ADMIN",
            words(
                """
                clone clone3 unshare setns mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick bpf
                fanotify_init lookup_dcookie perf_event_open quotactl quotactl_fd setdomainname sethostname syslog
                """)
        ),
        ("CAP_SYS_CHROOT", ["chroot"]), ("CAP_SYS_BOOT", ["reboot"]),
        ("CAP_SYS_MODULE", ["init_module", "finit_module", "delete_module"]), ("CAP_SYS_PACCT", ["acct"]),
        ("CAP_SYS_PTRACE", ["kcmp", "pidfd_getfd", "process_madvise"]), ("CAP_SYS_RAWIO", ["iopl", "ioperm"]),
        ("CAP_SYS_TIME", ["settimeofday", "stime", "clock_settime", "clock_settime64"]),
        ("CAP_SYS_TTY_CONFIG", ["vhangup"]),
        ("CAP_SYS_NICE", ["mbind", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages"]),
        ("CAP_SYSLOG", ["syslog"]), ("CAP_BPF", ["bpf"]), ("CAP_PERFMON", ["perf_event_open"]),
        ("CAP_DAC_READ_SEARCH", ["open_by_handle_at"]),
    ]
}
