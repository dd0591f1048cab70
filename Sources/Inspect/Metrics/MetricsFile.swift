import Glibc
import NetCore

extension HostMetrics {
    /// `path` holds the whole text or is as before: who reads meanwhile never sees a part. Anybody may read it, as a
    /// collector of another user does. Throws E-FILE.
    public func write(to path: String) throws(InspectError) {
        let what = "cannot write the metrics to \(path)"
        let fix = "name a file in a directory that is there and that you may write"
        var found = stat()
        // A device or a link, such as /dev/stdout, would be replaced too.
        if lstat(path, &found) == 0, found.st_mode & S_IFMT != S_IFREG {
            throw InspectError(.file, what, cause: "it is no regular file, and would be replaced", fix: fix)
        }
        do throws(KernelError) {
            try Files.replace(path, with: Array(text.utf8), mode: 0o644)
        } catch {
            throw InspectError(.file, what, cause: "\(error)", fix: fix)
        }
    }
}
