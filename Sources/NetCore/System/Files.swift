import CKernel
import Glibc

/// Whole small files, with the kernel's own word on every failure. Paths are plain strings.
public enum Files {
    /// The file's bytes. Throws ENOENT and friends, and EFBIG past `limit` bytes.
    public static func read(_ path: String, limit: Int = 8 << 20) throws(KernelError) -> [UInt8] {
        let file = try OwnedDescriptor(open: path, O_RDONLY)
        return try read(file.number, limit: limit, operation: "read \(path)")
    }

    /// Everything up to the end of a descriptor. Throws EFBIG past `limit` bytes.
    public static func read(_ descriptor: Int32, limit: Int, operation: @autoclosure () -> String) throws(KernelError)
        -> [UInt8]
    {
        var bytes: [UInt8] = []
        var size = 4096
        while true {
            var outcome = 0
            let chunk = [UInt8](unsafeUninitializedCapacity: size) { room, filled in
                repeat {
                    outcome = Glibc.read(descriptor, room.baseAddress, room.count)
                } while outcome < 0 && errno == EINTR
                filled = max(outcome, 0)
            }
            if outcome < 0 { throw KernelError(operation(), .current) }
            if chunk.isEmpty { return bytes }
            guard bytes.count + chunk.count <= limit else {
                throw KernelError(operation(), .tooLarge, "more than \(limit) bytes")
            }
            // Most files are one chunk: it is not copied.
            if bytes.isEmpty { bytes = chunk } else { bytes += chunk }
            if chunk.count == size { size = 65536 }
        }
    }

    /// Every byte is written, in as many calls as it takes. Throws what write(2) says.
    public static func write(_ bytes: [UInt8], to descriptor: Int32, operation: @autoclosure () -> String)
        throws(KernelError)
    {
        var done = 0
        do throws(KernelError) {
            while done < bytes.count {
                done += try check(operation()) {
                    bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
                }
            }
        } catch {
            throw KernelError.ofFile(error.operation, error.errno)
        }
    }

    /// `path` holds `bytes` whole or is as before: a temporary file beside it, then rename(2).
    /// `durable` adds fsync of the file and of its directory (0.5 ms on a disk). The temporary file's name carries the
    /// process's number, unless one writer at a time is certain and names it.
    public static func replace(
        _ path: String, with bytes: [UInt8], mode: UInt32 = 0o600, durable: Bool = false, temporary name: String? = nil
    ) throws(KernelError) {
        let temporary = name ?? "\(path).tmp-\(getpid())"
        do throws(KernelError) {
            do {
                let file = try OwnedDescriptor(open: temporary, O_WRONLY | O_CREAT | O_TRUNC, mode: mode)
                try write(bytes, to: file.number, operation: "write \(temporary)")
                if durable { try check("fsync \(temporary)") { fsync(file.number) } }
            }
            try check("rename \(temporary) to \(path)") { rename(temporary, path) }
        } catch {
            unlink(temporary)
            throw error
        }
        if durable { try synchronizeDirectory(directory(of: path)) }
    }

    /// The file that is there holds `bytes`, written over what it held: for a disk without room for another one. Where `bytes` are no
    /// longer, that needs none on file systems that write in place. A reader, or who comes after a crash, may see a part; its first
    /// byte is 0 meanwhile, so that no text is taken for whole. Throws what the kernel said, with a file that is of no use then.
    public static func overwrite(_ path: String, with bytes: [UInt8]) throws(KernelError) {
        let file = try OwnedDescriptor(open: path, O_WRONLY)
        let number = file.number
        var zero: UInt8 = 0
        try check("write \(path)") { pwrite(number, &zero, 1, 0) }
        if bytes.count > 1 {
            try check("write \(path)") { Int32(truncatingIfNeeded: lseek(number, 1, SEEK_SET)) }
            try write(Array(bytes.dropFirst()), to: number, operation: "write \(path)")
        }
        try check("shorten \(path)") { ftruncate(number, off_t(bytes.count)) }
        if var first = bytes.first { try check("write \(path)") { pwrite(number, &first, 1, 0) } }
    }

    /// A new file with those bytes, or none; false, and nothing has changed, when the name is taken.
    public static func create(_ path: String, with bytes: [UInt8], mode: UInt32 = 0o600) throws(KernelError) -> Bool {
        do throws(KernelError) {
            let file = try OwnedDescriptor(open: path, O_WRONLY | O_CREAT | O_EXCL, mode: mode)
            do throws(KernelError) {
                try write(bytes, to: file.number, operation: "write \(path)")
            } catch {
                unlink(path)
                throw error
            }
            return true
        } catch  where error.errno == .alreadyExists {
            return false
        }
    }

    /// fsync of a directory: a created, renamed or removed name in it survives a power loss.
    public static func synchronizeDirectory(_ path: String) throws(KernelError) {
        let directory = try OwnedDescriptor(open: path, O_RDONLY | O_DIRECTORY)
        try check("fsync \(path)") { fsync(directory.number) }
    }

    /// The path's directory: everything before the last slash, "." without one.
    public static func directory(of path: String) -> String {
        guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    /// `path` and every directory above it exist (`mkdir -p`).
    public static func makeDirectories(_ path: String, mode: UInt32 = 0o755) throws(KernelError) {
        if mkdir(path, mode) == 0 { return }
        let code = Errno.current
        if code == .alreadyExists {
            var found = stat()
            guard stat(path, &found) == 0, found.st_mode & S_IFMT == S_IFDIR else {
                throw KernelError("make directory \(path)", Errno(ENOTDIR), "something else has that name")
            }
            return
        }
        guard code == .noSuchFile else { throw KernelError.ofFile("make directory \(path)", code) }
        try makeDirectories(directory(of: path), mode: mode)
        guard mkdir(path, mode) != 0 else { return }
        let second = Errno.current
        guard second == .alreadyExists else { throw KernelError.ofFile("make directory \(path)", second) }
    }

    /// The names in a directory, without "." and "..", in the kernel's order. One readdir pass, nothing is opened.
    public static func names(in path: String) throws(KernelError) -> [String] {
        guard let handle = opendir(path) else { throw KernelError("list \(path)", .current) }
        defer { closedir(handle) }
        var names: [String] = []
        while let entry = readdir(handle) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// The name is gone; that it was not there is no failure.
    public static func remove(_ path: String) throws(KernelError) {
        _ = try ignoring(.noSuchFile) { () throws(KernelError) in try check("remove \(path)") { unlink(path) } }
    }

    public static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// The kind of file system that a path is in, a number of linux/magic.h (man 2 statfs); 0 when it cannot be told.
    public static func fileSystem(of path: String) -> UInt64 { berth_file_system(path) }
}
