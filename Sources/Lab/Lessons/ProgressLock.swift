import NetCore

/// One command at a time changes progress: who holds this has read what nobody else changes meanwhile. Ends with the last reference.
final class ProgressLock {
    private let lock: FileLock

    /// Waits at most a minute for another command, such as a solve of a whole lesson. Throws E-KERNEL after it.
    init(_ file: ProgressFile) throws(LabError) {
        let path = "\(file.path).lock"
        do throws(KernelError) {
            lock = try FileLock(path, .exclusive, seconds: 60)
        } catch {
            throw LabError(
                .kernel, "cannot change your progress", cause: "\(error)",
                fix: "another berth lab command holds \(path): wait for its end, and try again")
        }
    }
}
