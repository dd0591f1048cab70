import CKernel
import Glibc
import NetCore

/// Where the lab keeps what is known of the world that stands. One world a user: its holder has the directory's lock
/// (flock(2)), and a state file that bears its number.
public struct LabDirectory: Hashable, Sendable {
    public let path: String

    public init(_ path: String) { self.path = path }

    /// `$XDG_RUNTIME_DIR/berth/lab`, for root else `/run/berth/lab`, for others else `/tmp/berth-lab-UID`.
    public static var standard: LabDirectory {
        // A command that the holder does for one in the world: there its user may look like root.
        if let value = getenv(HeldProgram.directoryVariable), value.pointee == UInt8(ascii: "/") {
            return LabDirectory(String(cString: value))
        }
        if let value = getenv("XDG_RUNTIME_DIR"), value.pointee == UInt8(ascii: "/") {
            return LabDirectory("\(String(cString: value))/berth/lab")
        }
        return LabDirectory(geteuid() == 0 ? "/run/berth/lab" : "/tmp/berth-lab-\(geteuid())")
    }

    func file(_ holder: Int32) -> String { "\(path)/\(LabDirectory.name(holder))" }
    static func name(_ holder: Int32) -> String { "world-\(holder).json" }

    /// The directory is there, this user's and nobody else's to write, and locked. Waits up to two seconds for a world that
    /// is just ending; throws E-EXISTS when one stands, E-PRIVILEGE when the directory is somebody else's.
    func lock() throws(LabError) -> Int32 {
        try during("make \(path)") { () throws(KernelError) in
            try Files.makeDirectories(Files.directory(of: path))
        }
        for _ in 0..<400 {
            if mkdir(path, 0o700) != 0, errno != EEXIST {
                throw LabError(KernelError.ofFile("make directory \(path)", .current), "make \(path)")
            }
            let number = berth_open_cloexec(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
            guard number >= 0 else {
                // Removed by a world that has just ended.
                if errno == ENOENT { continue }
                throw LabError(KernelError("open \(path)", .current), "open \(path)")
            }
            try owned(number)
            if flock(number, LOCK_EX | LOCK_NB) == 0, isHere(number) { return number }
            close(number)
            if let state = try WorldState.standing(in: self) {
                throw LabError(
                    .exists, "world \(state.description.name) stands already",
                    cause: "one world at a time: its holder is process \(state.holder.pid)",
                    fix: "go on with it (berth lab status), or end it: berth lab stop")
            }
            usleep(5000)
        }
        throw LabError(
            .exists, "another world is being made",
            cause: "\(path) has been locked for two seconds, and no world has come of it",
            fix: "wait for it, or look who holds it: lsof \(path)")
    }

    /// What others could have put there is not believed.
    private func owned(_ descriptor: Int32) throws(LabError) {
        var found = stat()
        guard fstat(descriptor, &found) == 0, found.st_uid == geteuid(), found.st_mode & 0o022 == 0 else {
            close(descriptor)
            throw LabError(
                .privilege, "will not use \(path)",
                cause: "it is not yours alone: owner \(found.st_uid), mode \(String(found.st_mode & 0o777, radix: 8))",
                fix: "remove it, or set XDG_RUNTIME_DIR to a directory of your own")
        }
    }

    /// The name still leads to the open directory.
    private func isHere(_ descriptor: Int32) -> Bool {
        var (open, named) = (stat(), stat())
        return fstat(descriptor, &open) == 0 && lstat(path, &named) == 0 && open.st_ino == named.st_ino
            && open.st_dev == named.st_dev
    }

    /// May what stands in it be believed? Not there: yes, there is nothing.
    func check() throws(LabError) -> Bool {
        let number = berth_open_cloexec(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0)
        guard number >= 0 else {
            if errno == ENOENT { return false }
            throw LabError(KernelError("open \(path)", .current), "open \(path)")
        }
        try owned(number)
        close(number)
        return true
    }
}
