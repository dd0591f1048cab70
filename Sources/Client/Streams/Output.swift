import Glibc
import NetCore

/// What goes to this process's standard streams.
public enum Output {
    /// All of it. A reader that went away ends the process quietly, as SIGPIPE would.
    public static func write(_ bytes: some Collection<UInt8>, to descriptor: Int32 = STDOUT_FILENO) throws(ClientError)
    {
        let bytes = Array(bytes)
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + done, $0.count - done) }
            if count > 0 {
                done += count
            } else if errno == EAGAIN {
                var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
                poll(&wait, 1, -1)
            } else if errno == EPIPE {
                throw ClientError("nobody reads what is written", by: "EPIPE", exitCode: 128 + SIGPIPE)
            } else if errno != EINTR {
                throw ClientError(KernelError("write to descriptor \(descriptor)", .current))
            }
        }
    }

    /// A line on standard output.
    public static func line(_ text: String) throws(ClientError) { try write((text + "\n").utf8) }

    /// Text on standard error.
    public static func tell(_ text: String) { _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) } }
}
