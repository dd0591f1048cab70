import Glibc
import JSON
import NetCore
import TestSupport

@testable import Networks

extension PrivateHost {
    /// A host with a store; its responders end with it.
    static func withNetworks(_ body: @escaping @Sendable (PrivateHost, NetworkStore) throws -> Void) throws {
        try PrivateHost.run { host in
            let store = NetworkStore.ofTest()
            defer {
                do {
                    for pid in try NamesTests.responders(store) { kill(pid, SIGKILL) }
                } catch {
                    host.expect(false, "the responders cannot be ended: \(error)")
                }
            }
            try body(host, store)
        }
    }
}

extension NetworkStore {
    /// A store of the test's host; the plugins are those of BERTH_TEST_PLUGINS, else build/cni of this repository, and for
    /// what berth has not Debian's containernetworking-plugins.
    static func ofTest(_ name: String = "berth") -> NetworkStore {
        var plugins = #filePath.split(separator: "/").dropLast(3).map { "/\($0)" }.joined() + "/build/cni"
        if let named = getenv("BERTH_TEST_PLUGINS") { plugins = String(cString: named) }
        var store = NetworkStore(
            root: "/run/scratch/\(name)/root", run: "/run/scratch/\(name)/run", pluginPath: [plugins, "/usr/lib/cni"])
        store.administrated = "/run/scratch/net.d"
        return store
    }

    /// A new container on the network.
    func join(
        _ host: PrivateHost, _ name: String, _ network: String, interface: String = "eth0",
        _ change: (inout AttachmentWish) -> Void = { _ in }
    ) throws -> Container {
        var wish = AttachmentWish()
        wish.containerID = Container.id(name)
        wish.containerName = name
        wish.namespace = try host.makeNamespace(name)
        wish.interface = interface
        change(&wish)
        return Container(name: name, namespace: wish.namespace, attached: try attach(wish, to: network))
    }

    func leave(_ container: Container) throws {
        try detach(container.id, namespace: container.namespace, from: container.attached)
    }

    /// The refusal of `body`; status 0 when there was none.
    func refusal(_ body: () throws -> Void) throws -> (status: Int, words: String) {
        do {
            try body()
            return (0, "")
        } catch let error as NetworkError {
            return (error.status, error.description)
        }
    }
}

struct Container: Sendable {
    let name: String
    let namespace: String
    var attached: AttachedNetwork

    static func id(_ name: String) -> String { Hex.text(Digest.sha256(name)) }
    var id: String { Container.id(name) }
    /// Without the prefix length.
    var addresses: [IPAddress] { attached.addresses.compactMap { IPPrefix($0)?.address } }
    var v4: IPAddress { addresses.first { $0.family == .v4 }! }
}

/// A question to a name server from a namespace, by a socket of its own.
struct Lookup {
    var code: Int = -1
    var isTruncated = false
    var isAuthoritative = false
    var addresses: [String] = []
    var names: [String] = []

    /// A query's message (RFC 1035 section 4.1).
    static func query(_ name: String, _ type: UInt16, id: UInt16 = 0x1234, bufferSize: UInt16? = nil) -> [UInt8] {
        var bytes: [UInt8] = [UInt8(id >> 8), UInt8(id & 0xff), 1, 0, 0, 1, 0, 0, 0, 0, 0, bufferSize == nil ? 0 : 1]
        bytes += (DNSWire.encoded(name) ?? [0]) + [UInt8(type >> 8), UInt8(type & 0xff), 0, 1]
        if let bufferSize { bytes += [0, 0, 41, UInt8(bufferSize >> 8), UInt8(bufferSize & 0xff), 0, 0, 0, 0, 0, 0] }
        return bytes
    }

    init?(_ answer: [UInt8]) {
        guard answer.count >= 12 else { return nil }
        code = Int(answer[3] & 15)
        isTruncated = answer[2] & 2 != 0
        isAuthoritative = answer[2] & 4 != 0
        var offset = 12
        guard DNSWire.name(in: answer, at: &offset) != nil else { return nil }
        offset += 4
        for _ in 0..<Int(DNSWire.word(answer, 6)!) {
            guard DNSWire.name(in: answer, at: &offset) != nil, let type = DNSWire.word(answer, offset),
                let length = DNSWire.word(answer, offset + 8)
            else { return nil }
            let data = Array(answer[(offset + 10)..<(offset + 10 + Int(length))])
            if type == DNSWire.pointer {
                var start = offset + 10
                names.append(DNSWire.name(in: answer, at: &start).flatMap { DNSWire.key($0) } ?? "?")
            } else if let address = IPAddress(bytes: data) {
                addresses.append("\(address)")
            }
            offset += 10 + Int(length)
        }
    }

    /// Nil without an answer in time.
    static func ask(
        _ host: PrivateHost, from namespace: String?, _ server: String, _ message: [UInt8], byTCP: Bool = false,
        milliseconds: Int = 1500
    ) throws -> [UInt8]? {
        let body = { () throws -> [UInt8]? in
            let address = IPAddress(server)!
            let socket = try SocketAddress.socket(address.family, byTCP ? SOCK_STREAM : SOCK_DGRAM)
            let number = socket.number
            _ = fcntl(number, F_SETFL, fcntl(number, F_GETFL) & ~O_NONBLOCK)
            var patience = timeval(tv_sec: milliseconds / 1000, tv_usec: milliseconds % 1000 * 1000)
            for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
                setsockopt(number, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
            }
            guard SocketAddress(address, 53).use({ connect(number, $0, $1) }) == 0 else { return nil }
            let sent = byTCP ? [UInt8(message.count >> 8), UInt8(message.count & 0xff)] + message : message
            guard send(number, sent, sent.count, Int32(MSG_NOSIGNAL)) == sent.count else { return nil }
            var room = [UInt8](repeating: 0, count: 65536)
            var received: [UInt8] = []
            repeat {
                let count = recv(number, &room, room.count, 0)
                guard count > 0 else { return nil }
                received += room[..<count]
            } while byTCP && received.count < 2 + Int(DNSWire.word(received, 0) ?? 65535)
            return byTCP ? Array(received[2...]) : received
        }
        guard let namespace else { return try body() }
        return try host.inside(namespace, body)
    }

    static func ask(
        _ host: PrivateHost, from namespace: String?, _ server: String, _ name: String, _ type: UInt16 = DNSWire.a,
        byTCP: Bool = false
    ) throws -> Lookup? {
        try ask(host, from: namespace, server, query(name, type), byTCP: byTCP).flatMap { Lookup($0) }
    }
}
