import Glibc
import NetCore

// The rule between who writes a log and who follows it:
//
// 1. The newest file is PATH, older ones PATH.1, PATH.2, …; a file only ever moves to the next number, and is never written
//    to once another has taken its name. The name PATH always stands for a file: the new one is renamed over it, after the
//    old one has its second name PATH.1.
// 2. A follower holds the file that it reads open, with flock(LOCK_SH). At its end it looks whether PATH is that same file.
//    If not, it reads once more to the end (that was all there will ever be), and goes on with the file one number lower.
// 3. The writer takes away no file beyond --log-max-file that it cannot lock (somebody reads it), and none newer than that
//    one; but it keeps no more than `spare` files for that. Who is further behind than that learns how many files were lost.

/// A log's files.
struct LogChain {
    /// How many files beyond the limit are kept for a reader who is behind.
    static let spare = 64

    let path: String
    let limit: Int

    func name(_ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }

    /// The new, empty file, which has the log's name now. The old ones are one number higher, those beyond the limit gone.
    borrowing func rotate() throws(KernelError) -> OwnedDescriptor {
        let fresh = "\(path).new"
        unlink(fresh)
        let file = try OwnedDescriptor(open: fresh, O_WRONLY | O_APPEND | O_CREAT | O_EXCL, mode: 0o640)
        var last = 0
        while last < limit + LogChain.spare, Files.exists(name(last + 1)) { last += 1 }
        // The oldest go first, up to one that somebody reads.
        while last + 1 >= limit, last > 0, last + 1 >= limit + LogChain.spare || isUnread(name(last)) {
            unlink(name(last))
            last -= 1
        }
        if last > 0 {
            for number in stride(from: last, through: 1, by: -1) { rename(name(number), name(number + 1)) }
        }
        do throws(KernelError) {
            if limit > 1 || last > 0 || !isUnread(path) {
                try check("give \(path) the name \(name(1))") { link(path, name(1)) }
            }
            try check("rename \(fresh) to \(path)") { Glibc.rename(fresh, path) }
        } catch {
            // A disk may have no room for another name, either.
            unlink(fresh)
            if last > 0, !Files.exists(name(1)) {
                for number in 1...last { rename(name(number + 1), name(number)) }
            }
            throw error
        }
        return file
    }

    private func isUnread(_ path: String) -> Bool {
        let number = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard number >= 0 else { return true }
        defer { close(number) }
        return flock(number, LOCK_EX | LOCK_NB) == 0
    }
}

/// Which file a descriptor or a name stands for.
struct FileIdentity: Equatable {
    let device: UInt64
    let inode: UInt64
    /// How many names it has.
    let names: Int

    init?(_ descriptor: Int32) {
        var found = stat()
        guard fstat(descriptor, &found) == 0 else { return nil }
        self.init(found)
    }

    init?(path: String) {
        var found = stat()
        guard stat(path, &found) == 0 else { return nil }
        self.init(found)
    }

    private init(_ found: stat) {
        (device, inode, names) = (UInt64(found.st_dev), UInt64(found.st_ino), Int(found.st_nlink))
    }

    static func == (one: FileIdentity, other: FileIdentity) -> Bool {
        one.device == other.device && one.inode == other.inode
    }
}
