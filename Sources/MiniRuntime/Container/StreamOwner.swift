import Glibc
import NetCore

/// Pipes that are a process's standard streams belong to its user: else /dev/stdout could not be opened by its name (man 7 pipe: a pipe is
/// its maker's alone).
enum StreamOwner {
    /// `user` as the namespace of `pid` counts. A stream that cannot be given away stays as it is, and works as it is.
    static func give(to user: UInt32, in pid: pid_t) {
        var map = Array("0 0 4294967295".utf8)
        do throws(KernelError) {
            map = try Files.read("/proc/\(pid)/uid_map", limit: 65536)
        } catch {
            // A kernel without user namespaces has no such file; whose process has ended needs no stream.
        }
        guard let owner = outside(user, map) else { return }
        for stream in Int32(0)...2 {
            var found = stat()
            guard fstat(stream, &found) == 0, found.st_mode & S_IFMT == S_IFIFO, found.st_uid != owner else { continue }
            _ = fchown(stream, owner, .max)
        }
    }

    /// By the lines of a uid_map: inside, outside, count.
    private static func outside(_ user: UInt32, _ text: [UInt8]) -> UInt32? {
        for line in text.split(separator: UInt8(ascii: "\n")) {
            let numbers = line.split(separator: UInt8(ascii: " ")).compactMap {
                UInt64(String(decoding: $0, as: UTF8.self))
            }
            guard numbers.count == 3, UInt64(user) >= numbers[0], UInt64(user) - numbers[0] < numbers[2] else {
                continue
            }
            return UInt32(truncatingIfNeeded: numbers[1] + UInt64(user) - numbers[0])
        }
        return nil
    }
}
