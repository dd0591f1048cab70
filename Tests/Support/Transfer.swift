import CKernel
import Glibc
import NetCore

extension PrivateHost {
    /// Sends a stream of bytes over TCP for that many seconds; gives how many bytes a second came out at its other end,
    /// counted from the first that did. Nil when no connection came about.
    public func throughput(
        from client: String?, to target: Endpoint, at server: String?, seconds: Double = 1.5
    ) throws -> Double? {
        let listening = try within(server) { () throws -> Socket in
            let socket = try Socket(.tcp, target.address.family)
            try socket.bind(target)
            return socket
        }
        try check("listen") { listen(listening.number, 1) }
        let calling = try within(client) { try Socket(.tcp, target.address.family) }
        guard calling.connect(target), listening.wait(POLLIN, 3000), let (accepted, _) = listening.accept() else {
            return nil
        }
        let block = [UInt8](repeating: 7, count: 1 << 16)
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 18, alignment: 8)
        defer { room.deallocate() }
        var count = 0
        var start: Double?
        let began = PrivateHost.now
        while PrivateHost.now - began < seconds {
            var events = [
                pollfd(fd: calling.number, events: Int16(POLLOUT), revents: 0),
                pollfd(fd: accepted.number, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&events, 2, 100) >= 0 else { break }
            if events[0].revents & Int16(POLLOUT) != 0 {
                send(calling.number, block, block.count, Int32(MSG_NOSIGNAL))
            }
            guard events[1].revents & Int16(POLLIN) != 0 else { continue }
            let got = recv(accepted.number, room.baseAddress, room.count, 0)
            guard got > 0 else { continue }
            if start == nil { start = PrivateHost.now }
            count += got
        }
        guard let start else { return 0 }
        return Double(count) / max(PrivateHost.now - start, 0.001)
    }

    private static var now: Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
