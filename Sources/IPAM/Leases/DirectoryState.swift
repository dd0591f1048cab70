import Glibc
import NetCore

/// One state of a directory's names: equal for equal states, told by stat(2) alone. Since Linux 6.13 a change gets a time of its own when
/// the one before was asked for (multigrain timestamps, Documentation/filesystems/multigrain-ts.rst in the kernel), in the file systems
/// that keep them; elsewhere two changes within a tick of the clock, 1 to 10 ms, have the same time, and there is no such state.
struct DirectoryState: Hashable {
    /// Inode, and when anything of it was last changed (st_ctim, which nobody can set), in digits and blanks.
    let text: String

    /// Nil when it cannot be told apart from every other.
    init?(of path: String) {
        guard DirectoryState.hasTimes, DirectoryState.fileSystems.contains(Files.fileSystem(of: path)) else {
            return nil
        }
        self.init(askedOf: path)
    }

    /// As above, on any kernel and file system.
    init?(askedOf path: String) {
        var found = stat()
        // Whole seconds only: a file system with short inodes.
        guard stat(path, &found) == 0, found.st_ctim.tv_nsec != 0 else { return nil }
        text = "\(found.st_ino) \(found.st_ctim.tv_sec) \(found.st_ctim.tv_nsec)"
    }

    /// tmpfs, ext4, xfs, btrfs (linux/magic.h): FS_MGTIME in the kernel.
    private static let fileSystems: [UInt64] = [0x0102_1994, 0xef53, 0x5846_5342, 0x9123_683e]

    private static let hasTimes: Bool = {
        var name = utsname()
        guard uname(&name) == 0 else { return false }
        let release = withUnsafePointer(to: &name.release) {
            $0.withMemoryRebound(to: CChar.self, capacity: 65) { String(cString: $0) }
        }
        return DirectoryState.isRecent(release)
    }()

    /// Whether a kernel's release is 6.13 or later.
    static func isRecent(_ release: String) -> Bool {
        let numbers = release.split(separator: ".", maxSplits: 2).prefix(2).map { part in
            part.utf8.prefix { (0x30...0x39).contains($0) }.reduce(0) { min($0 * 10 + Int($1 - 0x30), 1_000_000) }
        }
        return numbers.count == 2 && (numbers[0] > 6 || numbers[0] == 6 && numbers[1] >= 13)
    }
}
