import CContainer
import Glibc
import NetCore

/// Namespaces entered for the time in which a child is made, so that the child is born in them.
struct BorrowedNamespaces: ~Copyable {
    private var home: [(descriptor: Int32, flag: Int32)] = []

    /// Mount namespaces are not borrowed: the child enters one itself.
    init(_ specs: [NamespaceSpec]) throws(KernelError) {
        for spec in specs {
            guard let path = spec.path, spec.kind != .mount, spec.kind != .user else { continue }
            let own = try OwnedDescriptor(open: "/proc/self/ns/\(spec.kind.file)", O_RDONLY)
            let other = try OwnedDescriptor(open: path, O_RDONLY | O_NONBLOCK)
            let flag = Int32(truncatingIfNeeded: spec.kind.flag)
            try check("enter the \(spec.kind.rawValue) namespace \(path)") { berth_setns_kinds(other.number, flag) }
            home.append((own.release(), flag))
        }
    }

    /// Back in the caller's own.
    mutating func giveBack() throws(KernelError) {
        for (descriptor, flag) in home {
            try check("go back to the caller's namespaces") { berth_setns_kinds(descriptor, flag) }
            close(descriptor)
        }
        home = []
    }
}

/// A child in namespaces of its own.
struct NewProcess: ~Copyable {
    let pid: pid_t
    /// Ready to be read when it has ended.
    let handle: OwnedDescriptor

    /// Nil in the child. Like fork(2) with the CLONE_ flags.
    static func clone(_ flags: UInt64, _ places: CgroupPlaces) throws(KernelError) -> NewProcess? {
        var handle: Int32 = -1
        fflush(nil)
        let pid = try check("make a process in new namespaces") { berth_clone(flags, places.birth, &handle) }
        return pid == 0 ? nil : NewProcess(pid: pid, handle: OwnedDescriptor(taking: handle))
    }

    /// As above, in a user namespace that exists: the calling process, which could not come back from it, sends another there,
    /// whose child is this one's. Nil in the child.
    static func clone(_ flags: UInt64, _ places: CgroupPlaces, userNamespace path: String) throws(KernelError)
        -> NewProcess?
    {
        let space = try OwnedDescriptor(open: path, O_RDONLY | O_NONBLOCK)
        var ends: [Int32] = [-1, -1]
        try check("make a pipe") { berth_new_pipe(&ends) }
        guard let between = try clone(0, CgroupPlaces(nil)) else {
            // The number of the child, or what the kernel said against it.
            var answer: Int32 = 0
            if berth_setns_kinds(space.number, Int32(truncatingIfNeeded: NamespaceSpec.Kind.user.flag)) != 0 {
                answer = -errno
            } else {
                var handle: Int32 = -1
                let pid = berth_clone(flags | UInt64(CLONE_PARENT), places.birth, &handle)
                if pid == 0 { return nil }
                answer = pid < 0 ? -errno : pid
            }
            _ = write(ends[1], &answer, 4)
            _exit(0)
        }
        close(ends[1])
        var answer: Int32 = 0
        let count = read(ends[0], &answer, 4)
        close(ends[0])
        _ = between.wait()
        guard count == 4, answer > 0 else {
            throw KernelError("make a process in the user namespace \(path)", Errno(count == 4 ? -answer : ECHILD))
        }
        let pid = answer
        return NewProcess(
            pid: pid, handle: OwnedDescriptor(taking: try check("look at process \(pid)") { berth_pidfd_open(pid) }))
    }

    func kill() { berth_pidfd_signal(handle.number, SIGKILL) }

    /// As waitpid(2) gives it.
    func wait() -> Int32 {
        var status: Int32 = 0
        return berth_wait_child(pid, &status) == pid ? status : 0
    }
}
