import Glibc
import NetCore

/// A name in a directory with its inode's number.
struct DirectoryEntry {
    let name: String
    let inode: UInt64

    /// Hands every name of a directory but "." and ".." to `body`, in the kernel's order (man 3 readdir): nothing is opened.
    static func forEach(in path: String, _ body: (DirectoryEntry) -> Void) throws(KernelError) {
        guard let handle = opendir(path) else { throw KernelError("list \(path)", .current) }
        defer { closedir(handle) }
        while true {
            errno = 0
            guard let entry = readdir(handle) else {
                let code = Errno.current
                if code.rawValue != 0 { throw KernelError("list \(path)", code) }
                return
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { body(DirectoryEntry(name: name, inode: UInt64(entry.pointee.d_ino))) }
        }
    }
}
