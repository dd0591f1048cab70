import CContainer
import CKernel
import Glibc
import NetCore

/// The content of a directory, copied into a fresh tmpfs over it (the mount option tmpcopyup).
enum TreeCopy {
    static func copy(from: Int32, to: Int32, _ name: String, depth: Int = 0) throws(KernelError) {
        guard depth < 64 else { throw KernelError("copy \(name)", Errno(ELOOP)) }
        let source = try check("open \(name)") { berth_openat(from, ".", O_RDONLY | O_DIRECTORY, 0) }
        guard let listing = fdopendir(source) else { throw KernelError("list \(name)", .current) }
        defer { closedir(listing) }
        while let entry = readdir(listing) {
            let child = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if child != "." && child != ".." { try copyOne(source, to, child, "\(name)/\(child)", depth) }
        }
    }

    private static func copyOne(_ from: Int32, _ to: Int32, _ name: String, _ path: String, _ depth: Int)
        throws(KernelError)
    {
        var found = stat()
        try check("look at \(path)") { fstatat(from, name, &found, AT_SYMLINK_NOFOLLOW) }
        switch found.st_mode & S_IFMT {
        case S_IFDIR:
            try check("make \(path)") { mkdirat(to, name, 0o700) }
            let below = OwnedDescriptor(
                taking: try check("open \(path)") { berth_openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) })
            let target = OwnedDescriptor(
                taking: try check("open \(path)") { berth_openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0) })
            try copy(from: below.number, to: target.number, path, depth: depth + 1)
            _ = fchmod(target.number, found.st_mode & 0o7777)
        case S_IFLNK:
            var text = [CChar](repeating: 0, count: 4097)
            try check("read \(path)") { Int(readlinkat(from, name, &text, 4096)) }
            try check("link \(path)") { symlinkat(text, to, name) }
        case S_IFREG:
            let source = OwnedDescriptor(
                taking: try check("open \(path)") { berth_openat(from, name, O_RDONLY | O_NOFOLLOW, 0) })
            let target = OwnedDescriptor(
                taking: try check("make \(path)") { berth_openat(to, name, O_WRONLY | O_CREAT | O_EXCL, 0o600) })
            while try check("copy \(path)", { sendfile(target.number, source.number, nil, 1 << 24) }) > 0 {}
            _ = fchmod(target.number, found.st_mode & 0o7777)
        default:
            return
        }
        _ = fchownat(to, name, found.st_uid, found.st_gid, AT_SYMLINK_NOFOLLOW)
    }
}
