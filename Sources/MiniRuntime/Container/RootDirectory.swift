import CContainer
import CKernel
import Glibc
import NetCore

/// The container's root, seen from outside: no path of an image leads out of it, whatever its links say.
struct RootDirectory: ~Copyable {
    let descriptor: OwnedDescriptor

    init(_ descriptor: consuming OwnedDescriptor) { self.descriptor = descriptor }

    static let inside = UInt64(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)

    /// What stands at the path; nil when nothing does.
    func find(_ path: String, _ flags: Int32 = Int32(berth_o_path())) throws(KernelError) -> OwnedDescriptor? {
        let number = berth_openat2(descriptor.number, path, flags, 0, RootDirectory.inside)
        if number >= 0 { return OwnedDescriptor(taking: number) }
        let code = Errno.current
        if code == .noSuchFile || code.rawValue == ENOTDIR { return nil }
        throw KernelError("open \(path) in the container's root", code)
    }

    /// The directory of that path; the path is made where it is missing, through links that lead nowhere yet as well.
    func makeDirectory(_ path: String) throws(KernelError) -> OwnedDescriptor {
        if let found = try find(path) { return found }
        return try walk(path)
    }

    /// The file of that path, made empty where it is missing.
    func makeFile(_ path: String) throws(KernelError) -> OwnedDescriptor {
        if let found = try find(path) { return found }
        let name = RootDirectory.name(path)
        let parent = try makeDirectory(Files.directory(of: path))
        let flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW
        _ = try ignoring(.alreadyExists) { () throws(KernelError) in
            let number = berth_openat(parent.number, name, flags, 0o644)
            guard number >= 0 else { throw KernelError.ofFile("make \(path) in the container's root", .current) }
            close(number)
        }
        return try RootDirectory.open(parent.number, name, path)
    }

    static func name(_ path: String) -> String {
        String(path.split(separator: "/").last ?? "")
    }

    private static func open(_ directory: Int32, _ name: String, _ path: String) throws(KernelError) -> OwnedDescriptor
    {
        let number = berth_openat(directory, name, Int32(berth_o_path()) | O_NOFOLLOW, 0)
        guard number >= 0 else { throw KernelError("open \(path) in the container's root", .current) }
        return OwnedDescriptor(taking: number)
    }

    /// Step by step from one open directory to the next, without the kernel following anything: a link's text is read and
    /// walked from here, ".." is the step before, never above the root.
    private func walk(_ path: String) throws(KernelError) -> OwnedDescriptor {
        var steps: [Int32] = []
        defer { for step in steps { close(step) } }
        var rest = path.split(separator: "/").map(String.init)
        var links = 0
        while !rest.isEmpty {
            let name = rest.removeFirst()
            if name == "." || name.isEmpty { continue }
            if name == ".." {
                if let last = steps.popLast() { close(last) }
                continue
            }
            let current = steps.last ?? descriptor.number
            if mkdirat(current, name, 0o755) != 0, errno != EEXIST {
                throw KernelError.ofFile("make \(path) in the container's root", .current)
            }
            let next = try RootDirectory.open(current, name, path).release()
            var found = stat()
            guard fstat(next, &found) == 0, found.st_mode & S_IFMT == S_IFLNK else {
                steps.append(next)
                continue
            }
            close(next)
            links += 1
            guard links < 40 else { throw KernelError("make \(path) in the container's root", Errno(ELOOP)) }
            let target = RootDirectory.link(current, name)
            if target.utf8.first == UInt8(ascii: "/") {
                for step in steps { close(step) }
                steps = []
            }
            rest = target.split(separator: "/").map(String.init) + rest
        }
        let end = steps.popLast() ?? dup(descriptor.number)
        _ = berth_set_close_on_exec(end, 1)
        return OwnedDescriptor(taking: end)
    }

    private static func link(_ directory: Int32, _ name: String) -> String {
        var text = [CChar](repeating: 0, count: 4097)
        let count = readlinkat(directory, name, &text, 4096)
        return String(decoding: text[..<max(count, 0)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
