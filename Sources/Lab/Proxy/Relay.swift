import CContainer
import CKernel
import Glibc
import NetCore

/// Takes TCP connections at a listening socket and makes one of its own to the target for each: two connections, between which it
/// carries bytes. One thread, so many at a time; whoever comes then waits in the kernel's queue.
struct Relay {
    static let most = 256
    private let listener: Int32
    private let target: ProxyTarget
    private var pairs: [RelayPair] = []
    /// Failures that are still told; the rest is left out.
    private var words = 20

    init(_ listener: Int32, to target: ProxyTarget) { (self.listener, self.target) = (listener, target) }

    /// Until the process ends.
    mutating func run() -> Never {
        signal(SIGPIPE, SIG_IGN)
        while true { step() }
    }

    private mutating func step() {
        var polled = [
            pollfd(fd: pairs.count < Relay.most ? listener : -1, events: Int16(POLLIN), revents: 0)
        ]
        for pair in pairs { polled += pair.polled }
        // Once a second it looks who has waited for the target too long.
        guard poll(&polled, nfds_t(polled.count), pairs.contains(where: \.isConnecting) ? 1000 : -1) >= 0 else {
            return
        }
        for (index, pair) in pairs.enumerated() {
            pair.serve(client: polled[1 + index * 2].revents, server: polled[2 + index * 2].revents)
            if let failure = pair.failure { tell(failure) }
        }
        pairs.removeAll(where: \.isOver)
        if polled[0].revents != 0 { take() }
    }

    private mutating func take() {
        for _ in 0..<16 where pairs.count < Relay.most {
            let client = berth_shim_accept(listener)
            guard client >= 0 else {
                // Out of descriptors, most likely: not a hundred thousand times a second.
                if errno != EAGAIN && errno != EINTR && errno != ECONNABORTED { usleep(100_000) }
                return
            }
            let pair = RelayPair(client, to: target)
            if let failure = pair.failure { tell(failure) }
            if !pair.isOver { pairs.append(pair) }
        }
    }

    private mutating func tell(_ failure: Errno) {
        guard words > 0 else { return }
        words -= 1
        let more = words == 0 ? "; more of these are not told" : ""
        let line = "berth: proxy: a connection to \(target.words) failed, its client was reset: \(failure)\(more)\n"
        _ = write(STDERR_FILENO, line, line.utf8.count)
    }
}

/// A client's connection and the one that was made for it.
final class RelayPair {
    private let client: Int32
    private let server: Int32
    private(set) var isConnecting = true
    private(set) var isOver = false
    /// Why there is no connection to the target; once.
    private(set) var failure: Errno?
    private let began = RelayPair.seconds()
    private var up = Stream()
    private var down = Stream()

    /// One direction: at most 64 KB are under way.
    private struct Stream {
        var waiting: ArraySlice<UInt8> = []
        var hasEnded = false
        var isShut = false
        var reads: Bool { !hasEnded && waiting.isEmpty }
    }

    init(_ client: Int32, to target: ProxyTarget) {
        self.client = client
        server = socket(
            Int32(target.address.family.constant),
            Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard server >= 0 else {
            end(.current)
            return
        }
        var on: Int32 = 1
        for number in [client, server] {
            // A peer that is gone for hours without a word is noticed.
            setsockopt(number, SOL_SOCKET, SO_KEEPALIVE, &on, 4)
            setsockopt(number, Int32(IPPROTO_TCP), 1, &on, 4)  // TCP_NODELAY: what comes goes on at once.
        }
        let address = Look.socketAddress(target.address, target.port)
        let code = address.withUnsafeBytes {
            connect(server, $0.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t($0.count))
        }
        if code != 0, errno != EINPROGRESS { end(.current) }
    }

    /// What it waits for: client, server. A reset is told in any case; a hang-up of one that is shut both ways would be told for ever.
    var polled: [pollfd] {
        func one(_ number: Int32, _ reads: Bool, _ writes: Bool, isShut: Bool) -> pollfd {
            let events = Int16((reads ? POLLIN : 0) | (writes ? POLLOUT : 0))
            return pollfd(fd: isShut && events == 0 ? -1 : number, events: events, revents: 0)
        }
        if isConnecting { return [one(client, false, false, isShut: false), one(server, false, true, isShut: false)] }
        return [
            one(client, up.reads, !down.waiting.isEmpty, isShut: up.hasEnded && down.isShut),
            one(server, down.reads, !up.waiting.isEmpty, isShut: down.hasEnded && up.isShut),
        ]
    }

    /// Goes on with what poll(2) told.
    func serve(client clientEvents: Int16, server serverEvents: Int16) {
        failure = nil
        if isConnecting {
            // The client has given up.
            guard clientEvents == 0 else { return end(nil) }
            guard serverEvents != 0 else {
                if RelayPair.seconds() - began > 10 { end(.timedOut) }
                return
            }
            var code: Int32 = 0
            var size = socklen_t(4)
            getsockopt(server, SOL_SOCKET, SO_ERROR, &code, &size)
            guard code == 0 else { return end(Errno(code)) }
            isConnecting = false
            return
        }
        guard clientEvents != 0 || serverEvents != 0 else { return }
        if (clientEvents | serverEvents) & Int16(POLLERR) != 0 { return end(nil) }
        let isWhole = carry(&up, from: client, to: server) && carry(&down, from: server, to: client)
        if !isWhole { end(nil) } else if up.isShut, down.isShut { close() }
    }

    /// False when one of the two has broken off.
    private func carry(_ stream: inout Stream, from source: Int32, to sink: Int32) -> Bool {
        if stream.reads {
            var bytes = [UInt8](repeating: 0, count: 65536)
            let count = recv(source, &bytes, bytes.count, Int32(MSG_DONTWAIT))
            if count > 0 {
                stream.waiting = bytes[..<count]
            } else if count == 0 {
                stream.hasEnded = true
            } else if errno != EAGAIN && errno != EINTR {
                return false
            }
        }
        if !stream.waiting.isEmpty {
            let count = stream.waiting.withUnsafeBytes { send(sink, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if count >= 0 {
                stream.waiting = stream.waiting.dropFirst(count)
            } else if errno != EAGAIN && errno != EINTR {
                return false
            }
        }
        if stream.hasEnded, stream.waiting.isEmpty, !stream.isShut {
            shutdown(sink, Int32(SHUT_WR))
            stream.isShut = true
        }
        return true
    }

    /// Both are reset: neither may take half a conversation for a whole one.
    private func end(_ failure: Errno?) {
        self.failure = failure
        var option = linger(l_onoff: 1, l_linger: 0)
        for number in [client, server] where number >= 0 {
            setsockopt(number, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
        close()
    }

    private func close() {
        isOver = true
        Glibc.close(client)
        if server >= 0 { Glibc.close(server) }
    }

    private static func seconds() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec
    }
}
