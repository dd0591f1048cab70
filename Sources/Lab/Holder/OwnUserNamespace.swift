import CContainer
import Glibc
import NetCore

/// For who is not root: a user namespace in which this user is.
enum OwnUserNamespace {
    private static let administers: UInt64 = 1 << 21  // CAP_SYS_ADMIN

    /// The process may make namespaces: it may already, or is in a user namespace of its own with its user and group as root
    /// (man 7 user_namespaces). It must have one thread.
    static func make() throws(LabError) {
        var (effective, permitted, inheritable): (UInt64, UInt64, UInt64) = (0, 0, 0)
        if berth_capget(&effective, &permitted, &inheritable) == 0, effective & administers != 0 { return }
        let (user, group) = (geteuid(), getegid())
        try during("make a user namespace") { () throws(KernelError) in
            try check("make a user namespace") { berth_unshare_kinds(Int32(CLONE_NEWUSER)) }
            try write("setgroups", "deny")
            try write("uid_map", "0 \(user) 1\n")
            try write("gid_map", "0 \(group) 1\n")
        }
    }

    private static func write(_ name: String, _ text: String) throws(KernelError) {
        let path = "/proc/self/\(name)"
        let file = try OwnedDescriptor(open: path, O_WRONLY)
        try Files.write(Array(text.utf8), to: file.number, operation: "write \(path)")
    }
}
