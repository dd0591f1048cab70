import CKernel
import Glibc
import NetCore

/// Network namespaces with a name, held by a bind mount as `ip netns` holds them (man 8 ip-netns): each tool sees what
/// the other made.
public enum NamedNamespace {
    /// Where `ip netns` keeps its names.
    public static let directory = "/run/netns"

    /// The file that stands for a namespace. Throws EINVAL when the name cannot be one.
    public static func path(_ name: String, directory: String = directory) throws(KernelError) -> String {
        if let fault = fault(in: name) {
            throw KernelError("name a network namespace \"\(name)\"", .invalidArgument, "the name \(fault)")
        }
        return "\(directory)/\(name)"
    }

    /// What is wrong with a name, as the end of a sentence; nil for one that `ip netns` takes too.
    public static func fault(in name: String) -> String? {
        if name.isEmpty { return "is empty" }
        if name == "." || name == ".." { return "is . or .." }
        if name.utf8.count > 255 { return "is longer than 255 bytes" }
        if name.utf8.contains(where: { $0 == 0 || $0 == UInt8(ascii: "/") }) { return "contains a / or a NUL" }
        return nil
    }

    /// A new network namespace has the name; gives its path. The calling thread is where it was before. Throws EEXIST
    /// for a name in use, EPERM without CAP_SYS_ADMIN; on failure the name is free. Like `ip netns add`.
    public static func add(_ name: String, directory: String = directory) throws(KernelError) -> String {
        try add(name, directory: directory) { path throws(KernelError) in try hold(newNamespaceAt: path) }
    }

    /// As above for a namespace of any kind that is open (man 7 namespaces).
    static func add(_ name: String, directory: String, _ descriptor: Int32) throws(KernelError) -> String {
        try add(name, directory: directory) { path throws(KernelError) in
            try check("bind a namespace to \(path)") {
                mount("/proc/self/fd/\(descriptor)", path, "none", UInt(MS_BIND), nil)
            }
        }
    }

    private static func add(
        _ name: String, directory: String, _ hold: (String) throws(KernelError) -> Void
    ) throws(KernelError) -> String {
        let path = try path(name, directory: directory)
        try shareMounts(of: directory)
        do throws(KernelError) {
            _ = try OwnedDescriptor(open: path, O_RDONLY | O_CREAT | O_EXCL)
        } catch  where error.errno == .alreadyExists {
            throw KernelError(
                "make network namespace \(name)", .alreadyExists,
                "\(path) exists: remove it (berth netns rm \(name)) or take another name")
        }
        do throws(KernelError) {
            try hold(path)
        } catch {
            unlink(path)
            throw error
        }
        return path
    }

    /// The name is gone; the namespace itself goes with its last process and descriptor. Throws ENOENT for a name that
    /// is not there. Like `ip netns delete`.
    public static func remove(_ name: String, directory: String = directory) throws(KernelError) {
        let path = try path(name, directory: directory)
        // EINVAL: nothing is mounted there, as after a crash between file and mount; the file still has to go.
        _ = try ignoring(.invalidArgument) { () throws(KernelError) in
            try check("unmount network namespace \(path)") { umount2(path, Int32(MNT_DETACH)) }
        }
        try check("remove network namespace \(path)") { unlink(path) }
    }

    /// The names that stand for a network namespace, sorted; none when the directory does not exist. Like `ip netns list`.
    public static func list(directory: String = directory) throws(KernelError) -> [String] {
        let found = try ignoring(.noSuchFile) { () throws(KernelError) in try Files.names(in: directory) }
        var names: [String] = []
        for name in found ?? [] {
            // A name may go between the listing and the look.
            let held = try ignoring(.noSuchFile, .accessDenied) { () throws(KernelError) in
                let file = try OwnedDescriptor(open: "\(directory)/\(name)", O_RDONLY | O_NONBLOCK)
                return berth_is_netns(file.number) == 1
            }
            if held == true { names.append(name) }
        }
        return names.sorted()
    }

    /// A fresh namespace is mounted over the file. unshare(2) moves this thread alone, setns(2) brings it back: correct
    /// with one thread and with many, where a fork would be neither.
    private static func hold(newNamespaceAt path: String) throws(KernelError) {
        let home = try NetworkNamespace.current()
        do throws(KernelError) {
            try check("make a network namespace for \(path)") { berth_unshare(berth_clone_newnet()) }
        } catch  where error.errno == .notPermitted {
            throw KernelError(error.operation, error.errno, "it takes root (CAP_SYS_ADMIN)")
        }
        let mounted = mount("/proc/thread-self/ns/net", path, "none", UInt(MS_BIND), nil)
        let code = Errno.current
        do throws(KernelError) {
            try home.enter()
        } catch {
            fatalError("\(error): going on in a stranger's namespace would be worse")
        }
        if mounted != 0 { throw KernelError("bind a network namespace to \(path)", code) }
    }

    /// The directory exists and its mounts reach other mount namespaces, so that a name removed here goes there too
    /// (man 8 ip-netns). A lock keeps two first callers from mounting it twice.
    private static func shareMounts(of directory: String) throws(KernelError) {
        try Files.makeDirectories(directory)
        let opened = try OwnedDescriptor(open: directory, O_RDONLY | O_DIRECTORY)
        try check("lock \(directory)") { flock(opened.number, LOCK_EX) }
        if mount("", directory, "none", UInt(MS_SHARED | MS_REC), nil) == 0 { return }
        let code = Errno.current
        guard code == .invalidArgument else {
            let advice = code == .notPermitted ? "it takes root (CAP_SYS_ADMIN)" : nil
            throw KernelError("share the mounts of \(directory)", code, advice)
        }
        // EINVAL: the directory is no mount of its own yet.
        try check("bind \(directory) to itself") { mount(directory, directory, "none", UInt(MS_BIND | MS_REC), nil) }
        try check("share the mounts of \(directory)") { mount("", directory, "none", UInt(MS_SHARED | MS_REC), nil) }
    }
}
