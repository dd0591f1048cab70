import CKernel
import Glibc
import NetCore

/// The bytes that a probe's connection carries: written so that no packet is larger than its link, and what came of them.
struct ProbeStream {
    let bytes: [UInt8]
    private(set) var written = 0
    private(set) var acknowledged = 0
    private(set) var segments = 0
    private(set) var resent = 0
    /// Why the connection ended; nil while it stands.
    private(set) var failure: Errno?

    /// How many segments are under way at once: fewer than a new connection may send (10, RFC 6928), and an even number, as a
    /// receiver acknowledges every other one at once.
    private static let window = 8

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAcknowledged: Bool { acknowledged == bytes.count }

    /// Asks how far it has come, and writes what may follow; never waits. True: something was acknowledged. The connection stands.
    mutating func go(_ descriptor: Int32) throws(KernelError) -> Bool {
        var sent = berth_tcp_sent()
        try check("read what the probe's connection sent") { berth_tcp_sent(descriptor, &sent) }
        let now = max(acknowledged, written - Int(sent.unacknowledged))
        let isProgress = now > acknowledged
        (acknowledged, segments, resent) = (now, Int(sent.segments), Int(sent.again))
        var code: Int32 = 0
        var length = socklen_t(4)
        getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &length)
        if code != 0 { failure = Errno(code) }
        guard failure == nil, !isAcknowledged else { return isProgress }
        if written == 0 { try check("send each segment at once") { berth_tcp_send_at_once(descriptor) } }
        // The first one goes alone: what comes of it tells the size of the others.
        let most = (acknowledged == 0 ? 1 : ProbeStream.window) * Int(sent.size)
        while written < bytes.count, written - acknowledged + Int(sent.size) <= most {
            let part = bytes[written...].prefix(Int(sent.size))
            // A segment of its own, to which the kernel adds nothing: else a device that cuts segments itself (TSO) gets several
            // as one packet, and the captures before it see that.
            let flags = Int32(MSG_EOR) | Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
            let count = part.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, flags) }
            guard count > 0 else {
                let error = Errno.current
                if error != .tryAgain, error != .wouldBlock { failure = error }
                break
            }
            written += count
        }
        return isProgress
    }
}
