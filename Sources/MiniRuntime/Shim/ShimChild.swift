import CContainer
import Glibc
import NetCore

/// A process of the container, known by its pid file and held by a pidfd: the number cannot come to mean another.
final class ShimChild {
    let pid: pid_t
    /// -1 when it had ended before.
    private let handle: Int32

    init(pidFile: String) throws(KernelError) {
        let text = String(decoding: try Files.read(pidFile, limit: 64), as: UTF8.self)
        guard let number = pid_t(text.prefix { $0.isASCII && $0.isNumber }), number > 0 else {
            throw KernelError("read \(pidFile)", .badMessage, "it holds no pid")
        }
        pid = number
        handle = berth_shim_pidfd(number)
    }

    /// It gets the signal. Throws ESRCH when it has ended.
    func signal(_ signal: Int32) throws(KernelError) {
        guard handle >= 0 else { throw KernelError("send signal \(signal) to process \(pid)", .noSuchProcess) }
        try check("send signal \(signal) to process \(pid)") { berth_shim_signal(handle, signal) }
    }

    deinit { if handle >= 0 { close(handle) } }
}
