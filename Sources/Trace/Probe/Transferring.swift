import NetCore

extension TraceRun {
    /// The handshake is done: sends the payload, and takes in what is told of it until all of it is acknowledged, the connection has
    /// ended, or nothing more was acknowledged for a second. The kernel sends again after 200 ms, and then after 400 ms more.
    mutating func transfer(_ socket: borrowing ProbeSocket) throws(TraceError) {
        var stream = ProbeStream(Array(probe.payload.utf8))
        // Conntrack's word on the SYN: behind a source NAT the rest is traced by another port.
        try read(socket.descriptor, 0, wantsAnswer: false)
        try follow(socket.number)
        let patience = Int64(min(probe.milliseconds, TraceRun.stall))
        let began = milliseconds()
        var last = began
        while !stream.isAcknowledged, stream.failure == nil, milliseconds() - last < patience,
            milliseconds() - began < TraceRun.longest
        {
            let (descriptor, node) = (socket.descriptor, probe.source)
            let isProgress = try Tracer.kernel(node) { () throws(KernelError) in try stream.go(descriptor) }
            if isProgress { last = milliseconds() }
            guard !stream.isAcknowledged, stream.failure == nil else { break }
            // The capture wakes with the acknowledgement, a moment before the socket has it.
            try read(descriptor, milliseconds() - last < 50 ? 2 : 20, wantsAnswer: false)
        }
        self.stream = stream
        // What is still under way to the tracer.
        var known = told(socket)
        for _ in 0..<20 {
            try read(socket.descriptor, 15, wantsAnswer: false)
            let now = told(socket)
            if now == known { break }
            known = now
        }
    }

    /// Milliseconds without an acknowledgement after which a transfer has stalled; and for how long one may last.
    private static let stall = 1000
    private static let longest: Int64 = 20_000
}
