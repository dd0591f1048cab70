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
        try check("make a pair of sockets") { berth_new_pair(&ends) }
        guard let between = try clone(0, CgroupPlaces(nil)) else {
            if berth_setns_kinds(space.number, Int32(truncatingIfNeeded: NamespaceSpec.Kind.user.flag)) == 0 {
                var handle: Int32 = -1
                let pid = berth_clone(flags | UInt64(CLONE_PARENT), places.birth, &handle)
                if pid == 0 { return nil }
                // Not its number, which may be counted in another pid namespace here.
                if pid > 0, berth_send_descriptor(ends[1], handle, "child") == 0 { _exit(0) }
            }
            _exit(errno)
        }
        close(ends[1])
        let handle = berth_receive_descriptor(ends[0])
        close(ends[0])
        let status = between.wait()
        guard handle >= 0, status == 0 else {
            if handle >= 0 { close(handle) }
            throw KernelError("make a process in the user namespace \(path)", Errno(status >> 8 & 0xff))
        }
        let owned = OwnedDescriptor(taking: handle)
        return NewProcess(pid: try number(of: owned.number), handle: owned)
    }

    /// The process that a pidfd stands for, as this one's /proc counts (man 2 pidfd_open).
    private static func number(of handle: Int32) throws(KernelError) -> pid_t {
        let text = String(decoding: try Files.read("/proc/self/fdinfo/\(handle)", limit: 65536), as: UTF8.self)
        for line in text.split(separator: "\n") where line.utf8.starts(with: "Pid:".utf8) {
            if let pid = pid_t(line.dropFirst(4).filter { $0 != "\t" && $0 != " " }), pid > 0 { return pid }
        }
        throw KernelError("look at a process that was made", Errno(ESRCH))
    }

    func kill() { berth_pidfd_signal(handle.number, SIGKILL) }

    /// As waitpid(2) gives it.
    func wait() -> Int32 {
        var status: Int32 = 0
        return berth_wait_child(pid, &status) == pid ? status : 0
    }
}
